"""Records of the Tablespace resource manager: tablespaces created and dropped.

Source: ``commands/tablespace.h``.
"""

from __future__ import annotations

from construct import Struct

from formats.units import Oid
from formats.wal.rmgrs import CText, RecordType, always

xl_tblspc_rec = Struct("ts_id" / Oid * "the tablespace")

RECORDS = (
    RecordType(
        0x00, "CREATE", always(xl_tblspc_rec, "ts_path" / CText * "directory that it stands for")
    ),
    RecordType(0x10, "DROP", always(xl_tblspc_rec)),
)
