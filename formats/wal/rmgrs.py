"""The shape of a resource manager's declaration: one row per record type.

Each module of this package that is named after a resource manager declares ``RECORDS``, a
tuple of :class:`RecordType`; nothing else in the tree writes an opcode. Layouts describe
the record's main data and the data of its block references, down to the last byte:
``layout.build(layout.parse(data), **same params) == data`` for every record, sound or with
bytes too many (``rest``).

Layouts that depend on something outside their own bytes find it in construct's parameters:
``this._params.info`` is the record's info byte, and for block data ``this._params.main``
is the parsed main data and ``this._params.image`` whether the block carries a full-page
image. Counts that the data itself gives are checked against the bytes that are left
(:class:`Counted`) before anything is allocated.
"""

from __future__ import annotations

import enum
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from construct import (
    Adapter,
    Construct,
    GreedyBytes,
    ListContainer,
    NullTerminated,
    Renamed,
    StreamError,
    Struct,
    evaluate,
)

from formats.units import Raw
from formats.version import ByMajor


class RmgrId(enum.IntEnum):
    """``xl_rmid``: the resource managers that a server itself has."""

    RM_XLOG_ID = 0
    RM_XACT_ID = 1
    RM_SMGR_ID = 2
    RM_CLOG_ID = 3
    RM_DBASE_ID = 4
    RM_TBLSPC_ID = 5
    RM_MULTIXACT_ID = 6
    RM_RELMAP_ID = 7
    RM_STANDBY_ID = 8
    RM_HEAP2_ID = 9
    RM_HEAP_ID = 10
    RM_BTREE_ID = 11
    RM_HASH_ID = 12
    RM_GIN_ID = 13
    RM_GIST_ID = 14
    RM_SEQ_ID = 15
    RM_SPGIST_ID = 16
    RM_BRIN_ID = 17
    RM_COMMIT_TS_ID = 18
    RM_REPLORIGIN_ID = 19
    RM_GENERIC_ID = 20
    RM_LOGICALMSG_ID = 21


@dataclass(frozen=True)
class RecordType:
    """One record type of one resource manager.

    ``opcode`` is its value in the info byte under XLR_RMGR_INFO_MASK, ``name`` what
    pg_waldump prints for it. ``main`` lays out the main data; a major for which it has no
    layout does not know the record type. ``flags`` maps info bits that may be set beside
    the opcode to what they append to the name. ``blocks`` lays out the data of block
    references by block id. ``until`` is the last major that has the record type, where a
    later one gave the opcode another meaning.
    """

    opcode: int
    name: str
    main: ByMajor[Construct]
    blocks: Mapping[int, ByMajor[Construct]] = field(default_factory=dict)
    flags: Mapping[int, str] = field(default_factory=dict)
    until: int | None = None

    def known_in(self, major: int) -> bool:
        """Whether WAL of ``major`` can hold this record type."""
        return major in self.main and (self.until is None or major <= self.until)

    def names(self) -> dict[int, str]:
        """Info byte (under XLR_RMGR_INFO_MASK) → name, for each combination of flags."""
        out = {self.opcode: self.name}
        for bit, suffix in self.flags.items():
            out |= {info | bit: name + suffix for info, name in out.items()}
        return out


class Counted(Construct):
    """``count`` items, where the count is taken from data: checked before it is used."""

    def __init__(self, count: int | Callable[[Any], int], item: Construct) -> None:
        super().__init__()
        self.count = count
        self.item = item
        self.least = max(1, _least_size(item))

    def _parse(self, stream: Any, context: Any, path: str) -> ListContainer:
        count = evaluate(self.count, context)
        here = stream.tell()
        left = stream.seek(0, io.SEEK_END) - here
        stream.seek(here)
        if not 0 <= count * self.least <= left:
            raise StreamError(f"{count} items do not fit into {left} bytes", path=path)
        parse = self.item._parsereport
        return ListContainer([parse(stream, context, path) for _ in range(count)])

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        for value in obj:
            self.item._build(value, stream, context, path)
        return obj


def _least_size(item: Construct) -> int:
    try:
        return int(item.sizeof())
    except Exception:  # construct has a family of errors for "no fixed size"
        return 1


class _Text(Adapter):
    """Bytes ↔ str in UTF-8; bytes that are not UTF-8 survive as lone surrogates."""

    def _decode(self, obj: bytes, context: Any, path: Any) -> str:
        return obj.decode("utf-8", "surrogateescape")

    def _encode(self, obj: str, context: Any, path: Any) -> bytes:
        return obj.encode("utf-8", "surrogateescape")


class _ZeroFilled(Adapter):
    """A fixed run of bytes ↔ the text in it; what follows the first zero is kept if not zero."""

    def _decode(self, obj: bytes, context: Any, path: Any) -> str:
        return obj.rstrip(b"\0").decode("utf-8", "surrogateescape")

    def _encode(self, obj: str, context: Any, path: Any) -> bytes:
        length = evaluate(self.subcon.length, context)
        return obj.encode("utf-8", "surrogateescape").ljust(length, b"\0")


#: A string that a zero byte ends.
CText = _Text(NullTerminated(GreedyBytes))


def FixedText(length: int | Callable[[Any], int]) -> Construct:
    """A string in ``length`` bytes, zeros after it."""
    return _ZeroFilled(Raw(length))


class Variant(Construct):
    """One of several layouts of the same size, told apart by the value of their first field."""

    def __init__(self, first: Renamed, choose: Callable[[int], Construct]) -> None:
        super().__init__()
        self.first = first
        self.choose = choose

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        here = stream.tell()
        kind = self.first._parsereport(stream, context, path)
        stream.seek(here)
        return self.choose(int(kind))._parsereport(stream, context, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        return self.choose(int(obj[self.first.name]))._build(obj, stream, context, path)

    def _sizeof(self, context: Any, path: str) -> int:
        return int(self.choose(0).sizeof())


class PadTo(Construct):
    """The bytes up to the next multiple of ``alignment`` in the record, kept as they are."""

    def __init__(self, alignment: int) -> None:
        super().__init__()
        self.alignment = alignment

    def _parse(self, stream: Any, context: Any, path: str) -> bytes:
        return bytes(stream.read(-stream.tell() % self.alignment))

    def _build(self, obj: bytes, stream: Any, context: Any, path: str) -> bytes:
        stream.write(obj)
        return obj


def record(*parts: Construct) -> Struct:
    """A record layout: the fields of fixed structs and single fields in one row, and ``rest``.

    Unnamed structs give their fields to the row, so that the fixed head can be declared
    once (for the derived readers of the hot path) and the variable parts follow it.
    """
    subcons: list[Construct] = []
    for part in parts:
        if isinstance(part, Struct):
            subcons += part.subcons
        else:
            assert isinstance(part, Renamed)
            subcons.append(part)
    subcons.append("rest" / GreedyBytes * "bytes beyond the layout; empty in a sound record")
    return Struct(*subcons)


def always(*parts: Construct) -> ByMajor[Construct]:
    """The same record layout (see :func:`record`) in every major."""
    return ByMajor({14: record(*parts)})


def opcode(records: tuple[RecordType, ...], name: str) -> int:
    """The opcode of a resource manager's record type, for those who write one."""
    return next(kind.opcode for kind in records if kind.name == name)
