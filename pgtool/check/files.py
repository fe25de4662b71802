"""Directories, owners, modes and links of a data directory, looked at one by one."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator

from pgtool.check.findings import Finding, Level
from pgtool.storage.backend import ReadOnly
from pgtool.storage.smgr import DEFAULTTABLESPACE_OID, GLOBALTABLESPACE_OID

#: What initdb makes and every server expects.
DIRECTORIES = (
    "base", "global", "pg_commit_ts", "pg_dynshmem", "pg_logical", "pg_logical/mappings",
    "pg_logical/snapshots", "pg_multixact", "pg_multixact/members", "pg_multixact/offsets",
    "pg_notify", "pg_replslot", "pg_serial", "pg_snapshots", "pg_stat", "pg_stat_tmp",
    "pg_subtrans", "pg_tblspc", "pg_twophase", "pg_wal", "pg_xact",
)  # fmt: skip
#: Some of these a server makes itself when they are missing.
OPTIONAL = frozenset({"pg_stat_tmp", "pg_stat", "pg_snapshots"})
#: Without these a server starts, and fails later: at a checkpoint, in a parallel query.
LATER = frozenset({
    "pg_dynshmem", "pg_logical", "pg_logical/mappings", "pg_logical/snapshots", "pg_subtrans",
})  # fmt: skip
_TABLESPACE = re.compile(r"\d+")


def places(root: str) -> Iterator[Finding]:
    for name in DIRECTORIES:
        full = os.path.join(root, name)
        if not os.path.isdir(full):
            level = Level.WARNING if name in OPTIONAL else (
                Level.DAMAGE if name in LATER else Level.BLOCKS
            )  # fmt: skip
            target = f": it is a link to {os.readlink(full)}" if os.path.islink(full) else ""
            yield Finding(level, f'directory "{name}" is missing{target}', full)
    if not os.path.exists(os.path.join(root, "postgresql.conf")):
        yield Finding(Level.WARNING, "postgresql.conf is not here: the server must be told where "
                      "it is (as some distributions do)", "postgresql.conf")  # fmt: skip


def permissions(root: str) -> Iterator[Finding]:
    status = os.stat(root)
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o027:
        yield Finding(Level.BLOCKS, f"the directory's mode is {mode:04o}; a server accepts 0700 "
                      "and 0750 only", root)  # fmt: skip
    if status.st_uid == 0:
        yield Finding(Level.BLOCKS, "the directory belongs to root; a server does not run as "
                      "root", root)  # fmt: skip
    strangers, unreadable, count = [], [], 0
    for directory, names, files in os.walk(root):
        for name in (*files, *names):
            full = os.path.join(directory, name)
            try:
                one = os.lstat(full)
            except OSError:
                continue
            if stat.S_ISLNK(one.st_mode):
                continue
            count += 1
            if one.st_uid != status.st_uid:
                strangers.append(os.path.relpath(full, root))
            elif not one.st_mode & (0o500 if stat.S_ISDIR(one.st_mode) else 0o400):
                unreadable.append(os.path.relpath(full, root))
    if strangers:
        yield Finding(Level.BLOCKS, f"{len(strangers)} of {count} files belong to another user "
                      "than the directory", some(strangers))  # fmt: skip
    if unreadable:
        yield Finding(Level.BLOCKS, f"{len(unreadable)} files cannot be read by their owner",
                      some(unreadable))  # fmt: skip


def some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(sorted(names)[:3]) + more


def closed(root: str) -> Iterator[Finding]:
    """What this process may not look at: nothing can be said of it, so nothing is guessed."""
    paths: list[str] = []

    def note(error: OSError) -> None:
        paths.append(os.path.relpath(str(error.filename), root))

    for directory, _names, files in os.walk(root, onerror=note):
        for name in files:
            full = os.path.join(directory, name)
            if not os.path.islink(full) and not os.access(full, os.R_OK):
                paths.append(os.path.relpath(full, root))
    if paths:
        yield Finding(Level.WARNING, f"{len(paths)} files or directories may not be read by the "
                      "user who asks", some(paths))  # fmt: skip


def tablespaces(
    backend: ReadOnly, known: dict[int, str], level: Level = Level.DAMAGE
) -> Iterator[Finding]:
    """Links in pg_tblspc that lead nowhere, and tablespaces of the catalog without one.

    ``level`` is that of the former: what redo has to write to stops a server.
    """
    try:
        names = [name for name in backend.list("pg_tblspc") if _TABLESPACE.fullmatch(name)]
    except FileNotFoundError:
        return
    for name in names:
        full = backend.full(f"pg_tblspc/{name}")
        if not os.path.isdir(full):
            target = os.readlink(full) if os.path.islink(full) else "no link"
            yield Finding(level, f"tablespace {name} leads nowhere: its relations cannot "
                          "be read", f"pg_tblspc/{name} -> {target}")  # fmt: skip
    own = (DEFAULTTABLESPACE_OID, GLOBALTABLESPACE_OID)
    for oid, spcname in sorted(known.items()):
        if str(oid) not in names and oid not in own:
            yield Finding(Level.DAMAGE, f'tablespace "{spcname}" has no link in pg_tblspc: its '
                          "relations cannot be read, and what recovery replays of them goes "
                          "astray", f"pg_tblspc/{oid}")  # fmt: skip
