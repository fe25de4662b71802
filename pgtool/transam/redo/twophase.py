"""Prepared transactions while redo runs: remembered, forgotten, written at the end.

A state is what the PREPARE record carries; in pg_twophase it is followed by a CRC. States
that were on disk when redo began are loaded first. One whose xid has an outcome, or lies in
the future of where recovery ended, is stale.

Who starts from a checkpoint finds the later transactions in the log, and must not find their
files: servers of 17 and 18 do not get rid of such a file, take the transaction for one that
was restored from it, and lose it. So a real directory gets the files when all but pg_control
is done: they are staged under other names, which nobody looks at, and renamed together.
"""

from __future__ import annotations

import re
import struct

from formats import twophase
from formats.crc import crc32c
from formats.derive import offset_of
from formats.units import maxalign
from formats.wal.record import DecodedRecord
from formats.wal.xact import xl_xact_prepare
from pgtool.transam.redo.state import Prepared, RecoveryState
from pgtool.transam.xid import full_xid

STAGED = ".new"
_NAME = re.compile(r"[0-9A-F]{8}(?:[0-9A-F]{8})?")
_U32 = struct.Struct("<I")


def xid_of(state: bytes, major: int) -> int:
    """The transaction that a state belongs to."""
    return int(_U32.unpack_from(state, offset_of(xl_xact_prepare[major], "xid"))[0])


def children_of(state: bytes, major: int) -> tuple[int, ...]:
    """The subtransactions of a state."""
    head = xl_xact_prepare[major]
    (count,) = _U32.unpack_from(state, offset_of(head, "nsubxacts"))
    (gidlen,) = struct.unpack_from("<H", state, offset_of(head, "gidlen"))
    return struct.unpack_from(f"<{count}I", state, head.sizeof() + maxalign(gidlen))


def load(state: RecoveryState) -> None:
    """The states that pg_twophase holds."""
    try:
        names = state.backend.list(twophase.TWOPHASE_DIR)
    except FileNotFoundError:
        return
    for name in names:
        path = f"{twophase.TWOPHASE_DIR}/{name}"
        if name.endswith(STAGED):
            state.backend.unlink(path)
        if not _NAME.fullmatch(name):
            continue
        xid = int(name, 16) & 0xFFFFFFFF
        following = state.next_xid & 0xFFFFFFFF
        if (xid - following) & 0x80000000 == 0:  # of a future that did not happen
            state.backend.unlink(path)
            continue
        data = state.backend.read(path)
        twophase.parse(data, state.major, file=path)
        state.prepared[xid] = Prepared(data[:-4], on_disk=True)


def remember(state: RecoveryState, rec: DecodedRecord) -> None:
    """A PREPARE record was read."""
    xid = xid_of(rec.main, state.major)
    known = state.prepared.get(xid)
    if known is not None and known.on_disk:
        return  # the file says the same
    state.prepared[xid] = Prepared(bytes(rec.main), int(rec.lsn), int(rec.end))


def forget(state: RecoveryState, xid: int) -> None:
    """A prepared transaction ended."""
    known = state.prepared.pop(xid, None)
    if known is not None and known.on_disk:
        state.backend.unlink(path_of(state, xid))


def path_of(state: RecoveryState, xid: int) -> str:
    """The file of a prepared transaction's state."""
    return twophase.file_name(full_xid(xid, state.next_xid), state.major)


def settle(state: RecoveryState) -> None:
    """At the end of redo: drop stale states, account for the others' subtransactions."""
    for xid in sorted(state.prepared):
        if state.status(xid):
            forget(state, xid)
            continue
        children = children_of(state.prepared[xid].state, state.major)
        state.advance_past(state.latest(xid, children))


def write(state: RecoveryState) -> None:
    """Put every state into its file, in one go."""
    stage(state)
    publish(state)


def stage(state: RecoveryState) -> None:
    """Put every state into a file that does not yet count."""
    for xid, known in state.prepared.items():
        if known.on_disk:
            continue
        path = path_of(state, xid) + STAGED
        data = known.state + crc32c(known.state).to_bytes(4, "little")
        state.backend.create(path)
        state.backend.truncate(path, 0)
        state.backend.write(path, 0, data)
        state.backend.sync(path)


def publish(state: RecoveryState) -> None:
    """Give the staged files their names."""
    for xid, known in state.prepared.items():
        if not known.on_disk:
            path = path_of(state, xid)
            state.backend.rename(path + STAGED, path)
            known.on_disk = True
    if state.prepared:
        state.backend.sync(twophase.TWOPHASE_DIR)
