"""Lengths of time as people write them: 90s, 15m, 12h, 30d, 4w."""

import re

from lakeshare.errors import InvalidValue

_UNITS_MS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000}
_NAMES = {"d": "day", "h": "hour", "m": "minute", "s": "second"}
_LONGEST_MS = 100 * 366 * _UNITS_MS["d"]


def parse_duration(text: str) -> int:
    """Milliseconds. Raises InvalidValue where the text is no length of time from one second to a hundred years."""
    found = re.fullmatch(r"([0-9]{1,12})([wdhms])", text.strip())
    if found is None:
        raise InvalidValue(
            f"{text!r} is no length of time.", hint="Write a number and a unit: 90s, 15m, 12h, 30d or 4w."
        )
    milliseconds = int(found[1]) * _UNITS_MS[found[2]]
    if not 0 < milliseconds <= _LONGEST_MS:
        raise InvalidValue(f"{text!r} is not between one second and a hundred years.", hint="For example: 30d.")
    return milliseconds


def describe_duration(milliseconds: int) -> str:
    """The largest unit that divides it: 900000 is "15 minutes", 90000 is "90 seconds"."""
    unit = next(unit for unit in _NAMES if milliseconds % _UNITS_MS[unit] == 0 or unit == "s")
    count = milliseconds // _UNITS_MS[unit]
    return f"{count} {_NAMES[unit]}{'' if count == 1 else 's'}"
