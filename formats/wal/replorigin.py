"""Records of the ReplicationOrigin resource manager: progress set by hand, origins dropped.

Source: ``replication/origin.h``.
"""

from __future__ import annotations

from construct import Struct

from formats.units import Bool, Raw, RepOriginId, XLogRecPtr
from formats.wal.rmgrs import RecordType, always

xl_replorigin_set = Struct(
    "remote_lsn" / XLogRecPtr * "position that has been replayed from the origin",
    "node_id" / RepOriginId * "the origin",
    "force" / Bool * "whether the position may also go back",
    "pad" / Raw(5) * "alignment",
)
assert xl_replorigin_set.sizeof() == 16

xl_replorigin_drop = Struct("node_id" / RepOriginId * "the origin")

RECORDS = (
    RecordType(0x00, "SET", always(xl_replorigin_set)),
    RecordType(0x10, "DROP", always(xl_replorigin_drop)),
)
