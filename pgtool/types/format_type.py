"""The name of a type as SQL writes it, with its modifier: ``format_type``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from formats.datum import ALIGN_BASE
from pgtool.types.interval_fields import interval_typmod_text
from pgtool.types.names import format_name

if TYPE_CHECKING:
    from pgtool.types.registry import TypeRegistry

__all__ = ["format_type", "typmod_text"]


def _length(typmod: int) -> str:
    return f"({typmod - ALIGN_BASE})"


def _plain(typmod: int) -> str:
    return f"({typmod})"


def _numeric(typmod: int) -> str:
    bits = typmod - ALIGN_BASE
    return f"({bits >> 16 & 0xFFFF},{((bits & 0x7FF) ^ 0x400) - 0x400})"


def _zone(words: str) -> Callable[[int], str]:
    return lambda typmod: f"({typmod}) {words}"


_WITHOUT, _WITH = "without time zone", "with time zone"
#: Type OID → (SQL's name, suffix where there is no modifier, how a modifier is written).
_SPECIAL: dict[int, tuple[str, str, Callable[[int], str]]] = {
    16: ("boolean", "", _plain), 20: ("bigint", "", _plain), 21: ("smallint", "", _plain),
    23: ("integer", "", _plain), 114: ("json", "", _plain), 700: ("real", "", _plain),
    701: ("double precision", "", _plain), 1042: ("character", "", _length),
    1043: ("character varying", "", _length), 1083: ("time", " " + _WITHOUT, _zone(_WITHOUT)),
    1114: ("timestamp", " " + _WITHOUT, _zone(_WITHOUT)),
    1184: ("timestamp", " " + _WITH, _zone(_WITH)), 1186: ("interval", "", interval_typmod_text),
    1266: ("time", " " + _WITH, _zone(_WITH)), 1560: ("bit", "", _plain),
    1562: ("bit varying", "", _plain), 1700: ("numeric", "", _numeric),
}  # fmt: skip
#: Types whose bare SQL name would mean a modifier of 1.
_NEEDS_TYPMOD = {1042: "bpchar", 1560: '"bit"'}


def typmod_text(oid: int, typmod: int) -> str:
    """A type modifier as the type writes it, parentheses included."""
    return _SPECIAL[oid][2](typmod) if oid in _SPECIAL else f"({typmod})"


def format_type(
    registry: TypeRegistry, oid: int, typmod: int = -1, *, given: bool = False,
    qualified: bool = False,
) -> str:  # fmt: skip
    """A type's name; ``given`` says that a typmod of −1 is meant as such.

    ``qualified`` names the schema of every type that has no name in the SQL standard.
    """
    if oid == 0:
        return "-"
    lookups, major = registry.lookups, registry.settings.major
    info = lookups.type_info(oid) or registry.builtin(oid)
    if info is None:
        return "???"
    suffix = ""
    if info.is_true_array and info.typstorage != "p":
        oid, suffix = info.typelem, "[]"
        info = lookups.type_info(oid) or registry.builtin(oid)
        if info is None:
            return "???[]"
    if oid in _SPECIAL and not (given and typmod < 0 and oid in _NEEDS_TYPMOD):
        name, bare, write = _SPECIAL[oid]
        return name + (write(typmod) if typmod >= 0 else bare) + suffix
    if oid in _NEEDS_TYPMOD and given and typmod < 0:
        return _NEEDS_TYPMOD[oid] + suffix
    builtin = lookups.type_info(oid) is None
    visible = not qualified and (builtin or lookups.type_is_visible(oid))
    name = format_name(None if visible else info.namespace, info.name, major)
    return name + (f"({typmod})" if typmod >= 0 else "") + suffix
