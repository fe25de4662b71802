"""Records of the RelMap resource manager: a new pg_filenode.map, whole.

Source: ``utils/relmapper.h``.
"""

from __future__ import annotations

from construct import Construct, IfThenElse, Struct, this

from formats.derive import sizeof
from formats.relmap import RelMapFile
from formats.units import Oid, Raw, int32
from formats.version import MAJORS, ByMajor
from formats.wal.rmgrs import RecordType, record

xl_relmap_update = Struct(
    "dbid" / Oid * "database whose map it is, 0 for the shared one",
    "tsid" / Oid * "the database's tablespace, pg_global for the shared map",
    "nbytes" / int32 * "size of the map",
)
assert xl_relmap_update.sizeof() == 12


def _update(file: Construct) -> Construct:
    whole = IfThenElse(this.nbytes == sizeof(file), file, Raw(this.nbytes))
    return record(xl_relmap_update, "data" / whole * "the map as the file will hold it")


RECORDS = (
    RecordType(0x00, "UPDATE", ByMajor({major: _update(RelMapFile[major]) for major in MAJORS})),
)
