"""The configuration parameters that a running instance itself depends on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from formats.units import BLCKSZ
from pgtool.errors import UserError

_UNITS = {
    "B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40,
    "us": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000,
}  # fmt: skip
_BOOL = {
    "on": True, "true": True, "yes": True, "1": True, "t": True, "y": True,
    "off": False, "false": False, "no": False, "0": False, "f": False, "n": False,
}  # fmt: skip
_NUMBER = re.compile(r"\s*([-+]?(?:0x[0-9a-fA-F]+|\d+(?:\.\d*)?))\s*([A-Za-z]*)\s*")
#: Bytes (or milliseconds) of a number without a unit.
_BASE = {
    "shared_buffers": BLCKSZ, "wal_buffers": BLCKSZ, "min_wal_size": 1 << 20,
    "max_wal_size": 1 << 20, "wal_keep_size": 1 << 20, "checkpoint_timeout": 1000,
    "max_slot_wal_keep_size": 1 << 20, "wal_writer_delay": 1,
}  # fmt: skip


@dataclass(frozen=True)
class InstanceSettings:
    """PostgreSQL's names and defaults. Sizes are bytes, times milliseconds."""

    fsync: bool = True
    synchronous_commit: bool = True
    full_page_writes: bool = True
    wal_compression: str = "off"
    wal_level: str = "replica"
    wal_log_hints: bool = False
    wal_init_zero: bool = True
    wal_recycle: bool = True
    wal_consistency_checking: str = ""
    wal_writer_delay: int = 200
    shared_buffers: int = 128 << 20
    min_wal_size: int = 80 << 20
    max_wal_size: int = 1 << 30
    wal_keep_size: int = 0
    max_slot_wal_keep_size: int = -1
    checkpoint_timeout: int = 300_000
    archive_mode: str = "off"
    max_connections: int = 100
    max_worker_processes: int = 8
    max_wal_senders: int = 10
    max_prepared_transactions: int = 0
    max_locks_per_transaction: int = 64
    track_commit_timestamp: bool = False
    autovacuum_freeze_max_age: int = 200_000_000
    autovacuum_multixact_freeze_max_age: int = 400_000_000
    default_transaction_isolation: str = "read committed"

    @property
    def default_isolation(self) -> str:
        """Isolation level of a new transaction."""
        return self.default_transaction_isolation

    @property
    def archiving(self) -> bool:
        """XLogArchivingActive: whether complete segments wait for the archiver."""
        return self.archive_mode not in ("off", "false", "no", "0")

    @property
    def standby_info(self) -> bool:
        """XLogStandbyInfoActive: whether the WAL holds what a hot standby needs."""
        return self.wal_level != "minimal"

    def changed(self, values: Mapping[str, str]) -> InstanceSettings:
        """With other values, as configuration files write them; unknown names are passed over."""
        out: dict[str, Any] = {}
        for field in fields(self):
            if field.name in values:
                out[field.name] = _parse(field.name, values[field.name], getattr(self, field.name))
        return replace(self, **out)


def _parse(name: str, text: str, default: object) -> object:
    if name == "synchronous_commit" and text.lower() in ("local", "remote_write", "remote_apply"):
        return True
    if isinstance(default, bool):
        if text.lower() in _BOOL:
            return _BOOL[text.lower()]
        raise UserError(f'parameter "{name}" requires a Boolean value')
    if isinstance(default, str):
        return text.lower()
    found = _NUMBER.fullmatch(text)
    if found is None or (found[2] and found[2] not in _UNITS):
        raise UserError(f'invalid value for parameter "{name}": "{text}"')
    number = float(int(found[1], 16)) if found[1].lower().startswith("0x") else float(found[1])
    if number < 0:
        return int(number)
    return int(number * (_UNITS[found[2]] if found[2] else _BASE.get(name, 1)))
