"""Records of the Storage resource manager: relation files made and cut short.

Source: ``catalog/storage_xlog.h``.
"""

from __future__ import annotations

import enum

from construct import Struct

from formats.units import BlockNumber, Choice, Flags, int32, uint32
from formats.wal.record import RelFileLocator
from formats.wal.rmgrs import RecordType, always


class ForkNumber(enum.IntEnum):
    """Which of a relation's files."""

    MAIN_FORKNUM = 0
    FSM_FORKNUM = 1
    VISIBILITYMAP_FORKNUM = 2
    INIT_FORKNUM = 3


class SmgrTruncate(enum.IntFlag):
    """``flags`` of a truncation: which forks it cuts."""

    SMGR_TRUNCATE_HEAP = 0x0001
    SMGR_TRUNCATE_VM = 0x0002
    SMGR_TRUNCATE_FSM = 0x0004


xl_smgr_create = Struct(
    "rlocator" / RelFileLocator * "the new relation file",
    "forkNum" / Choice(int32, ForkNumber) * "its fork",
)
assert xl_smgr_create.sizeof() == 16

xl_smgr_truncate = Struct(
    "blkno" / BlockNumber * "blocks that stay in the main fork",
    "rlocator" / RelFileLocator * "the relation file",
    "flags" / Flags(uint32, SmgrTruncate) * "forks to cut",
)
assert xl_smgr_truncate.sizeof() == 20

RECORDS = (
    RecordType(0x10, "CREATE", always(xl_smgr_create)),
    RecordType(0x20, "TRUNCATE", always(xl_smgr_truncate)),
)
