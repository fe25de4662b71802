"""How far replication origins have been replayed: loaded before redo, written at its end."""

from __future__ import annotations

from formats import replorigin
from pgtool.transam.redo.state import RecoveryState

_TEMPORARY = replorigin.REPLORIGIN_FILE + ".tmp"


def load(state: RecoveryState) -> None:
    """What the last checkpoint wrote."""
    try:
        data = state.backend.read(replorigin.REPLORIGIN_FILE)
    except FileNotFoundError:
        return
    state.origins = replorigin.parse(data)


def write(state: RecoveryState) -> None:
    """The file, put in the old one's place; none where there never was an origin."""
    if not state.origins and not state.backend.exists(replorigin.REPLORIGIN_FILE):
        return
    state.backend.create(_TEMPORARY)
    state.backend.truncate(_TEMPORARY, 0)
    state.backend.write(_TEMPORARY, 0, replorigin.build(state.origins))
    state.backend.sync(_TEMPORARY)
    state.backend.rename(_TEMPORARY, replorigin.REPLORIGIN_FILE)
    state.backend.sync("pg_logical")
