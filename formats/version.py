"""Majors: which exist for pgtool, how a file tells its own, and data keyed by major.

Everything that differs between majors is a :class:`ByMajor` value beside the
declaration it belongs to; no code asks ``if major >= …``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

from formats.errors import Unsupported

T = TypeVar("T")

MAJORS = (14, 15, 16, 17, 18)
WRITE_MAJOR = 18

CATALOG_VERSION_NO = {14: 202107181, 15: 202209061, 16: 202307071, 17: 202406281, 18: 202506291}
PG_CONTROL_VERSION = {14: 1300, 15: 1300, 16: 1300, 17: 1700, 18: 1800}
XLOG_PAGE_MAGIC = {14: 0xD10D, 15: 0xD110, 16: 0xD113, 17: 0xD116, 18: 0xD118}

MAJOR_OF_CATALOG_VERSION = {v: k for k, v in CATALOG_VERSION_NO.items()}
MAJOR_OF_PAGE_MAGIC = {v: k for k, v in XLOG_PAGE_MAGIC.items()}


class ByMajor(Generic[T]):
    """A value for each major, written once for the first major that has it.

    ``ByMajor({14: a, 17: b})[16]`` is ``a``. A major outside :data:`MAJORS`, or older
    than the first entry, raises :class:`Unsupported`.
    """

    def __init__(self, since: Mapping[int, T]) -> None:
        self._since = dict(since)
        self._table: dict[int, T] = {}
        for major in MAJORS:
            known = [m for m in self._since if m <= major]
            if known:
                self._table[major] = self._since[max(known)]

    def __getitem__(self, major: int) -> T:
        try:
            return self._table[major]
        except KeyError:
            raise Unsupported(f"not known for PostgreSQL {major}") from None

    def __contains__(self, major: int) -> bool:
        return major in self._table

    def items(self) -> list[tuple[int, T]]:
        """(major, value) for every major that has one."""
        return list(self._table.items())

    def distinct(self) -> list[T]:
        """The different values, oldest first."""
        return [self._since[m] for m in sorted(self._since)]


def major_of_page_magic(magic: int) -> int | None:
    """The major whose WAL pages begin with ``magic``, or None."""
    return MAJOR_OF_PAGE_MAGIC.get(magic)
