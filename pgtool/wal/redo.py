"""What a redo function works with: the pages that its record refers to.

A resource manager's ``REDO`` maps record names to functions of (record, context). Such a
function asks :meth:`RedoContext.buffer` for each page and changes it only where the answer
is :attr:`Action.BLK_NEEDS_REDO`, by the same pure page function that the writer called,
then hands it back with :meth:`RedoContext.done`.

Rules that live here and nowhere else:

* a full-page image that is to be applied replaces the page, whatever it held (so torn
  pages are mended without being read);
* a page whose LSN is not below the record's end has the change already;
* a page that does not exist (or was never initialised) is remembered as *invalid*: a later
  record that drops or truncates the relation explains it, and what is left unexplained
  when the cluster should be consistent is damage.
"""

from __future__ import annotations

import enum
import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

from formats.units import BLCKSZ
from formats.wal.record import FORK_NAMES, BlockRef, DecodedRecord
from pgtool.errors import CorruptData, Unsupported
from pgtool.storage import page as bufpage
from pgtool.storage.redopool import Fork, Key, RedoBuffer, RedoPool
from pgtool.wal import rmgr as rmgr_table

Redo = Callable[[DecodedRecord, "RedoContext"], None]
Mask = Callable[[bytearray, int], None]


class Action(enum.IntEnum):
    """What is to be done with a page."""

    BLK_NEEDS_REDO = 0
    BLK_DONE = 1
    BLK_RESTORED = 2
    BLK_NOTFOUND = 3


BLK_NEEDS_REDO, BLK_DONE, BLK_RESTORED, BLK_NOTFOUND = Action


class InvalidPages:
    """Pages that records referred to and that were not there."""

    def __init__(self) -> None:
        self.pages: dict[Key, bool] = {}

    def log(self, key: Key, present: bool) -> None:
        """Remember a missing page; ``present`` tells that it was there, but all zero."""
        self.pages.setdefault(key, present)

    def forget(self, fork: Fork, first: int = 0) -> None:
        """The fork was cut at ``first``, or dropped: its missing pages are explained."""
        if self.pages:
            self.pages = {
                k: v for k, v in self.pages.items() if k[:4] != fork or k[4] < first
            }

    def forget_database(self, db: int, spc: int) -> None:
        """The database was dropped from a tablespace."""
        if self.pages:
            self.pages = {k: v for k, v in self.pages.items() if k[:2] != (spc, db)}


class RedoContext:
    """The world that records are replayed into.

    ``instance`` is the state beyond pages (transaction counters, SLRUs, two-phase states):
    what the redo functions of ``transam`` expect of it is their own business.
    """

    def __init__(self, pool: RedoPool, instance: Any, major: int) -> None:
        self.pool = pool
        self.instance = instance
        self.major = major
        self.backend = pool.backend
        #: Whether hints are logged though there are no checksums.
        self.wal_log_hints = False
        self.invalid = InvalidPages()
        #: Set when the cluster should be whole: from then on a missing page is damage.
        self.consistent = False

    def buffer(
        self, rec: DecodedRecord, block_id: int, *, init: bool = False,
        zero_on_error: bool = False,
    ) -> tuple[Action, RedoBuffer | None]:  # fmt: skip
        """The page of a block reference and what to do with it.

        ``init`` hands out an all-zero page (the record makes it anew); ``zero_on_error``
        is for maps, whose missing blocks count as zero.
        """
        ref = rec.block(block_id)
        if ref is None:
            raise CorruptData(f"WAL record at {rec.lsn} has no block reference {block_id}")
        key = (ref.spc, ref.db, ref.rel, ref.fork, ref.block)
        if ref.image is not None and ref.image.apply:
            return BLK_RESTORED, self.restore(rec, ref, key)
        if ref.will_init != init:
            raise CorruptData(
                f"block reference {block_id} of the WAL record at {rec.lsn} "
                f"{'is' if ref.will_init else 'is not'} marked as to be initialised"
            )
        if init:
            return BLK_NEEDS_REDO, self.pool.put(key, bytearray(BLCKSZ))
        buffer = self.find(key, zero_on_error)
        if buffer is None:
            return BLK_NOTFOUND, None
        if rec.end <= bufpage.lsn(buffer.page):
            return BLK_DONE, buffer
        return BLK_NEEDS_REDO, buffer

    def needed(
        self, rec: DecodedRecord, block_id: int, *, init: bool = False
    ) -> RedoBuffer | None:
        """The page of a block reference where it lacks the record's change, else None."""
        action, buffer = self.buffer(rec, block_id, init=init)
        return buffer if action == BLK_NEEDS_REDO else None

    def optional(
        self, rec: DecodedRecord, block_id: int
    ) -> tuple[Action, RedoBuffer | None]:
        """Like :meth:`buffer`; BLK_NOTFOUND where the record has no such reference."""
        if rec.block(block_id) is None:
            return BLK_NOTFOUND, None
        return self.buffer(rec, block_id)

    def restore(self, rec: DecodedRecord, ref: BlockRef, key: Key) -> RedoBuffer:
        """Put the full-page image of a reference in the page's place."""
        assert ref.image is not None
        page = bytearray(_image(rec, ref))
        if not bufpage.is_new(page):
            bufpage.set_lsn(page, rec.end)
        return self.pool.put(key, page)

    def find(self, key: Key, zero_on_error: bool = False) -> RedoBuffer | None:
        """A page that should be there; a missing one is remembered."""
        buffer = self.pool.get(key)
        if buffer is None:
            if zero_on_error:
                return self.pool.put(key, bytearray(BLCKSZ))
            self._missing(key, False)
        elif bufpage.is_new(buffer.page) and not zero_on_error:
            self._missing(key, True)
            return None
        return buffer

    def _missing(self, key: Key, present: bool) -> None:
        if self.consistent:
            raise self.invalid_page(key, present)
        self.invalid.log(key, present)

    def invalid_page(self, key: Key, present: bool) -> CorruptData:
        """The error for a page that WAL refers to and that is not there."""
        what = "is uninitialized" if present else "does not exist"
        return CorruptData(
            f"WAL contains references to invalid pages: page {key[4]} of relation "
            f"{self.pool.path(key[:4])} ({FORK_NAMES[key[3]]} fork) {what}",
            file=self.pool.path(key[:4]), block=key[4],
        )  # fmt: skip

    def reached_consistency(self) -> None:
        """The cluster should be whole now; CorruptData where pages are still missing."""
        for key, present in self.invalid.pages.items():
            raise self.invalid_page(key, present)
        self.consistent = True

    def set_lsn(self, buffer: RedoBuffer, end: int) -> None:
        """Stamp a changed page."""
        bufpage.set_lsn(buffer.page, end)
        buffer.dirty = True

    def done(self, buffer: RedoBuffer, rec: DecodedRecord) -> None:
        """The page has its change: stamp it with the record's end."""
        bufpage.set_lsn(buffer.page, rec.end)
        buffer.dirty = True


def _image(rec: DecodedRecord, ref: BlockRef) -> bytes:
    assert ref.image is not None
    try:
        return ref.image.page()
    except CorruptData as error:
        raise CorruptData(
            f"could not restore image at {rec.lsn}, block {ref.id}: {error.message}"
        ) from None


def _resolve(path: str) -> Any:
    module, _, name = path.partition(":")
    found = importlib.import_module(module)
    return getattr(found, name) if name else found


@cache
def redo_functions(major: int) -> tuple[Redo | None, ...]:
    """Every (rmid, high half of the info byte) of a major, looked up by rmid * 16 + half."""
    out: list[Redo | None] = [None] * 4096
    for rmid, manager in rmgr_table.rmgrs(major).items():
        if manager.redo is None:
            continue
        table: dict[str, Redo] = _resolve(manager.redo)
        for half in range(16):
            entry = rmgr_table.entry(major, rmid, half << 4)
            if entry.type is not None:
                out[rmid << 4 | half] = table.get(entry.name) or table.get(entry.type.name)
    return tuple(out)


def apply(rec: DecodedRecord, context: RedoContext) -> None:
    """Replay one record; Unsupported where its kind has no redo."""
    function = redo_functions(rec.major)[rec.rmid << 4 | rec.info >> 4]
    if function is None:
        found = rmgr_table.entry(rec.major, rec.rmid, rec.info)
        raise Unsupported(f"redo of WAL record type {found.rmgr.name} {found.name} at {rec.lsn}")
    function(rec, context)


@cache
def mask_function(major: int, rmid: int) -> Mask | None:
    """What blanks the parts of a manager's pages that redo need not restore."""
    path = rmgr_table.rmgr_of(rmid, major).mask
    return None if path is None else _resolve(path)
