"""Time zone classes, which can be used as `cursor.tzinfo_factory`."""

import datetime
import time

ZERO = datetime.timedelta(0)
STDOFFSET = datetime.timedelta(seconds=-time.timezone)
DSTOFFSET = datetime.timedelta(seconds=-time.altzone) if time.daylight else STDOFFSET
DSTDIFF = DSTOFFSET - STDOFFSET


class FixedOffsetTimezone(datetime.tzinfo):
    """A time zone with a fixed offset east of UTC: a timedelta, or a number of minutes.

    `name` is the result of `tzname()`; by default it is the offset, such as `+02:00`. Calls with equal arguments return
    the same object.
    """

    _name = None
    _offset = ZERO
    _cache = {}

    def __new__(cls, offset=None, name=None):
        key = (offset, name)
        known = cls._cache.get(key)
        if known is None:
            known = cls._cache[key] = super().__new__(cls)
        return known

    def __init__(self, offset=None, name=None):
        if offset is not None:
            self._offset = offset if isinstance(offset, datetime.timedelta) else datetime.timedelta(minutes=offset)
        if name is not None:
            self._name = name

    def __repr__(self):
        return f"psycopg2.tz.FixedOffsetTimezone(offset={self._offset!r}, name={self._name!r})"

    def __eq__(self, other):
        return self._offset == other._offset if isinstance(other, FixedOffsetTimezone) else NotImplemented

    def __hash__(self):
        return hash(self._offset)

    def __getinitargs__(self):
        return self._offset, self._name

    def utcoffset(self, dt):
        """Return the offset from UTC, as a timedelta."""
        return self._offset

    def tzname(self, dt):
        """Return the name of the time zone, or its offset as `+HH`, `+HH:MM` or `+HH:MM:SS`."""
        if self._name is not None:
            return self._name
        seconds = self._offset.total_seconds()
        hours, rest = divmod(abs(seconds), 3600)
        minutes, seconds_left = divmod(rest, 60)
        name = f"{'-' if seconds < 0 else '+'}{int(hours):02d}"
        if minutes or seconds_left:
            name += f":{int(minutes):02d}"
        if seconds_left:
            name += f":{int(seconds_left):02d}"
        return name

    def dst(self, dt):
        """Return a timedelta of zero: there is no daylight saving time."""
        return ZERO


class LocalTimezone(datetime.tzinfo):
    """The local time zone of this machine, including daylight saving time."""

    def utcoffset(self, dt):
        """Return the offset from UTC at the local time `dt`, as a timedelta."""
        return DSTOFFSET if self._is_summer(dt) else STDOFFSET

    def dst(self, dt):
        """Return the daylight saving offset at the local time `dt`, as a timedelta."""
        return DSTDIFF if self._is_summer(dt) else ZERO

    def tzname(self, dt):
        """Return the name of the time zone at the local time `dt`."""
        return time.tzname[self._is_summer(dt)]

    @staticmethod
    def _is_summer(dt):
        moment = time.mktime((dt.year, dt.month, dt.day, dt.hour, dt.minute, dt.second, dt.weekday(), 0, -1))
        return time.localtime(moment).tm_isdst > 0


LOCAL = LocalTimezone()
