"""NumPy's scalars as Python's own objects. Imported when the first one is to be adapted."""

import numpy


def plain(value):
    """Return the Python object of a NumPy scalar; NotImplemented for what PostgreSQL has nothing like."""
    if isinstance(value, (numpy.datetime64, numpy.timedelta64)):
        return _moment(value)
    if isinstance(value, numpy.bool_):
        return bool(value)
    if isinstance(value, numpy.integer):
        return int(value)
    if isinstance(value, numpy.floating):
        return float(value) if value.dtype.itemsize >= 8 else _shortest(value)
    return NotImplemented


def _shortest(value):
    # 0.1 in single precision is to be read as 0.1, not as 0.10000000149011612.
    return float(str(value))


def _moment(value):
    if numpy.isnat(value):
        return None
    unit = numpy.datetime_data(value.dtype)[0]
    if isinstance(value, numpy.datetime64):
        # Finer units than microseconds would come out as a mere number.
        return value.item() if unit == "D" else value.astype("M8[us]").item()
    # A month is no fixed time.
    return NotImplemented if unit in ("Y", "M", "generic") else value.astype("m8[us]").item()
