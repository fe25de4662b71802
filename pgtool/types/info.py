"""What the types must be told: a row of pg_type, the session's settings, catalog look-ups.

The catalog layer stands above this one, so it hands its knowledge down: it fills
:class:`TypeInfo` from pg_type and implements :class:`Lookups`. Nothing here reads files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from pgtool.types.encoding import UTF8, Encoding

__all__ = [
    "AttributeInfo", "Lookups", "NoLookups", "ObjectName", "RangeInfo", "Settings", "TypeInfo",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """The columns of pg_type that input and output depend on.

    ``typoutput`` is the *source name* of the output function (pg_proc.prosrc), by which
    built-in implementations are found; an extension type over a built-in function works
    so too. ``namespace`` is the schema's name.
    """

    oid: int
    name: str
    namespace: str = "pg_catalog"
    typlen: int = -1
    typbyval: bool = False
    typalign: str = "i"
    typstorage: str = "x"
    typtype: str = "b"
    typcategory: str = "U"
    typdelim: str = ","
    typelem: int = 0
    typarray: int = 0
    typbasetype: int = 0
    typtypmod: int = -1
    typrelid: int = 0
    typcollation: int = 0
    typoutput: str = ""
    typsubscript: str = ""

    @property
    def is_true_array(self) -> bool:
        """Whether subscripting is the array kind (not oidvector's, not point's)."""
        return self.typelem != 0 and self.typlen == -1 and self.typoutput == "array_out"


class AttributeInfo(NamedTuple):
    """One column of a composite type.

    ``missing`` is the datum of a value stored before the column was added
    (attmissingval), None for NULL.
    """

    attname: str
    atttypid: int
    atttypmod: int = -1
    attisdropped: bool = False
    attlen: int = -1
    attalign: str = "i"
    attstorage: str = "x"
    missing: bytes | None = None


class RangeInfo(NamedTuple):
    """A row of pg_range."""

    rngtypid: int
    rngsubtype: int
    rngmultitypid: int = 0
    rngcanonical: str = ""
    rngcollation: int = 0


class ObjectName(NamedTuple):
    """The name of a catalog object as the ``reg*`` types print it.

    ``qualified`` tells whether the search path would not find it under the bare name
    (for regproc and regoper: not find it *alone*). ``args`` are type OIDs of a
    function's or operator's arguments (0 where an operator has none on that side).
    """

    namespace: str
    name: str
    qualified: bool = False
    args: tuple[int, ...] = ()


class Lookups(Protocol):
    """Questions to the catalogs. None where there is no such row."""

    def type_info(self, oid: int) -> TypeInfo | None:
        """The pg_type row with this OID."""

    def type_is_visible(self, oid: int) -> bool:
        """Whether the search path finds the type under its bare name."""

    def enum_label(self, oid: int) -> str | None:
        """The label of the pg_enum row with this OID."""

    def enum_oid(self, typid: int, label: str) -> int | None:
        """The pg_enum row of a type and a label."""

    def attributes(self, typid: int, typmod: int) -> list[AttributeInfo] | None:
        """The columns of a composite type, dropped ones included."""

    def range_info(self, typid: int) -> RangeInfo | None:
        """The pg_range row of a range *or* multirange type."""

    def role_name(self, oid: int) -> str | None:
        """A role's name."""

    def role_oid(self, name: str) -> int | None:
        """A role's OID."""

    def object_name(self, kind: str, oid: int) -> ObjectName | None:
        """The object behind a ``reg*`` value; ``kind`` is the type's name, e.g. regclass."""

    def object_oid(
        self, kind: str, names: tuple[str, ...], args: tuple[int, ...] | None
    ) -> int | None:
        """The object that a ``reg*`` text names; ``args`` for regprocedure and regoperator."""


class NoLookups:
    """No catalogs at hand: nothing is found; values print as numbers."""

    def type_info(self, oid: int) -> TypeInfo | None:
        """See :class:`Lookups`."""
        return None

    def type_is_visible(self, oid: int) -> bool:
        """See :class:`Lookups`."""
        return False

    def enum_label(self, oid: int) -> str | None:
        """See :class:`Lookups`."""
        return None

    def enum_oid(self, typid: int, label: str) -> int | None:
        """See :class:`Lookups`."""
        return None

    def attributes(self, typid: int, typmod: int) -> list[AttributeInfo] | None:
        """See :class:`Lookups`."""
        return None

    def range_info(self, typid: int) -> RangeInfo | None:
        """See :class:`Lookups`."""
        return None

    def role_name(self, oid: int) -> str | None:
        """See :class:`Lookups`."""
        return None

    def role_oid(self, name: str) -> int | None:
        """See :class:`Lookups`."""
        return None

    def object_name(self, kind: str, oid: int) -> ObjectName | None:
        """See :class:`Lookups`."""
        return None

    def object_oid(
        self, kind: str, names: tuple[str, ...], args: tuple[int, ...] | None
    ) -> int | None:
        """See :class:`Lookups`."""
        return None


@dataclass(slots=True)
class Settings:
    """The server settings that text forms depend on, with the server's defaults."""

    major: int = 18
    date_style: str = "ISO"
    date_order: str = "MDY"
    interval_style: str = "postgres"
    timezone: str = "GMT"
    bytea_output: str = "hex"
    extra_float_digits: int = 1
    lc_monetary: str = "C"
    encoding: Encoding = field(default_factory=lambda: UTF8)
    #: Seconds since the Unix epoch for ``now``, ``today`` and kin; None: the clock.
    now: float | None = None
    #: Set when a text such as ``now`` was read: what came of it holds for this moment only.
    now_was_read: bool = False

    def set_datestyle(self, value: str) -> None:
        """Take a value of the setting DateStyle, such as ``"SQL, DMY"``."""
        styles = {"iso": "ISO", "sql": "SQL", "postgres": "Postgres", "german": "German"}
        orders = {
            "dmy": "DMY", "euro": "DMY", "european": "DMY", "mdy": "MDY", "us": "MDY",
            "noneuro": "MDY", "noneuropean": "MDY", "ymd": "YMD",
        }  # fmt: skip
        has_order = False
        for word in value.lower().replace(",", " ").split():
            if word in styles:
                self.date_style = styles[word]
                if word == "german" and not has_order:
                    self.date_order = "DMY"
            elif word in orders:
                self.date_order = orders[word]
                has_order = True
