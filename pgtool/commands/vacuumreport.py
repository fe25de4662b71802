"""What VACUUM says: the lines of VERBOSE and its warnings, in the server's words."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from typing import Any

from formats.units import BLCKSZ
from pgtool.access.heap.vacuumlazy import Report
from pgtool.sql.answer import Notice
from pgtool.transam.cutoffs import Cutoffs

__all__ = ["Usage", "failsafe_warning", "horizon_warnings", "lazy_lines"]

_MEGABYTE = 1 << 20
_HOLD = (
    "You might also need to commit or roll back old prepared transactions, or drop stale "
    "replication slots."
)


class Usage:
    """What was spent since it was made."""

    def __init__(self, instance: Any) -> None:
        self.instance = instance
        pool, wal = instance.pool, instance.wal
        self.before = (pool.hits, pool.reads, pool.dirtied)
        self.wal_before = (wal.records, wal.images, wal.end)
        self.cpu = resource.getrusage(resource.RUSAGE_SELF)
        self.began = time.monotonic()

    def lines(self) -> list[str]:
        """The last four lines of a report on VACUUM or ANALYZE."""
        pool, wal = self.instance.pool, self.instance.wal
        hits, reads, dirtied = (
            now - then for now, then in zip((pool.hits, pool.reads, pool.dirtied), self.before)
        )
        records, images, end = (
            now - then for now, then in zip((wal.records, wal.images, wal.end), self.wal_before)
        )
        elapsed = time.monotonic() - self.began
        cpu = resource.getrusage(resource.RUSAGE_SELF)
        rates = [count * BLCKSZ / _MEGABYTE / elapsed if elapsed > 0 else 0.0
                 for count in (reads, dirtied)]  # fmt: skip
        return [
            f"avg read rate: {rates[0]:.3f} MB/s, avg write rate: {rates[1]:.3f} MB/s",
            f"buffer usage: {hits} hits, {reads} reads, {dirtied} dirtied",
            f"WAL usage: {records} records, {images} full page images, {end} bytes, "
            "0 buffers full",
            f"system usage: CPU: user: {cpu.ru_utime - self.cpu.ru_utime:.2f} s, "
            f"system: {cpu.ru_stime - self.cpu.ru_stime:.2f} s, elapsed: {elapsed:.2f} s",
        ]


def horizon_warnings(cutoffs: Cutoffs) -> Iterator[Notice]:
    """Warnings that somebody holds the horizon back."""
    if cutoffs.xmin_is_old:
        yield Notice(
            "WARNING", "cutoff for removing and freezing tuples is far in the past", "01000",
            None, f"Close open transactions soon to avoid wraparound problems.\n{_HOLD}",
        )  # fmt: skip
    if cutoffs.mxact_is_old:
        yield Notice(
            "WARNING", "cutoff for freezing multixacts is far in the past", "01000", None,
            f"Close open transactions soon to avoid wraparound problems.\n{_HOLD}",
        )  # fmt: skip


def failsafe_warning(name: str, index_scans: int) -> Notice:
    """The failsafe has come into force."""
    return Notice(
        "WARNING",
        f'bypassing nonessential maintenance of table "{name}" as a failsafe after '
        f"{index_scans} index scans",
        "01000",
        "The table's relfrozenxid or relminmxid is too far in the past.",
        'Consider increasing configuration parameter "maintenance_work_mem" or '
        '"autovacuum_work_mem".\nYou might also need to consider other ways for VACUUM to keep '
        "up with the allocation of transaction IDs.",
    )


def _share(part: int, whole: int) -> str:
    return f"{100.0 * part / whole if whole else 100.0:.2f}% of total"


def lazy_lines(
    name: str, report: Report, cutoffs: Cutoffs, instance: Any, indexes: list[Any], usage: Usage
) -> list[str]:
    """The summary of one table."""
    total = report.rel_pages + report.removed_pages
    out = [
        f'finished vacuuming "{name}": index scans: {report.index_scans}',
        f"pages: {report.removed_pages} removed, {report.rel_pages} remain, "
        f"{report.scanned_pages} scanned ({_share(report.scanned_pages, total)}), "
        f"{report.eager_scanned_pages} eagerly scanned",
        f"tuples: {report.tuples_deleted} removed, {int(report.new_rel_tuples)} remain, "
        f"{report.recently_dead_tuples} are dead but not yet removable",
        f"removable cutoff: {cutoffs.oldest_xmin}, which was "
        f"{_signed(instance.varsup.next_xid - cutoffs.oldest_xmin)} XIDs old when operation "
        "ended",
    ]
    if report.new_frozen_xid:
        ahead = _signed(report.new_frozen_xid - cutoffs.relfrozenxid)
        out.append(
            f"new relfrozenxid: {report.new_frozen_xid}, which is {ahead} XIDs ahead of "
            "previous value"
        )
    if report.new_min_multi:
        ahead = _signed(report.new_min_multi - cutoffs.relminmxid)
        out.append(
            f"new relminmxid: {report.new_min_multi}, which is {ahead} MXIDs ahead of "
            "previous value"
        )
    out += [
        f"frozen: {report.new_frozen_pages} pages from table "
        f"({_share(report.new_frozen_pages, total)}) had {report.tuples_frozen} tuples frozen",
        f"visibility map: {report.new_visible_pages} pages set all-visible, "
        f"{report.new_visible_frozen_pages + report.new_frozen_map_pages} pages set all-frozen "
        f"({report.new_frozen_map_pages} were all-visible)",
        _index_line(report, total),
    ]
    for index, stats in zip(indexes, report.indexes):
        if stats is not None:
            out.append(
                f'index "{index.descriptor.name}": pages: {stats.num_pages} in total, '
                f"{stats.pages_newly_deleted} newly deleted, {stats.pages_deleted} currently "
                f"deleted, {stats.pages_free} reusable"
            )
    return out + usage.lines()


def _index_line(report: Report, total: int) -> str:
    words = {
        "needed": ("needed", "had", "removed"), "not needed": ("not needed", "had", "removed"),
        "bypassed": ("bypassed", "have", ""), "failsafe": ("bypassed by failsafe", "have", ""),
    }[report.index_scan]  # fmt: skip
    how, has, end = words
    share = _share(report.lpdead_item_pages, total)
    return (
        f"index scan {how}: {report.lpdead_item_pages} pages from table ({share}) {has} "
        f"{report.lpdead_items} dead item identifiers {end}".rstrip()
    )


def _signed(difference: int) -> int:
    difference &= 0xFFFFFFFF
    return difference - (1 << 32) if difference >= 1 << 31 else difference
