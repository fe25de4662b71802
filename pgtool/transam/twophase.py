"""Prepared transactions that are still pending.

Every prepared transaction that outlived a checkpoint has a file in pg_twophase, named by
its xid in hexadecimal (by its 64-bit xid since 17).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pgtool.storage.backend import Backend

if TYPE_CHECKING:
    from construct import Container

TWOPHASE_DIR = "pg_twophase"
_NAME = re.compile(r"[0-9A-F]{8}(?:[0-9A-F]{8})?")


def prepared_xids(backend: Backend) -> frozenset[int]:
    """The 32-bit xids of the pending top-level transactions."""
    try:
        names = backend.list(TWOPHASE_DIR)
    except FileNotFoundError:
        return frozenset()
    return frozenset(int(name, 16) & 0xFFFFFFFF for name in names if _NAME.fullmatch(name))


def prepared_states(backend: Backend, major: int) -> list[Container]:
    """The states of the pending prepared transactions, oldest first."""
    try:
        names = backend.list(TWOPHASE_DIR)
    except FileNotFoundError:
        return []
    from formats import twophase

    paths = [f"{TWOPHASE_DIR}/{name}" for name in names if _NAME.fullmatch(name)]
    return [twophase.parse(backend.read(path), major, file=path) for path in sorted(paths)]
