"""NumPy scalars as Python objects. Imported when the first one is used as an argument."""

import numpy


def plain(value):
    """Return the Python object for a NumPy scalar, or NotImplemented if PostgreSQL has no corresponding type."""
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
    # 0.1 in single precision must be written as 0.1, not as 0.10000000149011612.
    return float(str(value))


def _moment(value):
    if numpy.isnat(value):
        return None
    unit = numpy.datetime_data(value.dtype)[0]
    if isinstance(value, numpy.datetime64):
        # For units finer than microseconds, item() returns a number instead of a datetime.
        return value.item() if unit == "D" else value.astype("M8[us]").item()
    # Months and years have no fixed length.
    return NotImplemented if unit in ("Y", "M", "generic") else value.astype("m8[us]").item()
