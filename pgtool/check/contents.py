"""What a server needs beside pg_control and WAL: status files, settings, relations.

The first three look at files as they lie, the last at the cluster as recovery leaves it: what
redo makes anew is not missed. Nothing is read but catalogs and the sizes of files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from construct import Container

from formats import slot, twophase
from formats.slru import MULTIXACT_OFFSETS, SLRU_PAGES_PER_SEGMENT, XACT, Area
from formats.units import BLCKSZ
from pgtool.catalog.cluster import INVALID_DATABASE_CONNLIMIT, Cluster
from pgtool.check.files import some
from pgtool.check.findings import Finding, Level
from pgtool.errors import PgtoolError
from pgtool.storage.backend import ReadOnly
from pgtool.storage.conf import configured
from pgtool.storage.smgr import relation_path

_STATE_FILE = re.compile(r"[0-9A-F]{8}(?:[0-9A-F]{8})?")
_VALUE = (
    r"'(?:[^'\\]|''|\\.)*'|[A-Za-z_\x80-\uffff][\w.:/$-]*"
    r"|[-+]?(?:0x[0-9A-Fa-f]+|\d*\.?\d+|\d+\.)(?:[eE][-+]?\d+)?[A-Za-z]*"
)
#: A line of a configuration file: a comment, or a name and a value.
_LINE = re.compile(rf"\s*(?:[A-Za-z_\x80-\uffff][\w$.]*\s*=?\s*(?:{_VALUE})\s*)?(?:#.*)?")
_SETTINGS = ("postgresql.conf", "postgresql.auto.conf")
_MOST_LINES = 3


# -- status files ---------------------------------------------------------------------------


def statuses(backend: ReadOnly, found: Container, major: int) -> Iterator[Finding]:
    """Pages of SLRUs that rows may need; what is after the last checkpoint redo makes."""
    copy = found.checkPointCopy
    following = int(copy.nextMulti)
    multi = following if following % MULTIXACT_OFFSETS.per_page else following - 1
    for area, first, last, what in (
        (XACT, int(copy.oldestXid), int(copy.nextXid) - 1, "which transactions committed"),
        (MULTIXACT_OFFSETS, int(copy.oldestMulti), multi, "who locked or changed a row"),
    ):
        lost = _lost(backend, area, major, first, last & 0xFFFFFFFF)
        if lost:
            folder = lost[0].rpartition("/")[0]
            yield Finding(
                Level.BLOCKS, f"{len(lost)} files of {folder} are missing or too short: {what} "
                "is not known without them", some(lost),
            )  # fmt: skip


def _lost(backend: ReadOnly, area: Area, major: int, first: int, last: int) -> list[str]:
    """The files that lack a page between two IDs (of the last file: the pages up to it)."""
    per_file = area.per_page * SLRU_PAGES_PER_SEGMENT
    number, end = first // per_file, last // per_file
    lost = []
    while True:
        path = area.path(number, major)
        pages = last % per_file // area.per_page + 1 if number == end else 1
        try:
            whole = backend.size(path) >= pages * BLCKSZ
        except OSError:
            whole = False
        if not whole:
            lost.append(path)
        if number == end:
            return lost
        number = (number + 1) % ((1 << 32) // per_file)


def prepared(backend: ReadOnly, major: int) -> Iterator[Finding]:
    """State files of prepared transactions that a server would stumble over."""
    try:
        names = [n for n in backend.list(twophase.TWOPHASE_DIR) if _STATE_FILE.fullmatch(n)]
    except OSError:
        return
    for name in names:
        path = f"{twophase.TWOPHASE_DIR}/{name}"
        try:
            twophase.parse(backend.read(path), major, file=path)
        except PgtoolError as error:
            yield Finding(Level.BLOCKS, f"a prepared transaction is lost: {error}", path)


def slots(backend: ReadOnly) -> Iterator[Finding]:
    """State files of replication slots that a server refuses."""
    try:
        names = [n for n in backend.list("pg_replslot") if not n.endswith(".tmp")]
    except OSError:
        return
    for name in names:
        path = f"pg_replslot/{name}/state"
        try:
            slot.parse(backend.read(path), file=path)
        except (PgtoolError, OSError) as error:
            yield Finding(
                Level.BLOCKS, f'replication slot "{name}" cannot be read: {error}; a server '
                "starts once its directory is moved away, and the slot is lost", path,
            )  # fmt: skip


# -- settings -------------------------------------------------------------------------------


def settings(backend: ReadOnly) -> Iterator[Finding]:
    """Lines that are no settings, and settings that recovery cannot do without."""
    for name in _SETTINGS:
        try:
            lines = backend.read(name, 0, 1 << 22).decode("utf-8", "replace").splitlines()
        except OSError:
            continue
        bad = [number for number, line in enumerate(lines, 1) if not _LINE.fullmatch(line)]
        if bad:
            shown = ", ".join(map(str, bad[:_MOST_LINES]))
            yield Finding(Level.BLOCKS, f"{name} has a syntax error in line {shown}", name)
    known = configured(backend)
    if not backend.exists("pg_hba.conf") and "hba_file" not in known:
        here = backend.exists("postgresql.conf")
        yield Finding(Level.BLOCKS if here else Level.WARNING, "pg_hba.conf is missing, and "
                      "hba_file does not say that it is elsewhere", "pg_hba.conf")  # fmt: skip
    asked = backend.exists("recovery.signal") and not backend.exists("standby.signal")
    if asked and not known.get("restore_command"):
        yield Finding(Level.BLOCKS, "recovery.signal is there, but restore_command is not set: a "
                      "server refuses to start", "recovery.signal")  # fmt: skip


# -- databases and relations ----------------------------------------------------------------


def relations(cluster: Cluster) -> Iterator[Finding]:
    """Databases that nobody can connect to, relations that have no file."""
    for row in cluster.databases():
        name = row["datname"]
        if row["datconnlimit"] == INVALID_DATABASE_CONNLIMIT:
            yield Finding(Level.WARNING, f'database "{name}" was being dropped: all that can be '
                          "done with it is to drop it", str(name))  # fmt: skip
            continue
        try:
            lost = list(_without_file(cluster, int(row["oid"])))
        except (PgtoolError, OSError) as error:
            yield Finding(Level.DAMAGE, f'the catalogs of database "{name}" cannot be read, so '
                          f"nobody can connect to it: {error}", str(name))  # fmt: skip
            continue
        if lost:
            yield Finding(Level.DAMAGE, f'{len(lost)} relations of database "{name}" have no '
                          "file: a server starts, but cannot read them", some(lost))  # fmt: skip


def _without_file(cluster: Cluster, oid: int) -> Iterator[str]:
    """Names and files of the permanent relations that lack theirs."""
    database = cluster.database_of(oid)
    backend = cluster.directory.backend
    folder = database.path
    if not backend.exists(f"{folder}/PG_VERSION"):
        raise FileNotFoundError(f'"{folder}" is not a database directory (no PG_VERSION)')
    _ = database.pg_attribute
    for relation in database.relations():
        where = relation.locator
        if where is None or relation.relpersistence != "p":
            continue
        path = relation_path(where, cluster.major)
        if not backend.exists(path):
            yield f"{relation.nspname}.{relation.relname} ({path})"
