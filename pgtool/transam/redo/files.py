"""Replay of records about files: relations made and cut, databases, tablespaces, relation maps."""

from __future__ import annotations

from formats import relmap
from formats.derive import reader, struct_of
from formats.version import CATALOG_VERSION_NO
from formats.wal import dbase
from formats.wal import relmap as relmap_layout
from formats.wal import smgr as layout
from formats.wal.record import DecodedRecord
from formats.wal.smgr import SmgrTruncate
from pgtool.errors import CorruptData
from pgtool.storage.mapcut import cut_free_space_map, cut_visibility_map
from pgtool.storage.smgr import ForkNumber, RelFileLocator, database_path
from pgtool.wal.redo import RedoContext

_CREATE = struct_of(layout.xl_smgr_create)
_TRUNCATE = struct_of(layout.xl_smgr_truncate)
_copy = reader(dbase.xl_dbase_create_file_copy_rec)
_wal_log = reader(dbase.xl_dbase_create_wal_log_rec)
_DROP = struct_of(dbase.xl_dbase_drop_rec)
_RELMAP = struct_of(relmap_layout.xl_relmap_update)
PG_VERSION = "PG_VERSION"
TEMPORARY = ".tmp"


# -- relations --------------------------------------------------------------------------


def smgr_create(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A relation's fork is made."""
    spc, db, rel, fork = _CREATE.unpack_from(rec.main, 0)
    ctx.pool.create(RelFileLocator(spc, db, rel), ForkNumber(fork))


def smgr_truncate(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A relation is cut short, its maps with it."""
    blocks, spc, db, rel, flags = _TRUNCATE.unpack_from(rec.main, 0)
    where = RelFileLocator(spc, db, rel)
    ctx.pool.create(where)
    if flags & SmgrTruncate.SMGR_TRUNCATE_HEAP:
        ctx.invalid.forget((spc, db, rel, int(ForkNumber.MAIN)), blocks)
        ctx.pool.truncate(where, ForkNumber.MAIN, blocks)
    if flags & SmgrTruncate.SMGR_TRUNCATE_FSM and ctx.pool.exists(where, ForkNumber.FSM):
        cut_free_space_map(ctx.pool, where, blocks)
    if flags & SmgrTruncate.SMGR_TRUNCATE_VM and ctx.pool.exists(where, ForkNumber.VM):
        cut_visibility_map(ctx.pool, where, blocks)


# -- databases ---------------------------------------------------------------------------


def _path(ctx: RedoContext, spc: int, db: int) -> str:
    return database_path(spc, db, ctx.major)


def _tree(ctx: RedoContext, path: str) -> list[str]:
    return [
        name for name in ctx.backend.list(path) if not ctx.backend.is_directory(f"{path}/{name}")
    ]


def create_file_copy(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A database made by copying the files of another."""
    data = _copy(rec.main, 0)
    source = _path(ctx, data.src_tablespace_id, data.src_db_id)
    target = _path(ctx, data.tablespace_id, data.db_id)
    if not ctx.backend.exists(source):
        # Moved or dropped later in the log: then what is made of it will be dropped too.
        ctx.backend.mkdir(source)
    ctx.backend.rmtree(target)
    ctx.pool.flush_database(data.src_db_id, data.src_tablespace_id)
    ctx.pool.drop_database(data.db_id, data.tablespace_id)
    ctx.backend.mkdir(target)
    for name in _tree(ctx, source):
        ctx.backend.copy(f"{source}/{name}", f"{target}/{name}")
        ctx.pool.touched.add(f"{target}/{name}")
    ctx.pool.touched.update((target, target.rpartition("/")[0]))


def create_wal_log(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A database whose pages follow in records of their own."""
    data = _wal_log(rec.main, 0)
    target = _path(ctx, data.tablespace_id, data.db_id)
    ctx.backend.mkdir(target)
    path = f"{target}/{PG_VERSION}"
    ctx.backend.create(path)
    ctx.backend.truncate(path, 0)
    ctx.backend.write(path, 0, f"{ctx.major}\n".encode("ascii"))
    ctx.pool.touched.update((path, target, target.rpartition("/")[0]))


def drop(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A database is dropped (in one tablespace or in several)."""
    db, count = _DROP.unpack_from(rec.main, 0)
    if not 0 <= 4 * count <= len(rec.main) - _DROP.size:
        raise CorruptData(f"record at {rec.lsn} names {count} tablespaces")
    spaces = [
        int.from_bytes(rec.main[at : at + 4], "little")
        for at in range(_DROP.size, _DROP.size + 4 * count, 4)
    ]
    for spc in spaces:
        ctx.pool.drop_database(db, spc)
        ctx.invalid.forget_database(db, spc)
        path = _path(ctx, spc, db)
        ctx.backend.rmtree(path)
        ctx.pool.touched = {p for p in ctx.pool.touched if not p.startswith(path + "/")}
        ctx.pool.touched.discard(path)


# -- tablespaces ---------------------------------------------------------------------------


def _version_directory(ctx: RedoContext) -> str:
    return f"PG_{ctx.major}_{CATALOG_VERSION_NO[ctx.major]}"


def tblspc_create(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A tablespace: a link to its directory."""
    oid = int.from_bytes(rec.main[:4], "little")
    location = rec.main[4:].split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
    link = f"pg_tblspc/{oid}"
    if location:
        ctx.backend.symlink(location, link)
    else:  # one made in place, for tests
        ctx.backend.mkdir(link)
    ctx.backend.mkdir(f"{link}/{_version_directory(ctx)}")
    ctx.pool.touched.add("pg_tblspc")


def tblspc_drop(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A tablespace is dropped: its version directory goes, and its link (or, in place, itself)."""
    oid = int.from_bytes(rec.main[:4], "little")
    link = f"pg_tblspc/{oid}"
    if not ctx.backend.exists(link):
        return
    ctx.backend.rmtree(f"{link}/{_version_directory(ctx)}")
    ctx.pool.touched = {p for p in ctx.pool.touched if not p.startswith(link + "/")}
    try:
        ctx.backend.unlink(link)
    except IsADirectoryError:  # made in place
        ctx.backend.rmtree(link)
    ctx.pool.touched.add("pg_tblspc")


# -- relation maps ------------------------------------------------------------------------


def relmap_update(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A relation map, whole, written beside the old one and put in its place."""
    db, spc, size = _RELMAP.unpack_from(rec.main, 0)
    data = rec.main[_RELMAP.size : _RELMAP.size + size]
    directory = "global" if not db else _path(ctx, spc, db)
    path = f"{directory}/{relmap.RELMAPPER_FILENAME}"
    relmap.parse(data, file=path)
    ctx.backend.mkdir(directory)
    new = path + TEMPORARY
    ctx.backend.create(new)
    ctx.backend.truncate(new, 0)
    ctx.backend.write(new, 0, data)
    ctx.backend.sync(new)
    ctx.backend.rename(new, path)
    ctx.backend.sync(directory)


STORAGE = {"CREATE": smgr_create, "TRUNCATE": smgr_truncate}
DATABASE = {
    "CREATE": create_file_copy,
    "CREATE_FILE_COPY": create_file_copy,
    "CREATE_WAL_LOG": create_wal_log,
    "DROP": drop,
}
TABLESPACE = {"CREATE": tblspc_create, "DROP": tblspc_drop}
RELMAP = {"UPDATE": relmap_update}
