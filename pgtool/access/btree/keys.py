"""How a btree's tuples compare: the keys of a tuple as one Python tuple.

For each key column come a rank (NULLs before or after values) and what the column's key
function makes of the datum, turned round where the column is descending. So Python's own
comparison of two such tuples is the index's order. A pivot tuple gives a shorter one: what
it lacks is less than every value.

What a column's values compare like is handed in from above as a **key function** (datum →
something with ``<`` and ``==``): see :mod:`pgtool.types.ordering` for the plain ones.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from formats.deform import ALIGNMENT, ATTLEN_CSTRING
from formats.derive import struct_of
from formats.itup import SIZEOF_INDEX_TUPLE, IndexInfo, IndexTupleData
from formats.nbtree import INDEX_ALT_TID_MASK
from formats.page import SIZE_OF_PAGE_HEADER, ItemIdData
from pgtool.access.btree import tuples
from pgtool.access.btree.numberpage import KINDS
from pgtool.access.indextuple import IndexShape

__all__ = ["KeyColumn", "Keys", "ScanKey"]


class _Reader(NamedTuple):
    """How a key column is read: attlen, alignment less one, what its datum counts as."""

    attlen: int
    gap: int
    part: Callable[[bytes], Any]


KeyFunction = Callable[[bytes], Any]
_HEAD = struct_of(IndexTupleData).unpack_from
_ID = struct_of(ItemIdData).unpack_from
_OFF_MASK = (1 << ItemIdData.bits["lp_off"][1]) - 1
_LEN_SHIFT = ItemIdData.bits["lp_len"][0]
_FIRST = SIZE_OF_PAGE_HEADER - ItemIdData.sizeof()
_SPECIAL = int(IndexInfo.INDEX_NULL_MASK) | INDEX_ALT_TID_MASK
_VALUE = 1
#: t_info's high byte: NULLs, or t_tid used in another way.
_SPECIAL_BITS, _INFO_HIGH = _SPECIAL >> 8, 7
_NULL_BIT = int(IndexInfo.INDEX_NULL_MASK) >> 8
#: Decoded keys that are remembered.
_KNOWN = 1 << 16
_CODES = {"<u1": "<B", "<i2": "<h", "<i4": "<i", "<i8": "<q", "<u4": "<I", "<u8": "<Q"}


@functools.total_ordering
class _Descending:
    """A key that orders the other way."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and bool(self.key == other.key)

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.key < self.key)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class KeyColumn:
    """How one key column orders.

    ``number`` is the numpy type of a datum whose number is its order (``""``: not so);
    ``as_bytes`` says that the datum's bytes are, ``as_numeric`` that it is a numeric.
    ``equal_image`` promises that equal datums are the same bytes.
    """

    key: KeyFunction
    descending: bool = False
    nulls_first: bool = False
    equal_image: bool = False
    number: str = ""
    as_bytes: bool = False
    as_numeric: bool = False

    @property
    def null_rank(self) -> int:
        """The rank of NULL beside that of values, 1."""
        return 0 if self.nulls_first else 2

    def part(self, datum: bytes) -> Any:
        """What a value counts as."""
        return _Descending(self.key(datum)) if self.descending else self.key(datum)


@dataclass(slots=True)
class ScanKey:
    """What is searched for: the keys, and the heap TID that decides between equal ones.

    Without ``tid`` the first of equal tuples is found. ``has_null`` says that a key is NULL.
    """

    parts: tuple[Any, ...]
    tid: int | None
    has_null: bool


class Keys:
    """The comparison of one index's tuples."""

    def __init__(self, shape: IndexShape, columns: Sequence[KeyColumn]) -> None:
        assert len(columns) == shape.nkeyatts
        self.shape = shape
        self.columns = tuple(columns)
        self.nkeyatts = shape.nkeyatts
        self.all_equal_image = shape.natts == shape.nkeyatts and all(
            column.equal_image for column in columns
        )
        self._single = self._single_number()
        #: What :mod:`pgtool.access.btree.numberpage` calls such a number; 0 where it does not.
        self.kind = KINDS.get(self.single_number, 0)
        self._readers = self._plain_readers()
        self._known: dict[bytes, tuple[Any, ...]] = {}

    def _single_number(self) -> Callable[..., Any] | None:
        """Keys of one ascending number are read straight from the page."""
        column = self.columns[0]
        if self.nkeyatts > 1 or column.number not in _CODES or column.descending:
            return None
        return struct.Struct(_CODES[column.number]).unpack_from

    @property
    def single_number(self) -> str:
        """The numpy type of the only key column where it is an ascending number, else ''."""
        return self.columns[0].number if self._single is not None else ""

    def number_of(self, datum: bytes) -> int:
        """The number of an only key column."""
        assert self._single is not None
        return int(self._single(datum)[0])

    def _plain_readers(self) -> list[_Reader] | None:
        """What reads the key columns of a tuple without NULLs one after the other."""
        out: list[_Reader] = []
        for attribute, column in zip(self.shape.attributes, self.columns):
            if attribute.attlen == ATTLEN_CSTRING:
                return None
            width = ALIGNMENT[attribute.attalign]
            out.append(_Reader(attribute.attlen, width - 1, column.part))
        return out

    def _decoded(self, tup: bytes) -> tuple[Any, ...]:
        """The key of a tuple, remembered by what counts for it."""
        known = self._known
        if tup[_INFO_HIGH] & 0x20:
            if tuples.is_pivot(tup):
                mark = tup
            else:
                size = tuples.key_size(tup)
                mark = bytes((tup[_INFO_HIGH] & 0xC0,)) + tup[SIZEOF_INDEX_TUPLE:size]
        else:
            mark = tup[_INFO_HIGH:]
        found = known.get(mark)
        if found is None:
            if len(known) > _KNOWN:
                known.clear()
            found = known[mark] = self._read(tup)
        return found

    def _read(self, tup: bytes) -> tuple[Any, ...]:
        readers = self._readers
        if readers is None or tup[_INFO_HIGH] & _SPECIAL_BITS:
            return self.parts(self.shape.datums(tup)[: self.nkeyatts])
        out: list[Any] = []
        at = SIZEOF_INDEX_TUPLE
        for attlen, gap, part in readers:
            if attlen > 0:
                at = at + gap & ~gap
                end = at + attlen
                datum = tup[at:end]
            else:
                first = tup[at] or 2
                if not first & 1 or first == 1:  # padding, long or compressed
                    return self.parts(self.shape.datums(tup)[: self.nkeyatts])
                end = at + (first >> 1)
                datum = tup[at + 1 : end]
            out += (_VALUE, part(datum))
            at = end
        return tuple(out)

    # -- keys of datums and of tuples ---------------------------------------------------------

    def parts(self, datums: Sequence[bytes | None]) -> tuple[Any, ...]:
        """The key of some leading datums."""
        out: list[Any] = []
        for number, (column, datum) in enumerate(zip(self.columns, datums)):
            if datum is None:
                out += (column.null_rank, None)
            else:
                if type(datum) is not bytes and self.shape.attributes[number].attlen == -1:
                    datum = self.shape.payload(self.shape.attributes[number], datum)
                out += (_VALUE, column.part(datum))
        return tuple(out)

    def scan_key(self, datums: Sequence[bytes | None], tid: int | None = None) -> ScanKey:
        """A key to search by."""
        has_null = any(datum is None for datum in datums[: self.nkeyatts])
        return ScanKey(self.parts(datums), tid, has_null)

    def of_tuple(self, tup: bytes) -> tuple[Any, ...]:
        """The key of a tuple; shorter where the tuple is truncated."""
        if self._single is not None:
            _high, _low, _posid, info = _HEAD(tup, 0)
            if not info & _SPECIAL:
                return (_VALUE, self._single(tup, SIZEOF_INDEX_TUPLE)[0])
        return self._decoded(tup)

    def at(self, page: bytes | bytearray, offnum: int) -> tuple[tuple[Any, ...], bytes | None]:
        """(key, tuple or None where it is a plain one without NULLs) of an item of a page."""
        word = _ID(page, _FIRST + 4 * offnum)[0]
        place = word & _OFF_MASK
        if self._single is not None:
            _high, _low, _posid, info = _HEAD(page, place)
            if not info & _SPECIAL:
                return (_VALUE, self._single(page, place + SIZEOF_INDEX_TUPLE)[0]), None
        tup = bytes(page[place : place + (word >> _LEN_SHIFT)])
        return self._decoded(tup), tup

    # -- searching --------------------------------------------------------------------------

    def search(self, key: ScanKey, page: bytes | bytearray, low: int, high: int) -> int:
        """The first item in [low, high) that is not before the key, ``high`` if none."""
        if self._single is not None and key.parts[0] == _VALUE:
            return self._search_number(key, page, low, high)
        compare = self.compare
        while low < high:
            middle = (low + high) // 2
            if compare(key, page, middle) > 0:
                low = middle + 1
            else:
                high = middle
        return low

    def _search_number(self, key: ScanKey, page: bytes | bytearray, low: int, high: int) -> int:
        unpack, mine = self._single, key.parts[1]
        assert unpack is not None
        while low < high:
            middle = (low + high) // 2
            place = _ID(page, _FIRST + 4 * middle)[0] & _OFF_MASK
            info = page[place + _INFO_HIGH]
            if info & _NULL_BIT:
                behind = self.compare(key, page, middle) > 0
            else:  # pivots that keep a column and posting lists have the number there, too
                theirs = unpack(page, place + SIZEOF_INDEX_TUPLE)[0]
                if mine != theirs:
                    behind = mine > theirs
                elif info & _SPECIAL_BITS:
                    behind = self.compare(key, page, middle) > 0
                else:
                    behind = key.tid is not None and key.tid > tuples.unpack_tid(page, place)
            if behind:
                low = middle + 1
            else:
                high = middle
        return low

    # -- comparing ----------------------------------------------------------------------------

    def compare(self, key: ScanKey, page: bytes | bytearray, offnum: int) -> int:
        """How the key stands to an item: below 0 before it, above 0 behind it.

        0 is equal; with a ``tid``, also a posting list whose TIDs enclose it. The first data
        item of an inner page is the caller's to know.
        """
        mine = key.parts
        if self._single is not None and mine and mine[0] == _VALUE:
            place = _ID(page, _FIRST + 4 * offnum)[0] & _OFF_MASK
            if not page[place + _INFO_HIGH] & _NULL_BIT:
                number = self._single(page, place + SIZEOF_INDEX_TUPLE)[0]
                if number != mine[1]:
                    return -1 if mine[1] < number else 1
        theirs, tup = self.at(page, offnum)
        if theirs != mine:
            cut = len(theirs)
            if cut >= len(mine):
                return -1 if mine < theirs else 1
            head = mine[:cut]
            if head != theirs:
                return -1 if head < theirs else 1
            return 1
        tid = key.tid
        if tid is None:
            return 0
        if tup is None:
            word = _ID(page, _FIRST + 4 * offnum)[0]
            low = high = tuples.unpack_tid(page, word & _OFF_MASK)
        elif tuples.is_pivot(tup):
            found = tuples.pivot_tid(tup)
            if found is None:
                return 1
            low = high = found
        else:
            low, high = tuples.first_tid(tup), tuples.max_tid(tup)
        if tid < low:
            return -1
        return 1 if tid > high else 0

    def keep_natts(self, last_left: bytes, first_right: bytes) -> int:
        """How many attributes tell two neighbours apart; one more than there are: none do."""
        left, right = self.of_tuple(last_left), self.of_tuple(first_right)
        keep = 1
        for i in range(0, len(left), 2):
            if left[i : i + 2] != right[i : i + 2]:
                break
            keep += 1
        return keep

    def separator(self, last_left: bytes, first_right: bytes) -> bytes:
        """The high key between two neighbours of a leaf: as little as tells them apart."""
        keep = self.keep_natts(last_left, first_right)
        body = self.shape.truncated(first_right, min(keep, self.nkeyatts))
        if keep <= self.nkeyatts:
            return tuples.as_pivot(body, len(body), keep)
        return tuples.as_pivot(body, len(body), self.nkeyatts, tuples.max_tid(last_left))
