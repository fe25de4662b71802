"""Records of the Database resource manager: databases created and dropped.

Source: ``commands/dbcommands_xlog.h``. PostgreSQL 15 added the strategy that logs every
page of the copy, and moved the opcodes.
"""

from __future__ import annotations

from construct import Struct, this

from formats.units import Oid, int32
from formats.version import ByMajor
from formats.wal.rmgrs import Counted, RecordType, always, record

xl_dbase_create_file_copy_rec = Struct(
    "db_id" / Oid * "the new database",
    "tablespace_id" / Oid * "its tablespace",
    "src_db_id" / Oid * "the template whose directory is copied",
    "src_tablespace_id" / Oid * "the template's tablespace",
)
assert xl_dbase_create_file_copy_rec.sizeof() == 16

xl_dbase_create_wal_log_rec = Struct(
    "db_id" / Oid * "the new database; its pages follow in records of their own",
    "tablespace_id" / Oid * "its tablespace",
)
assert xl_dbase_create_wal_log_rec.sizeof() == 8

xl_dbase_drop_rec = Struct(
    "db_id" / Oid * "the dropped database",
    "ntablespaces" / int32 * "number of tablespaces that hold a directory of it",
)
assert xl_dbase_drop_rec.sizeof() == 8

_DROP = record(
    xl_dbase_drop_rec,
    "tablespace_ids" / Counted(this.ntablespaces, Oid) * "the tablespaces",
)

RECORDS = (
    RecordType(0x00, "CREATE", always(xl_dbase_create_file_copy_rec), until=14),
    RecordType(0x10, "DROP", ByMajor({14: _DROP}), until=14),
    RecordType(0x00, "CREATE_FILE_COPY", ByMajor({15: record(xl_dbase_create_file_copy_rec)})),
    RecordType(0x10, "CREATE_WAL_LOG", ByMajor({15: record(xl_dbase_create_wal_log_rec)})),
    RecordType(0x20, "DROP", ByMajor({15: _DROP})),
)
