"""Records of the LogicalMessage resource manager: messages that only decoding reads.

Source: ``replication/message.h``. Recovery does nothing with them.
"""

from __future__ import annotations

from construct import Struct, this

from formats.units import Bool, Oid, Raw, uint64
from formats.wal.rmgrs import FixedText, RecordType, always

xl_logical_message = Struct(
    "dbId" / Oid * "database that it was sent from",
    "transactional" / Bool * "whether it is delivered with its transaction's commit",
    "pad" / Raw(3) * "alignment",
    "prefix_size" / uint64 * "bytes of the prefix with its final zero",
    "message_size" / uint64 * "bytes of the message",
)
assert xl_logical_message.sizeof() == 24

RECORDS = (
    RecordType(
        0x00,
        "MESSAGE",
        always(
            xl_logical_message,
            "prefix" / FixedText(this.prefix_size) * "name of whom it is for",
            "message" / Raw(this.message_size) * "the message",
        ),
    ),
)
