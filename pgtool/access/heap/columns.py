"""From places to columns: fetch the values of one attribute of a batch.

Fixed-width values are gathered into a numpy array; variable-width ones stay where they
are, as spans, unless some of the batch are compressed, out of line or missing: then all
of the column's payloads go end to end into a buffer of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from formats.deform import ALIGNMENT
from formats.derive import offset_of
from formats.varlena import (
    VARHDRSZ_EXTERNAL,
    VARLENA_EXTSIZE_MASK,
    va_compressed,
    varatt_external,
)
from pgtool.access.damage import Damage
from pgtool.access.heap.deform import Attr, Places
from pgtool.access.heap.page import Tuples
from pgtool.errors import CorruptData
from pgtool.storage import ragged
from pgtool.types.column import Column, FixedColumn, VarColumn

if TYPE_CHECKING:
    from pgtool.access.heap.scan import Fetch

_NUMBERS = {1: "u1", 2: "i2", 4: "i4", 8: "i8"}
_RAWSIZE = VARHDRSZ_EXTERNAL + offset_of(varatt_external, "va_rawsize")
_TCINFO = offset_of(va_compressed, "va_tcinfo")


def dtype_of(attr: Attr) -> np.dtype[Any]:
    """The numpy type of a fixed-width attribute."""
    return np.dtype(_NUMBERS.get(attr.attlen, f"V{attr.attlen}"))


def windows(buffer: npt.NDArray[np.uint8], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Every window of ``buffer`` as an (unaligned) element."""
    return np.ndarray((max(0, buffer.size - dtype.itemsize + 1),), dtype, buffer, 0, (1,))


def fetched_sizes(tuples: Tuples, place: Places) -> npt.NDArray[np.int64]:
    """The raw sizes that the special values of a column claim to have."""
    assert place.special is not None
    at = place.start[place.special]
    words = windows(tuples.buffer, np.dtype("<u4"))
    external = tuples.buffer[at] == 1
    raw = words[np.where(external, at + _RAWSIZE, at + _TCINFO)]
    return (raw & np.uint32(VARLENA_EXTSIZE_MASK)).astype(np.int64)


def materialise(
    tuples: Tuples, attr: Attr, place: Places, fetch: Fetch | None, damage: Damage
) -> Column:
    """The column of one attribute."""
    if place.length is None:
        return _fixed(tuples, attr, place)
    return _variable(tuples, attr, place, fetch, damage)


def _fixed(tuples: Tuples, attr: Attr, place: Places) -> FixedColumn:
    if place.values is not None:
        return FixedColumn(place.values, place.present)
    dtype = dtype_of(attr)
    size = dtype.itemsize
    buffer = tuples.buffer
    if dtype.kind != "V" and ALIGNMENT[attr.attalign] >= size:
        view = buffer[: len(buffer) // size * size].view(dtype)
        values = view[place.start >> (size.bit_length() - 1)] if size > 1 else view[place.start]
    else:
        values = windows(buffer, dtype)[place.start]
    valid = place.present
    if place.missing is not None and attr.missing is not None:
        values[place.missing] = np.frombuffer(attr.missing, dtype)[0]
        valid = place.missing if valid is None else valid | place.missing
    return FixedColumn(values, _unless_all(valid))


def _unless_all(valid: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_] | None:
    return None if valid is None or valid.all() else valid


def _variable(
    tuples: Tuples, attr: Attr, place: Places, fetch: Fetch | None, damage: Damage
) -> VarColumn:
    assert place.length is not None
    missing = place.missing if attr.missing is not None else None
    if place.special is None and missing is None:
        valid = _unless_all(place.present)
        return VarColumn(tuples.buffer, place.start, place.length.astype(np.int32), valid)
    if len(tuples) == 1 and place.special is not None:
        return _one(tuples, attr, place, fetch, damage)
    length = place.length.copy()
    valid = np.ones(len(length), bool) if place.present is None else place.present.copy()
    pieces: list[tuple[int, bytes | memoryview]] = []
    inline = valid.copy()
    if place.special is not None:
        inline[place.special] = False
        values = _fetched(tuples, attr, place, fetch, damage)
        for row, value in zip(place.special.tolist(), values):
            if value is None:
                valid[row] = False
                length[row] = 0
            else:
                length[row] = len(value)
                pieces.append((row, value))
    if missing is not None:
        assert attr.missing is not None
        valid |= missing
        length[missing] = len(attr.missing)
        pieces += [(row, attr.missing) for row in np.flatnonzero(missing).tolist()]
    offsets = ragged.offsets_of(length)
    out = np.empty(int(offsets[-1]), np.uint8)
    start = offsets[:-1]
    rows = np.flatnonzero(inline)
    ragged.copy_spans(out, start[rows], tuples.buffer, place.start[rows], length[rows])
    for row, value in pieces:
        at = int(start[row])
        out[at : at + len(value)] = np.frombuffer(value, np.uint8)
    return VarColumn(out, start, length.astype(np.int32), _unless_all(valid))


def _fetched(
    tuples: Tuples, attr: Attr, place: Places, fetch: Fetch | None, damage: Damage
) -> list[bytes | memoryview | None]:
    assert place.special is not None
    if fetch is None:
        row = int(place.special[0])
        raise CorruptData(
            f"tuple {int(tuples.offnum[row])}: a compressed or external value where "
            "none can be", file=tuples.path, block=tuples.block_of(row), field=attr.attname,
        )  # fmt: skip
    return fetch(tuples, attr, place, damage)


def _one(
    tuples: Tuples, attr: Attr, place: Places, fetch: Fetch | None, damage: Damage
) -> VarColumn:
    """The fetched value of a single row, as it is: it may be very large."""
    (value,) = _fetched(tuples, attr, place, fetch, damage)
    buffer = np.frombuffer(value or b"", np.uint8)
    valid = None if value is not None else np.zeros(1, np.bool_)
    return VarColumn(buffer, np.zeros(1, np.int64), np.array([len(buffer)], np.int32), valid)
