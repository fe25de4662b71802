"""Settings (GUCs): PostgreSQL's names, defaults, units and ranges, and SET's rules.

The table comes from real servers of each major (``catalog/data/settings.json``). A value
is kept in the setting's base unit as bool, int, float or str; SHOW writes it in the
largest unit that fits, as the server does. :class:`Gucs` is one session's settings:
SET, RESET and SHOW by name, SET LOCAL until the transaction ends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from pgtool.errors import SqlError

__all__ = ["GucSpec", "Gucs", "specs"]

INVALID_PARAMETER_VALUE = "22023"
UNDEFINED_OBJECT = "42704"
CANT_CHANGE_RUNTIME_PARAM = "55P02"
INT_MAX = 2**31 - 1

Value = bool | int | float | str


@dataclass(frozen=True, slots=True)
class GucSpec:
    """One setting: what pg_settings says of it."""

    name: str
    category: str
    vartype: str
    unit: str
    context: str
    boot_val: str | None
    min_val: str | None
    max_val: str | None
    enumvals: tuple[str, ...]


#: Settings that pg_settings does not list.
_HIDDEN = (
    GucSpec("is_superuser", "", "bool", "", "internal", "off", None, None, ()),
    GucSpec("role", "", "string", "", "user", "none", None, None, ()),
    GucSpec("session_authorization", "", "string", "", "user", "", None, None, ()),
    GucSpec("seed", "", "real", "", "user", "0", "-1", "1", ()),
)


@cache
def specs(major: int) -> dict[str, GucSpec]:
    """The settings of a major by lower-case name."""
    source = resources.files("pgtool.catalog").joinpath("data/settings.json")
    out = {spec.name: spec for spec in _HIDDEN}
    for majors, *facts in json.loads(source.read_text("utf-8")):
        if major in majors:
            facts[-1] = tuple(facts[-1] or ())
            out[facts[0].lower()] = GucSpec(*facts)
    return out


# -- units ---------------------------------------------------------------------------------

_MEMORY: dict[str, float] = {"B": 1, "kB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}
#: In microseconds.
_TIME: dict[str, float] = {
    "us": 1, "ms": 1e3, "s": 1e6, "min": 6e7, "h": 3.6e9, "d": 8.64e10
}  # fmt: skip
_MEMORY_HINT = 'Valid units for this parameter are "B", "kB", "MB", "GB", and "TB".'
_TIME_HINT = 'Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".'


def _base(unit: str) -> tuple[dict[str, float], float]:
    """(units that a setting takes, size of its base unit in the smallest of them)."""
    match = re.fullmatch(r"(\d*)(\w+)", unit)
    if match is None:
        return {}, 1
    count = int(match[1] or 1)
    table = _MEMORY if match[2] in _MEMORY else _TIME
    return table, count * table[match[2]]


def _shown(value: float, unit: str, integer: bool) -> str:
    """A positive number in the largest unit that holds it without a fraction."""
    table, size = _base(unit)
    for name, scale in reversed(table.items()):
        amount = value * size / scale
        if integer and value * size % scale == 0:
            return f"{int(amount)}{name}"
        if not integer and abs(round(amount) - amount) <= 1e-8 and round(amount) > 0:
            return f"{amount:g}{name}"
    return f"{value:g}" + (unit if unit in table else "")


_INTEGER = re.compile(r"\s*([+-]?(?:0[xX][0-9a-fA-F]+|\d+))(?![.\deE])\s*(\w*)\s*")
_REAL = re.compile(r"\s*([+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?))\s*(\w*)\s*")


def _bad(spec: GucSpec, text: str, detail: str | None = None, hint: str | None = None) -> SqlError:
    return SqlError(f'invalid value for parameter "{spec.name}": "{text}"',
                    INVALID_PARAMETER_VALUE, detail, hint)  # fmt: skip


def _number(spec: GucSpec, text: str) -> float:
    """The number in the setting's base unit."""
    whole = _INTEGER.fullmatch(text)
    match = whole or _REAL.fullmatch(text)
    table, size = _base(spec.unit)
    hint = None if not table else _MEMORY_HINT if table is _MEMORY else _TIME_HINT
    if match is None:
        start = _REAL.match(text)
        rest = text[start.end(1) :].strip() if start else ""
        raise _bad(spec, text, hint=hint if rest else None)
    digits, unit = match[1], match[2]
    value: float
    if whole is None:
        value = float(digits)
    elif digits.lstrip("+-")[:2].lower() == "0x":
        value = int(digits, 16)
    elif digits.lstrip("+-")[:1] == "0" and digits.isdigit() and not set(digits) & set("89"):
        value = int(digits, 8)
    else:
        value = int(digits)
    if unit:
        if unit not in table:
            raise _bad(spec, text, hint=hint)
        scaled = value * table[unit] / size
        value = scaled
    return value


def _limit(spec: GucSpec, text: str | None) -> str:
    unit = f" {spec.unit}" if spec.unit else ""
    return f"{float(text or 0):g}{unit}" if spec.vartype == "real" else f"{text}{unit}"


def _check_range(spec: GucSpec, value: float) -> None:
    if spec.min_val is None or spec.max_val is None:
        return
    # The largest double is written rounded down.
    high = float("inf") if spec.max_val == "1.79769e+308" else float(spec.max_val)
    if not float(spec.min_val) <= value <= high:
        shown = f"{value:g}" if spec.vartype == "real" else str(int(value))
        unit = f" {spec.unit}" if spec.unit else ""
        raise SqlError(
            f'{shown}{unit} is outside the valid range for parameter "{spec.name}" '
            f"({_limit(spec, spec.min_val)} .. {_limit(spec, spec.max_val)})",
            INVALID_PARAMETER_VALUE,
        )


_TRUTH = {"true": True, "false": False, "yes": True, "no": False}


def _read_bool(spec: GucSpec, text: str) -> bool:
    word = text.lower()
    if word:
        for name, value in _TRUTH.items():
            if name.startswith(word):
                return value
    if word in ("on", "1"):
        return True
    if word in ("of", "off", "0"):
        return False
    raise SqlError(f'parameter "{spec.name}" requires a Boolean value', INVALID_PARAMETER_VALUE)


def _read_int(spec: GucSpec, text: str) -> int:
    value = round(_number(spec, text))
    if not -INT_MAX - 1 <= value <= INT_MAX:
        raise _bad(spec, text, hint="Value exceeds integer range.")
    _check_range(spec, value)
    return value


def _read_real(spec: GucSpec, text: str) -> float:
    value = float(_number(spec, text))
    if value in (float("inf"), float("-inf")):
        raise _bad(spec, text)
    _check_range(spec, value)
    return value


#: Other spellings of enum values: setting → {spelling: shown value}.
_TRUE_WORDS = {"true": "on", "yes": "on", "1": "on", "false": "off", "no": "off", "0": "off"}
_SPELLINGS = {
    "client_min_messages": {"info": "info", "debug": "debug2"},
    "constraint_exclusion": _TRUE_WORDS, "backslash_quote": _TRUE_WORDS,
    "synchronous_commit": _TRUE_WORDS, "huge_pages": _TRUE_WORDS,
    "force_parallel_mode": _TRUE_WORDS, "debug_parallel_query": _TRUE_WORDS,
    "compute_query_id": _TRUE_WORDS, "recovery_prefetch": _TRUE_WORDS,
    "wal_compression": {"true": "pglz", "yes": "pglz", "on": "pglz", "1": "pglz",
                        "false": "off", "no": "off", "0": "off"},
}  # fmt: skip


def _read_enum(spec: GucSpec, text: str) -> str:
    word = text.lower()
    other = _SPELLINGS.get(spec.name, {}).get(word)
    if other is not None or word in spec.enumvals:
        return other or word
    raise _bad(spec, text, hint=f"Available values: {', '.join(spec.enumvals)}.")


_READERS: dict[str, Callable[[GucSpec, str], Value]] = {
    "bool": _read_bool, "integer": _read_int, "real": _read_real, "enum": _read_enum,
    "string": lambda _spec, text: text,
}  # fmt: skip

_OCTAL = ("data_directory_mode", "log_file_mode", "unix_socket_permissions")
_REFUSED = {
    "internal": "cannot be changed",
    "postmaster": "cannot be changed without restarting the server",
    "sighup": "cannot be changed now",
    "backend": "cannot be set after connection start",
    "superuser-backend": "cannot be set after connection start",
}  # fmt: skip
_CUSTOM_NAME = re.compile(r"[A-Za-z_\x80-\U0010ffff][\w$]*(\.[A-Za-z_\x80-\U0010ffff][\w$]*)+")

#: A check of a setting's new value, the current one beside it: returns the value to keep.
Check = Callable[[GucSpec, str, str], str]


class Gucs:
    """The settings of one session."""

    def __init__(
        self, major: int, checks: dict[str, Check] | None = None,
        changed: Callable[[str, Value], None] | None = None,
    ) -> None:  # fmt: skip
        self.specs = specs(major)
        self.values: dict[str, Value] = {}
        self.defaults: dict[str, Value] = {}
        self.sources: dict[str, str] = {}
        self._checks = checks or {}
        self._changed = changed or (lambda _name, _value: None)
        self._custom: dict[str, GucSpec] = {}
        #: Counts the changes; a plan made under one number holds while it stays.
        self.generation = 0
        self._before_transaction: dict[str, Value] | None = None
        self._local: dict[str, Value | None] = {}
        for name, spec in self.specs.items():
            if spec.boot_val is None:
                self.values[name] = "" if spec.vartype == "string" else 0
            else:
                self.values[name] = _boot(spec)
        self.defaults.update(self.values)

    def spec(self, name: str) -> GucSpec:
        """A setting by name; SqlError 42704 where there is none."""
        found = self.specs.get(_fold(name)) or self._custom.get(_fold(name))
        if found is None:
            raise SqlError(f'unrecognized configuration parameter "{name}"', UNDEFINED_OBJECT)
        return found

    def get(self, name: str) -> Value:
        """The value in its base unit."""
        return self.values[self.spec(name).name.lower()]

    def read(self, name: str, text: str) -> tuple[GucSpec, Value]:
        """Check a new value as SET does."""
        if name.lower() not in self.specs and "." in name:
            if not _CUSTOM_NAME.fullmatch(name):
                raise SqlError(
                    f'invalid configuration parameter name "{name}"', "42602",
                    "Custom parameter names must be two or more simple identifiers separated "
                    "by dots.",
                )  # fmt: skip
            spec = GucSpec(name, "Customized Options", "string", "", "user", None, None, None, ())
            return self._custom.setdefault(name.lower(), spec), text
        spec = self.spec(name)
        value = _READERS[spec.vartype](spec, text)
        check = self._checks.get(spec.name.lower())
        if check is not None:
            value = check(spec, text, str(self.values[spec.name.lower()]))
        return spec, value

    def set_default(self, name: str, text: str, source: str) -> None:
        """A value from a file or the catalogs: what RESET goes back to."""
        spec, value = self.read(name, text)
        key = spec.name.lower()
        self.defaults[key] = value
        self.sources[key] = source
        self._put(key, value)

    def set(self, name: str, text: str | None, is_local: bool = False) -> None:
        """SET (None: to DEFAULT), or SET LOCAL until the transaction ends."""
        if name.lower() in self.specs or text is None:
            spec = self.spec(name)
            if spec.context in _REFUSED:
                raise SqlError(f'parameter "{spec.name}" {_REFUSED[spec.context]}',
                               CANT_CHANGE_RUNTIME_PARAM)  # fmt: skip
        if text is None:
            spec, value = self.spec(name), self.defaults.get(_fold(name), "")
        else:
            spec, value = self.read(name, text)
        key = spec.name.lower()
        if is_local:
            if self._before_transaction is None:
                return
            self._local.setdefault(key, self.values.get(key))
        else:
            self._local.pop(key, None)
        self.sources[key] = "default" if text is None else "session"
        self._put(key, value)

    def reset(self, name: str) -> None:
        """RESET: back to the session's starting value."""
        self.set(name, None)

    def reset_all(self) -> None:
        """RESET ALL."""
        for key, spec in list(self.specs.items()):
            if spec.context in ("user", "superuser") and key not in (
                "role", "session_authorization", "seed"
            ) and not key.startswith("transaction_"):  # fmt: skip
                self._put(key, self.defaults[key])
        for key in self._custom:
            self.values.pop(key, None)

    def show(self, name: str) -> str:
        """The value as SHOW prints it."""
        spec = self.spec(name)
        value = self.values.get(spec.name.lower(), "")
        return show_value(spec, value)

    def setting(self, name: str) -> str:
        """The value as pg_settings.setting has it: in base units."""
        spec = self.spec(name)
        value = self.values.get(spec.name.lower(), "")
        return plain_value(spec, value)

    def _put(self, key: str, value: Value) -> None:
        self.values[key] = value
        self.generation += 1
        self._changed(key, value)

    def restore(self, values: dict[str, Value]) -> None:
        """Back to the values of an earlier moment of the transaction."""
        for key, value in values.items():
            if self.values.get(key) != value:
                self._put(key, value)

    # -- transactions ------------------------------------------------------------------

    @property
    def begun(self) -> bool:
        """Whether a transaction is under way that what is set belongs to."""
        return self._before_transaction is not None

    def begin(self) -> None:
        """A transaction starts, or one that was no block becomes one."""
        if self._before_transaction is None:
            self._before_transaction = dict(self.values)
            self._local = {}

    def commit(self) -> None:
        """SET LOCAL ends."""
        for key, value in self._local.items():
            if value is None:
                self.values.pop(key, None)
            else:
                self._put(key, value)
        self._before_transaction, self._local = None, {}

    def rollback(self) -> None:
        """Everything that was set in the transaction is undone."""
        for key, value in (self._before_transaction or {}).items():
            if self.values.get(key) != value:
                self._put(key, value)
        self._before_transaction, self._local = None, {}


def _fold(name: str) -> str:
    lower = name.lower()
    return {"sort_mem": "work_mem", "vacuum_mem": "maintenance_work_mem"}.get(lower, lower)


def _boot(spec: GucSpec) -> Value:
    text = spec.boot_val or ""
    if spec.vartype == "bool":
        return text == "on"
    if spec.vartype == "integer":
        return int(text or 0)
    return float(text or 0) if spec.vartype == "real" else text


def plain_value(spec: GucSpec, value: Any) -> str:
    """A value without unit."""
    if spec.vartype == "bool":
        return "on" if value else "off"
    if spec.name in _OCTAL:
        return f"{int(value):04o}"
    return f"{value:g}" if spec.vartype == "real" else str(value)


def show_value(spec: GucSpec, value: Any) -> str:
    """A value as SHOW prints it."""
    if spec.unit and spec.vartype in ("integer", "real") and value > 0:
        return _shown(value, spec.unit, spec.vartype == "integer")
    return plain_value(spec, value)
