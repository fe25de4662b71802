"""Opening any directory for reading: as it lies where it is whole, else as recovery leaves it.

What is at rest is read as it is, and nothing of recovery is even imported. A crashed cluster
or a backup, a moment asked for, or an archive of WAL to go on with is the matter of
:mod:`.overlay`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pgtool.errors import PgtoolError, UserError
from pgtool.storage.backend import ReadOnly
from pgtool.storage.datadir import (
    ClusterState,
    DataDirectory,
    examine,
    open_directory,
    read_control,
    refuse_incremental,
)
from pgtool.storage.overlay import SPILL_BYTES
from pgtool.transam.recovery.targets import Target

if TYPE_CHECKING:
    from pgtool.transam.recovery.driver import Progress


def _silent(_progress: Progress) -> None:
    pass


@dataclass(frozen=True)
class Wish:
    """How directories are to be opened: as of when, with WAL from where."""

    target: Target = field(default_factory=Target)
    archives: Sequence[str] = ()
    timeline: str | None = None
    spill_bytes: int = SPILL_BYTES
    report: Callable[[Progress], None] = _silent


_wish: ContextVar[Wish | None] = ContextVar("recovery_wish", default=None)


@contextlib.contextmanager
def wishing(wish: Wish) -> Iterator[None]:
    """Directories opened meanwhile are opened so."""
    token = _wish.set(wish)
    try:
        yield
    finally:
        _wish.reset(token)


def current_wish() -> Wish:
    """How directories are to be opened now."""
    return _wish.get() or Wish()


def open_recovered(root: str, *, inconsistent: bool = False) -> DataDirectory:
    """Open a data directory for reading, whatever state it is in.

    With ``inconsistent`` its files are read as they lie.
    """
    wish = current_wish()
    if inconsistent:
        if wish.target.wanted:
            raise UserError("--inconsistent and a moment to read as of exclude each other")
        return open_directory(root, inconsistent=True)
    state = _state(root)
    asked = wish.target.wanted or bool(wish.archives)
    if state is None or state.live or (state.reason is None and not asked):
        return open_directory(root)
    from pgtool.transam.recovery.overlay import recovered

    refuse_incremental(ReadOnly(root))
    try:
        return recovered(root, state, wish)
    except PgtoolError as error:
        if state.reason is None:
            raise
        error.args = (f"{error.args[0]} (the cluster is not at rest: {state.reason}; "
                      "--inconsistent reads its files as they are)", *error.args[1:])  # fmt: skip
        if hasattr(error, "message"):
            error.message = error.args[0]
        raise


def _state(root: str) -> ClusterState | None:
    """What state the directory is in; None where that cannot be told."""
    try:
        backend = ReadOnly(root)
        return examine(backend, read_control(backend)[1])
    except PgtoolError:
        return None
