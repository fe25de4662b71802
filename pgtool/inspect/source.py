"""Where the pages to inspect come from: a file by path, or a relation by name.

A path is relative to the data directory where one is given, else any path of the file
system. Blocks count from the start of the relation, across its 1 GB segments; where the
path names a later segment itself (``16384.2``), from the start of that segment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from formats.deform import Attribute
from formats.errors import CorruptData, UserError
from formats.version import MAJORS, WRITE_MAJOR
from pgtool.storage.backend import ReadOnly
from pgtool.storage.smgr import FILE_NAME, RELSEG_SIZE, RelationFile

if TYPE_CHECKING:
    from pgtool.inspect.typed import Shape

_BLOCKS = re.compile(r"(\d+)?(-)?(\d+)?")
MAX_BLOCK_NUMBER = 0xFFFFFFFE


@dataclass
class Source:
    """A fork of a relation: ``read`` gives pages, ``base`` is the first block's number."""

    file: RelationFile
    name: str
    fork: str
    major: int
    base: int = 0
    attributes: Sequence[Attribute] | None = None
    checksums: bool | None = None
    shape: Callable[[], Shape] | None = None
    detoast: bool = False
    problems: list[CorruptData] = field(default_factory=list)

    @property
    def nblocks(self) -> int:
        """Whole blocks in the file."""
        return self.file.nblocks

    def read(self, block: int) -> bytes:
        """One page; the extension's complaint where the block does not exist."""
        if not 0 <= block < self.nblocks:
            raise UserError(f'block number {block} is out of range for relation "{self.name}"')
        return self.file.read_block(block)

    def blocks(self, spec: str) -> range:
        """``7``, ``3-9``, ``3-`` or ``all`` as block numbers."""
        if spec == "all":
            return range(self.nblocks)
        match = _BLOCKS.fullmatch(spec)
        if match is None or match[1] is None or (match[3] and not match[2]):
            raise UserError(f'invalid block "{spec}": use N, N-M, N- or all')
        first = int(match[1])
        last = first if not match[2] else int(match[3]) if match[3] else self.nblocks - 1
        if max(first, last) > MAX_BLOCK_NUMBER:
            raise UserError("invalid block number")
        if last < first:
            raise UserError(f'invalid block "{spec}": it ends before it begins')
        for block in (first, last):
            if block >= self.nblocks:
                raise UserError(
                    f'block number {block} is out of range for relation "{self.name}"'
                )
        return range(first, last + 1)


def open_file(path: str, pgdata: str | None, major: int | None) -> Source:
    """A relation file by its path."""
    full = path
    if pgdata is not None and not os.path.isabs(path):
        inside = os.path.join(pgdata, path)
        full = inside if os.path.exists(inside) or not os.path.exists(path) else path
    if not os.path.isfile(full):
        raise UserError(f'could not open file "{full}": No such file or directory')
    directory, _, name = full.rpartition("/")
    match = FILE_NAME.fullmatch(name)
    segment = int(match[4]) if match and match[4] else 0
    backend = ReadOnly(directory or ".")
    file = RelationFile(backend, name)
    problems: list[CorruptData] = []
    if match is None or segment:
        file = _SingleFile(backend, name)
    else:
        problems = file.tolerate()
    return Source(
        file,
        path,
        (match[3] or "") if match else "",
        major or _major_beside(directory or ".") or WRITE_MAJOR,
        segment * RELSEG_SIZE,
        problems=problems,
    )


class _SingleFile(RelationFile):
    """One file taken for itself: a later segment, or a page saved under another name."""

    def _segment_numbers(self, directory: str, name: str) -> set[int]:
        return {0}


def _major_beside(directory: str) -> int | None:
    """The major in PG_VERSION of the directory or one above it."""
    current = os.path.abspath(directory)
    for _ in range(4):
        try:
            with open(os.path.join(current, "PG_VERSION"), "rb") as file:
                text = file.read(16).decode("ascii", "replace").strip()
        except OSError:
            current = os.path.dirname(current)
            continue
        if text.isdigit() and int(text) in MAJORS:
            return int(text)
        raise UserError(f'PostgreSQL version "{text}" in "{current}/PG_VERSION" is not known')
    return None


def open_relation(
    pgdata: str, dbname: str, name: str, fork: str = "main", *, inconsistent: bool = False
) -> Source:
    """A fork of a relation by its name in a database's catalogs."""
    from pgtool.catalog.cluster import Cluster
    from pgtool.catalog.names import find_relation
    from pgtool.inspect.typed import shape_of
    from pgtool.storage.smgr import ForkNumber

    cluster = Cluster(pgdata, inconsistent=inconsistent)
    database = cluster.database(dbname)
    relation = find_relation(database, name)
    if relation.locator is None:
        raise UserError(f'cannot get raw page from relation "{name}": it has no storage')
    file = cluster.directory.file(relation.locator, ForkNumber[fork.upper()])
    return Source(
        file,
        relation.relname,
        "" if fork == "main" else fork,
        cluster.major,
        attributes=[Attribute(a.attlen, a.attalign, a.attname) for a in relation.attributes],
        checksums=cluster.directory.checksums,
        shape=cache(lambda: shape_of(database, relation)),
        problems=file.tolerate(),
    )


def parse_attributes(text: str) -> list[Attribute]:
    """``4i,-1i,8d``: attlen and attalign of each attribute."""
    out = []
    for number, part in enumerate(text.split(","), 1):
        match = re.fullmatch(r"\s*(-?\d+)/?([csid])\s*", part)
        if match is None or int(match[1]) < -2:
            raise UserError(f'invalid attribute "{part}": use attlen and attalign, as in 4i or -1i')
        out.append(Attribute(int(match[1]), match[2], f"attribute {number}"))
    return out
