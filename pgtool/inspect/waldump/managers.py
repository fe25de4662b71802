"""Resource manager names as ``--rmgr`` takes them."""

from __future__ import annotations

from collections.abc import Iterable

from formats.errors import UserError
from pgtool.wal.rmgr import FIRST_CUSTOM_ID, LAST_CUSTOM_ID, RMGRS

MANAGER_NAMES = tuple(manager.name for manager in RMGRS)
CUSTOM_PREFIX = "custom"


def manager_ids(names: Iterable[str]) -> frozenset[int]:
    """The ids of the named managers; ``custom###`` names one of an extension."""
    return frozenset(_manager_id(name) for name in names)


def _manager_id(name: str) -> int:
    digits = name.removeprefix(CUSTOM_PREFIX)
    if digits != name and digits.isdigit():
        rmid = int(digits[:3])
        if not FIRST_CUSTOM_ID <= rmid <= LAST_CUSTOM_ID:
            raise UserError(f'custom resource manager "{name}" does not exist')
        return rmid
    for manager in RMGRS:
        if manager.name.lower() == name.lower():
            return manager.id
    raise UserError(f'resource manager "{name}" does not exist')
