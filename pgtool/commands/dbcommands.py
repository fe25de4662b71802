"""CREATE DATABASE and DROP DATABASE.

A new database is a copy of another one's files. With the strategy ``wal_log`` every page goes
through the WAL; with ``file_copy`` a checkpoint comes first, and the record only says what was
copied. The directory is the transaction's until it commits: it goes again where that fails.
"""

from __future__ import annotations

from typing import Any

from formats.derive import struct_of
from formats.relmap import RELMAPPER_FILENAME
from formats.wal import dbase, relmap
from formats.wal.rmgrs import RmgrId, opcode
from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.dependency import record_owner
from pgtool.commands.context import Ddl, begin
from pgtool.commands.ownership import check_ownership
from pgtool.errors import SqlError, Unsupported
from pgtool.sql.answer import Outcome
from pgtool.sql.define import definition_text
from pgtool.storage.smgr import FILE_NAME, ForkNumber, RelFileLocator, database_path
from pgtool.types.encoding import encoding_by_id, encoding_by_name
from pgtool.wal.insert import Record

__all__ = ["alter", "create", "drop", "may_create_databases"]

_FORKS = {None: ForkNumber.MAIN, "fsm": ForkNumber.FSM, "vm": ForkNumber.VM,
          "init": ForkNumber.INIT}  # fmt: skip
_DBASE, _RELMAP = int(RmgrId.RM_DBASE_ID), int(RmgrId.RM_RELMAP_ID)
_FILE_COPY, _WAL_LOG, _DROP = (
    opcode(dbase.RECORDS, name) for name in ("CREATE_FILE_COPY", "CREATE_WAL_LOG", "DROP")
)
_UPDATE = opcode(relmap.RECORDS, "UPDATE")
_file_copy = struct_of(dbase.xl_dbase_create_file_copy_rec).pack
_wal_log = struct_of(dbase.xl_dbase_create_wal_log_rec).pack
_drop_record = struct_of(dbase.xl_dbase_drop_rec).pack
_map_record = struct_of(relmap.xl_relmap_update).pack
PAGES_AT_ONCE = 32
GLOBAL_TABLESPACE = 1664
_BOOLEANS = ("is_template", "allow_connections")
_KNOWN = {
    "template", "owner", "encoding", "strategy", "locale", "lc_collate", "lc_ctype",
    "builtin_locale", "locale_provider", "is_template", "allow_connections", "connection_limit",
    "tablespace", "oid", "icu_locale", "icu_rules", "collation_version",
}  # fmt: skip
_PROVIDERS = {"builtin": "b", "libc": "c"}


def _options(raw: Any) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for node in raw.options:
        if node.defname not in _KNOWN:
            raise SqlError(f'option "{node.defname}" not recognized', "42601",
                           position=node.location + 1 or None)  # fmt: skip
        if node.defname in out:
            raise SqlError("conflicting or redundant options", "42601",
                           position=node.location + 1 or None)  # fmt: skip
        out[node.defname] = node
    return out


def _text(options: dict[str, Any], name: str) -> str | None:
    node = options.get(name)
    return None if node is None or node.arg is None else definition_text(node)


def _flag(options: dict[str, Any], name: str, default: bool) -> bool:
    text = _text(options, name)
    return default if text is None else text.lower() in ("true", "on", "1", "yes")


def _source(ddl: Ddl, options: dict[str, Any]) -> Any:
    name = _text(options, "template") or "template1"
    row = ddl.cache.one("pg_database", "datname", name)
    if row is None:
        raise SqlError(f'template database "{name}" does not exist', "3D000")
    if row.datconnlimit == -2:
        raise SqlError(f'cannot use invalid database "{name}" as template', "55000",
                       hint="Use DROP DATABASE to drop invalid databases.")  # fmt: skip
    _refuse_used(ddl, row, "source database")
    return row


def _refuse_used(ddl: Ddl, row: Any, what: str) -> None:
    instance = ddl.database.cluster.instance
    others = [
        x for x in instance.sessions
        if x.database == row.oid and x is not ddl.session.xact
    ]  # fmt: skip
    if others:
        count = len(others)
        said = f"There is {count} other session" if count == 1 else (
            f"There are {count} other sessions")  # fmt: skip
        raise SqlError(f'{what} "{row.datname}" is being accessed by other users', "55006",
                       f"{said} using the database.")  # fmt: skip


def _locales(options: dict[str, Any], row: dict[str, Any]) -> None:
    """Locale columns of a new row, over those of the template."""
    for refused in ("icu_locale", "icu_rules", "collation_version"):
        if refused in options:
            raise Unsupported(f"CREATE DATABASE {refused.upper()}")
    provider = _text(options, "locale_provider")
    if provider is not None:
        if provider not in _PROVIDERS:
            raise Unsupported(f"CREATE DATABASE LOCALE_PROVIDER {provider}")
        row["datlocprovider"] = _PROVIDERS[provider]
    whole = _text(options, "locale")
    for column, name in (("datcollate", "lc_collate"), ("datctype", "lc_ctype")):
        row[column] = _text(options, name) or whole or row[column]
    builtin = _text(options, "builtin_locale")
    if row["datlocprovider"] == "b":
        row["datlocale"] = builtin or whole or row["datlocale"]
        if row["datlocale"] is None:
            raise SqlError("LOCALE or BUILTIN_LOCALE must be specified", "42P17")
    elif builtin is not None:
        raise SqlError('BUILTIN_LOCALE cannot be specified unless locale provider is builtin',
                       "42P17")  # fmt: skip
    else:
        row["datlocale"] = None


def _check_like_template(ddl: Ddl, source: Any, row: dict[str, Any]) -> None:
    """Only template0 has nothing that another encoding or locale would break."""
    if source.datname == "template0":
        return
    name = ddl.session.database.encoding.name
    for column, message, hint in (
        ("encoding", f"new encoding ({{}}) is incompatible with the encoding of the template "
         f"database ({name})", "Use the same encoding as in the template database, or use "
         "template0 as template."),
        ("datcollate", f"new collation ({{}}) is incompatible with the collation of the template "
         f"database ({source.datcollate})", "Use the same collation as in the template database, "
         "or use template0 as template."),
        ("datctype", f"new LC_CTYPE ({{}}) is incompatible with the LC_CTYPE of the template "
         f"database ({source.datctype})", "Use the same LC_CTYPE as in the template database, or "
         "use template0 as template."),
        ("datlocprovider", "new locale provider ({}) does not match locale provider of the "
         f"template database ({source.datlocprovider})", "Use the same locale provider as in the "
         "template database, or use template0 as template."),
    ):  # fmt: skip
        if row[column] != getattr(source, column):
            value = row[column]
            shown = encoding_by_id(value).name if column == "encoding" else value
            raise SqlError(message.format(shown), "22023", hint=hint)


def may_create_databases(ddl: Ddl) -> None:
    """SqlError unless the user has CREATEDB."""
    role = ddl.cache.one("pg_authid", "oid", ddl.session.user_oid)
    if not ddl.session.is_superuser and not role.rolcreatedb:
        raise SqlError("permission denied to create database", "42501")


def alter(engine: Any, raw: Any, text: str) -> Outcome:
    """ALTER DATABASE … options of its row."""
    ddl = begin(engine, text)
    options = _options(raw)
    changed: dict[str, Any] = {}
    for name in options:
        if name == "tablespace":
            raise Unsupported("ALTER DATABASE SET TABLESPACE")
        if name not in (*_BOOLEANS, "connection_limit"):
            node = options[name]
            raise SqlError(f'option "{node.defname}" not recognized', "42601",
                           position=node.location + 1 or None)  # fmt: skip
    row = ddl.cache.one("pg_database", "datname", raw.dbname)
    if row is None:
        raise SqlError(f'database "{raw.dbname}" does not exist', "3D000")
    if row.datconnlimit == -2:
        raise SqlError(f'cannot alter invalid database "{raw.dbname}"', "55000",
                       hint="Use DROP DATABASE to drop invalid databases.")  # fmt: skip
    check_ownership(ddl, Address(c.DATABASE, row.oid))
    if "connection_limit" in options:
        changed["datconnlimit"] = _limit(options)
    if "is_template" in options:
        changed["datistemplate"] = _flag(options, "is_template", row.datistemplate)
    if "allow_connections" in options:
        changed["datallowconn"] = _flag(options, "allow_connections", row.datallowconn)
        if not changed["datallowconn"] and row.oid == ddl.database.oid:
            raise SqlError("cannot disallow connections for current database", "22023")
    ddl.writer.update("pg_database", row, **changed)
    return ddl.done("ALTER DATABASE")


def _limit(options: dict[str, Any]) -> int:
    limit = int(_text(options, "connection_limit") or -1)
    if limit < -1:
        raise SqlError(f"invalid connection limit: {limit}", "22023")
    return limit


def create(engine: Any, raw: Any, text: str) -> Outcome:
    """CREATE DATABASE."""
    engine.transactions.prevent_in_block("CREATE DATABASE")
    ddl = begin(engine, text)
    options = _options(raw)
    may_create_databases(ddl)
    source = _source(ddl, options)
    if "tablespace" in options:
        raise Unsupported("CREATE DATABASE TABLESPACE")
    owner_name = _text(options, "owner")
    owner = ddl.owner
    if owner_name is not None:
        role = ddl.cache.one("pg_authid", "rolname", owner_name)
        if role is None:
            raise SqlError(f'role "{owner_name}" does not exist', "42704")
        owner = int(role.oid)
    if ddl.cache.one("pg_database", "datname", raw.dbname) is not None:
        raise SqlError(f'database "{raw.dbname}" already exists', "42P04")
    row = {name: value for name, value in vars(source).items() if name != "_tid"}
    row.update(
        datname=raw.dbname, datdba=owner, datistemplate=_flag(options, "is_template", False),
        datallowconn=_flag(options, "allow_connections", True), dathasloginevt=False,
        datconnlimit=_limit(options), datacl=None,
    )  # fmt: skip
    encoding = _text(options, "encoding")
    if encoding is not None:
        try:
            row["encoding"] = encoding_by_name(encoding).id
        except Unsupported:
            raise SqlError(f"{encoding} is not a valid encoding name", "42704") from None
    _locales(options, row)
    _check_like_template(ddl, source, row)
    given = _text(options, "oid")
    row["oid"] = int(given) if given else _free_oid(ddl, source)
    strategy = (_text(options, "strategy") or "wal_log").lower()
    if strategy not in ("wal_log", "file_copy"):
        raise SqlError(f'invalid create database strategy "{strategy}"', "22023",
                       hint='Valid strategies are "wal_log" and "file_copy".')  # fmt: skip
    ddl.writer.insert("pg_database", row)
    record_owner(ddl.writer, Address(c.DATABASE, row["oid"]), owner)
    _copy_shared_dependencies(ddl, source.oid, row["oid"])
    ddl.advance()
    copy = _Copy(ddl, source, row["oid"])
    copy.run(strategy == "file_copy")
    return ddl.done("CREATE DATABASE")


def _free_oid(ddl: Ddl, source: Any) -> int:
    backend = ddl.database.cluster.instance.backend
    major = ddl.database.cluster.major
    while True:
        oid = ddl.writer.new_oid("pg_database")
        if not backend.exists(database_path(source.dattablespace, oid, major)):
            return oid


def _copy_shared_dependencies(ddl: Ddl, source: int, target: int) -> None:
    for found in ddl.cache.lookup("pg_shdepend", "dbid", source):
        values = {name: value for name, value in vars(found).items() if name != "_tid"}
        ddl.writer.insert("pg_shdepend", values | {"dbid": target})


class _Copy:
    """The files of one database as those of another."""

    def __init__(self, ddl: Ddl, source: Any, target: int) -> None:
        self.xact = ddl.session.xact
        self.instance = ddl.database.cluster.instance
        self.backend, self.pool = self.instance.backend, self.instance.pool
        self.wal = self.instance.wal
        self.spc = int(source.dattablespace)
        self.source, self.target = int(source.oid), target
        self.major = ddl.database.cluster.major
        self.from_path = database_path(self.spc, self.source, self.major)
        self.to_path = database_path(self.spc, target, self.major)

    def run(self, by_file: bool) -> None:
        """Copy everything; the directory goes again if the transaction does."""
        self.xact.on_abort(self.undo)
        self.xact.force_sync = True
        if by_file:
            self._files()
        else:
            self._pages()

    def undo(self) -> None:
        """The database was not made after all."""
        self.pool.drop_database(self.target)
        if self.backend.exists(self.to_path):
            self.backend.rmtree(self.to_path)

    def _files(self) -> None:
        self.instance.checkpoint(force=True)
        self.pool.flush_database(self.source)
        self.backend.mkdir(self.to_path)
        for name in self._names():
            self.backend.copy(f"{self.from_path}/{name}", f"{self.to_path}/{name}")
            self.backend.sync(f"{self.to_path}/{name}")
        main = _file_copy(self.target, self.spc, self.source, self.spc)
        self.wal.flush(self.wal.insert(Record(_DBASE, _FILE_COPY, main), self.xact.current_xid()))
        self.instance.checkpoint(force=True)

    def _names(self) -> list[str]:
        """The files that belong to the database, temporary ones and caches left out."""
        out = []
        for name in self.backend.list(self.from_path):
            match = FILE_NAME.fullmatch(name)
            kept = name in ("PG_VERSION", RELMAPPER_FILENAME)
            if kept or (match is not None and not match[1]):
                out.append(name)
        return sorted(out)

    def _pages(self) -> None:
        xid = self.xact.current_xid()
        with self.wal.critical():
            self.backend.mkdir(self.to_path)
            self._small("PG_VERSION", f"{self.major}\n".encode())
            lsn = self.wal.insert(Record(_DBASE, _WAL_LOG, _wal_log(self.target, self.spc)), xid)
            self.wal.flush(lsn)
        data = self.backend.read(f"{self.from_path}/{RELMAPPER_FILENAME}", 0, 1 << 16)
        with self.wal.critical():
            main = _map_record(self.target, self.spc, len(data)) + data
            self.wal.flush(self.wal.insert(Record(_RELMAP, _UPDATE, main), xid))
            self._small(RELMAPPER_FILENAME, data)
        done = set()
        for name in self._names():
            match = FILE_NAME.fullmatch(name)
            if match is None:
                continue
            key = (int(match[2]), _FORKS[match[3]])
            if key not in done:
                done.add(key)
                self._relation(*key, xid)

    def _small(self, name: str, data: bytes) -> None:
        path = f"{self.to_path}/{name}"
        self.backend.create(path)
        self.backend.write(path, 0, data)
        self.backend.sync(path)

    def _relation(self, number: int, fork: ForkNumber, xid: int) -> None:
        from pgtool.sql.store import log_create

        old = RelFileLocator(self.spc, self.source, number)
        new = RelFileLocator(self.spc, self.target, number)
        # Recovery makes an unlogged relation anew from its init fork.
        logged = fork == ForkNumber.INIT or not self.pool.exists(old, ForkNumber.INIT)
        self.pool.create(new, fork)
        if logged:
            log_create(self.xact, new, fork)
        blocks = self.pool.nblocks(old, fork)
        for first in range(0, blocks, PAGES_AT_ONCE):
            pages = []
            for block in range(first, min(first + PAGES_AT_ONCE, blocks)):
                with self.pool.read(old, block, fork) as buffer:
                    pages.append(bytearray(buffer.page))
            if logged:
                self._log(new, fork, first, pages, xid)
            self.pool.write_blocks(new, fork, first, b"".join(pages))

    def _log(
        self, new: RelFileLocator, fork: ForkNumber, first: int, pages: list[bytearray], xid: int
    ) -> None:  # fmt: skip
        if all(any(page) for page in pages):
            self.wal.log_newpages(new, fork, first, pages, xid=xid,
                                  standard=fork == ForkNumber.MAIN)  # fmt: skip
        else:
            for at, page in enumerate(pages):
                self.wal.log_newpage(new, fork, first + at, page, standard=False, xid=xid)
        self.wal.flush_all()


def drop(engine: Any, raw: Any, text: str) -> Outcome:
    """DROP DATABASE."""
    engine.transactions.prevent_in_block("DROP DATABASE")
    ddl = begin(engine, text)
    row = ddl.cache.one("pg_database", "datname", raw.dbname)
    if row is None:
        message = f'database "{raw.dbname}" does not exist'
        if not raw.missing_ok:
            raise SqlError(message, "3D000")
        ddl.notice(f"{message}, skipping")
        return ddl.done("DROP DATABASE")
    check_ownership(ddl, Address(c.DATABASE, row.oid))
    if row.datistemplate:
        raise SqlError("cannot drop a template database", "42809")
    if row.oid == ddl.database.oid:
        raise SqlError("cannot drop the currently open database", "55006")
    _refuse_used(ddl, row, "database")
    _forget(ddl, row)
    instance = ddl.database.cluster.instance
    path = database_path(row.dattablespace, row.oid, ddl.database.cluster.major)
    xact = ddl.session.xact
    xact.force_sync = True
    instance.pool.drop_database(row.oid)
    instance.checkpoint(force=True)
    main = _drop_record(row.oid, 1) + int(row.dattablespace).to_bytes(4, "little")
    with instance.wal.critical():
        instance.wal.flush(
            instance.wal.insert(Record(_DBASE, _DROP, main), xact.current_xid())
        )
        if instance.backend.exists(path):
            instance.backend.rmtree(path)
    return ddl.done("DROP DATABASE")


def _forget(ddl: Ddl, row: Any) -> None:
    """Everything that shared catalogs say of a database."""
    writer, cache = ddl.writer, ddl.cache
    for found in cache.lookup("pg_shdepend", "dbid", row.oid):
        writer.delete("pg_shdepend", found)
    for found in cache.lookup("pg_shdepend", ("classid", "objid"), (c.DATABASE, row.oid)):
        if found.dbid == 0:
            writer.delete("pg_shdepend", found)
    key = ("objoid", "classoid")
    for found in cache.lookup("pg_shdescription", key, (row.oid, c.DATABASE)):
        writer.delete("pg_shdescription", found)
    for found in cache.lookup("pg_db_role_setting", "setdatabase", row.oid):
        writer.delete("pg_db_role_setting", found)
    writer.delete("pg_database", row)
    ddl.advance()
