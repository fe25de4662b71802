"""Pages as rows of one array: header fields, line pointers, items pushed together.

The same changes as :mod:`pgtool.storage.page` makes to one page, to many at once. Whoever
uses this has seen that the pages are sound.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from formats.derive import offset_of
from formats.page import SIZE_OF_PAGE_HEADER, ItemIdData, LpFlags, PageHeaderData
from formats.units import BLCKSZ
from pgtool.storage.ragged import copy_spans

__all__ = [
    "compact", "count_dead_pointers", "header_field", "item_places", "pointer_words", "put_u16",
    "put_words", "relocate",
]  # fmt: skip

Ints = npt.NDArray[Any]
Bytes = npt.NDArray[np.uint8]
_LP = ItemIdData.sizeof()
_UPPER = offset_of(PageHeaderData, "pd_upper")
_FLAG_SHIFT = np.uint32(ItemIdData.bits["lp_flags"][0])
_FLAGS = np.uint32((1 << ItemIdData.bits["lp_flags"][1]) - 1)
_LEN_SHIFT = np.uint32(ItemIdData.bits["lp_len"][0])
_OFF_MASK = np.uint32((1 << ItemIdData.bits["lp_off"][1]) - 1)
_FIRST_WORD, _WORDS = SIZE_OF_PAGE_HEADER // _LP, BLCKSZ // _LP


def pointer_words(pages: npt.NDArray[np.uint8]) -> tuple[Ints, Ints]:
    """(words of the line pointers, zero beyond the last; how many) of each page."""
    used = (header_field(pages, "pd_lower") - SIZE_OF_PAGE_HEADER) // _LP
    used = np.clip(used, 0, (BLCKSZ - SIZE_OF_PAGE_HEADER) // _LP)
    most = int(used.max(initial=0))
    first = SIZE_OF_PAGE_HEADER
    words = np.ascontiguousarray(pages[:, first : first + most * _LP]).view(np.uint32)
    words[np.arange(most) >= used[:, None]] = 0
    return words, used


def count_dead_pointers(pages: Bytes) -> int:
    """Line pointers in state LP_DEAD."""
    words, _used = pointer_words(pages)
    return int(np.count_nonzero((words >> _FLAG_SHIFT & _FLAGS) == LpFlags.LP_DEAD))


def header_field(pages: npt.NDArray[np.uint8], name: str) -> Ints:
    """A two-byte field of every page's header."""
    at = offset_of(PageHeaderData, name)
    return np.asarray(pages[:, at : at + 2].view(np.uint16)[:, 0].astype(np.int64))


def item_places(words: Ints) -> tuple[Ints, Ints]:
    """(offsets, aligned lengths) of the items that line pointers lead to."""
    length = (words >> _LEN_SHIFT) + np.uint32(7) & np.uint32(0xFFF8)
    return (words & _OFF_MASK).astype(np.int64), length.astype(np.int64)


def compact(pages: Bytes, words: Ints, used: Ints) -> None:
    """Lay the items of each page end to end below its special space, by their new words."""
    _offset, length = item_places(words)
    relocate(pages, words, used, header_field(pages, "pd_special")[:, None]
             - np.cumsum(length, axis=1))  # fmt: skip


def relocate(
    pages: Bytes, words: Ints, used: Ints, to: Ints, upper: Ints | None = None
) -> None:
    """Move the items of each page, and write its line pointers; ``upper`` is the new pd_upper.

    Without it the last item is the lowest.
    """
    n, most = words.shape
    offset, length = item_places(words)
    stays = length > 0
    base = (np.arange(n, dtype=np.int64) * BLCKSZ)[:, None]
    old = pages.copy().reshape(-1)
    copy_spans(pages.reshape(-1), (base + to)[stays], old, (base + offset)[stays], length[stays])
    words[stays] = words[stays] & ~_OFF_MASK | to[stays].astype(np.uint32)
    if upper is None:
        upper = to[:, -1] if most else header_field(pages, "pd_special")
    put_u16(pages, _UPPER, upper)
    put_words(pages, words, used)


def put_words(pages: Bytes, words: Ints, used: Ints) -> None:
    """Write as many line pointers as each page has."""
    n, most = words.shape
    there = np.arange(most) < used[:, None]
    at = np.arange(n)[:, None] * _WORDS + _FIRST_WORD + np.arange(most)
    pages.reshape(-1).view(np.uint32)[at[there]] = words[there]


def put_u16(pages: Bytes, at: int, values: Ints) -> None:
    """Write a two-byte header field of every page."""
    pages[:, at : at + 2].view(np.uint16)[:, 0] = values
