"""Variables of the front end: a mapping whose special names have checked values.

Names that mean something refuse values which do not; a boolean that is set to nothing is on.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

__all__ = ["SPECIAL", "Refused", "Variables", "boolean"]

_NAME = re.compile(r"[\w\x80-\U0010ffff]+")
_ON = ("true", "yes", "on", "1")
_OFF = ("false", "no", "off", "0")


class Refused(Exception):
    """A value that the variable does not take: the message, and a hint line."""


@functools.cache
def boolean(text: str) -> bool | None:
    """The truth of a word, or None where it is none; unambiguous beginnings count."""
    word = text.lower()
    if not word:
        return None
    if word == "o":
        return None
    for known, value in ((_ON, True), (_OFF, False)):
        if any(name.startswith(word) for name in known[:2]) or word in known[2:]:
            return value
    return False if word == "of" else None


def _boolean(name: str, value: str) -> str:
    if boolean(value) is None:
        raise Refused(f'unrecognized value "{value}" for "{name}": Boolean expected')
    return value


def _integer(name: str, value: str) -> str:
    if re.fullmatch(r"\s*[+-]?(0[xX][0-9a-fA-F]+|\d+)\s*", value) is None:
        raise Refused(f'invalid value "{value}" for variable "{name}": must be an integer'
                      if False else f'invalid value "{value}" for "{name}": integer expected')
    return value


def _choice(*words: str, booleans: bool = False) -> Callable[[str, str], str]:
    def check(name: str, value: str) -> str:
        if value.lower() in words or (booleans and boolean(value) is not None):
            return value
        raise Refused(f'unrecognized value "{value}" for "{name}"\n'
                      f"Available values are: {', '.join(words)}.")  # fmt: skip

    return check


#: Name → (value at the start, check, value where it is set to nothing or unset).
SPECIAL: dict[str, tuple[str, Callable[[str, str], str], str]] = {
    "AUTOCOMMIT": ("on", _boolean, "off"),
    "ECHO": ("none", _choice("none", "errors", "queries", "all"), "none"),
    "ECHO_HIDDEN": ("off", _choice("on", "off", "noexec", booleans=True), "off"),
    "HIDE_TABLEAM": ("off", _boolean, "off"),
    "HIDE_TOAST_COMPRESSION": ("off", _boolean, "off"),
    "ON_ERROR_ROLLBACK": ("off", _choice("on", "off", "interactive", booleans=True), "off"),
    "ON_ERROR_STOP": ("off", _boolean, "off"),
    "QUIET": ("off", _boolean, "off"),
    "SHOW_ALL_RESULTS": ("on", _boolean, "off"),
    "SHOW_CONTEXT": ("errors", _choice("never", "errors", "always"), "errors"),
    "SINGLELINE": ("off", _boolean, "off"),
    "VERBOSITY": ("default", _choice("default", "verbose", "terse", "sqlstate"), "default"),
}
_BOOLEANS = {name for name, row in SPECIAL.items() if row[1] is _boolean or name in (
    "ECHO_HIDDEN", "ON_ERROR_ROLLBACK")}  # fmt: skip
#: What psql has and means something by; not here.
_UNSUPPORTED = {"SINGLESTEP": ("off",), "FETCH_COUNT": ("0", "")}


class Variables(dict[str, str]):
    """Names and values; :meth:`assign` checks, plain item access does not."""

    def __init__(self) -> None:
        super().__init__({name: row[0] for name, row in SPECIAL.items()})

    def assign(self, name: str, value: str) -> None:
        """Set a variable as \\set does; Refused where it does not take the value."""
        if _NAME.fullmatch(name) is None:
            raise Refused(f'invalid variable name: "{name}"')
        if name in _UNSUPPORTED and value.lower() not in _UNSUPPORTED[name]:
            raise Refused(f"not supported: variable {name}")
        special = SPECIAL.get(name)
        if special is not None:
            if not value and name in _BOOLEANS:
                value = "on"
            value = special[1](name, value)
        self[name] = value

    def remove(self, name: str) -> None:
        """Unset a variable: special ones go back to what nothing means."""
        if name in SPECIAL:
            self[name] = SPECIAL[name][2]
        else:
            self.pop(name, None)

    def on(self, name: str) -> bool:
        """Whether a variable is on."""
        return bool(boolean(self.get(name, "")))

    def word(self, name: str) -> str:
        """The value of a special variable in small letters."""
        return self.get(name, "").lower()
