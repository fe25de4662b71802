"""What every command that changes catalogs needs: session, catalog rows, the writer, notices.

:func:`begin` makes one for a statement; it asks the engine for a writing session. Helpers
here find schemas and relations by name and say what the server says where they are missing
or of another kind.
"""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.indexing import CatalogWriter
from pgtool.errors import SqlError, Unsupported
from pgtool.functions.session import Session
from pgtool.functions.sysfuncs.privileges import owns
from pgtool.functions.user import may_use
from pgtool.sql.analyze.state import ParseState, Shared
from pgtool.sql.answer import Notice, Outcome
from pgtool.sql.executor.queued import queue_of
from pgtool.sql.permissions import require, usable_namespace

__all__ = ["Ddl", "begin"]

KIND_NAMES = {
    "r": "table", "v": "view", "m": "materialized view", "i": "index", "S": "sequence",
    "t": "TOAST table", "c": "composite type", "f": "foreign table", "p": "partitioned table",
    "I": "partitioned index",
}  # fmt: skip


def plural(kind: str) -> str:
    """What relations of a kind (relkind) are called."""
    name = KIND_NAMES[kind]
    return f"{name}es" if name.endswith("x") else f"{name}s"


class Ddl:
    """One statement that changes catalogs."""

    def __init__(self, engine: Any, text: str, writer: CatalogWriter) -> None:
        self.engine = engine
        self.text = text
        self.session: Session = engine.session
        self.cache = self.session.cache
        self.types = self.session.types
        self.database = self.session.database
        self.writer = writer
        self.store = writer.store
        self.notices: list[Notice] = engine.telling()

    def notice(
        self, message: str, sqlstate: str = "00000", *, severity: str = "NOTICE",
        detail: str | None = None, hint: str | None = None,
    ) -> None:  # fmt: skip
        """Tell the user something."""
        self.notices.append(Notice(severity, message, sqlstate, detail, hint))

    def done(self, tag: str) -> Outcome:
        """The statement's end."""
        self.writer.advance()
        return Outcome(tag, notices=self.notices)

    def advance(self) -> None:
        """What was written is seen from here on."""
        self.writer.advance()

    def state(self) -> ParseState:
        """A new level of analysis over the statement's text."""
        return ParseState(Shared(self.session, self.text, []))

    @property
    def owner(self) -> int:
        """Whose the things are that this session makes."""
        return self.session.user_oid

    def type_oid(self, names: list[Any]) -> int:
        """The type that a qualified name means."""
        parts = [part.sval for part in names]
        found = self.state().lookup_type_oid(parts)
        if not found:
            raise SqlError(f'type "{".".join(parts)}" does not exist', "42704")
        return found

    # -- schemas ---------------------------------------------------------------------

    def namespace(self, name: str) -> int:
        """A schema's OID."""
        found = self.cache.namespace_oid(name)
        if found is None:
            raise SqlError(f'schema "{name}" does not exist', "3F000")
        usable_namespace(self.session, found)
        return found

    def creation_namespace(self, schema: str | None, name: str) -> int:
        """Where something new goes: the schema named, or the search path's first one."""
        if schema is not None:
            if schema.startswith("pg_temp"):
                raise Unsupported("temporary objects")
            oid = self.namespace(schema)
        else:
            user = self.session.user
            for word in self.session.search_path_names:
                found = self.cache.namespace_oid(user if word == "$user" else word)
                if found is not None and may_use(self.session, found):
                    oid = found
                    break
            else:
                raise SqlError("no schema has been selected to create in", "3F000")
        require(self.session, "schema", oid, "CREATE")
        if oid == c.PG_CATALOG_NAMESPACE:
            raise SqlError(
                f'permission denied to create "pg_catalog.{name}"', "42501",
                "System catalog modifications are currently disallowed.",
            )  # fmt: skip
        return oid

    def split(self, names: list[str]) -> tuple[str | None, str]:
        """(schema or None, name) of a possibly qualified name."""
        return self.state().split_name(names)

    # -- relations -------------------------------------------------------------------

    def find_relation(self, node: Any, missing_ok: bool = False) -> Any:
        """The pg_class row that a RangeVar names; None where it may be missing."""
        if node.catalogname and node.catalogname != self.database.name:
            raise SqlError(
                "cross-database references are not implemented: "
                f'"{node.catalogname}.{node.schemaname}.{node.relname}"', "0A000",
            )  # fmt: skip
        if node.schemaname is not None:
            space = self.cache.namespace_oid(node.schemaname)
            if space is None and not missing_ok:
                raise SqlError(f'schema "{node.schemaname}" does not exist', "3F000")
            usable_namespace(self.session, space)
            spaces = [space] if space is not None else []
        else:
            spaces = self.session.search_path
        for space in spaces:
            key = (node.relname, space)
            row = self.cache.one("pg_class", ("relname", "relnamespace"), key)
            if row is not None:
                return row
        if missing_ok:
            return None
        shown = f"{node.schemaname}.{node.relname}" if node.schemaname else node.relname
        raise SqlError(f'relation "{shown}" does not exist', "42P01")

    def open_table(self, node: Any) -> Any:
        """As :meth:`find_relation`, of what has rows; SqlError 42809 for an index or a type."""
        row = self.find_relation(node)
        if row.relkind in "iIc":
            raise SqlError(f'cannot open relation "{row.relname}"', "42809",
                           f"This operation is not supported for {plural(row.relkind)}.")
        return row

    def relation_row(self, oid: int) -> Any:
        """The pg_class row of an OID."""
        row = self.cache.one("pg_class", "oid", oid)
        if row is None:
            raise SqlError(f"could not open relation with OID {oid}", "XX000")
        return row

    def attributes(self, relid: int) -> list[Any]:
        """pg_attribute rows of a relation's columns, dropped ones too, in order."""
        rows = self.cache.lookup("pg_attribute", "attrelid", relid)
        return sorted((r for r in rows if r.attnum > 0), key=lambda r: int(r.attnum))

    def attribute(self, relid: int, name: str) -> Any:
        """The pg_attribute row of a column by name, or None."""
        return self.cache.one("pg_attribute", ("attrelid", "attname"), (relid, name))

    def check_owner(self, row: Any, kind: str | None = None) -> None:
        """Only its owner may change a relation."""
        if self.session.is_superuser:
            if row.oid < c.FIRST_NORMAL_OBJECT_ID and row.relnamespace == c.PG_CATALOG_NAMESPACE:
                raise SqlError(f'permission denied: "{row.relname}" is a system catalog', "42501")
            return
        if not owns(self.session, self.session.user_oid, row.relowner):
            kind = kind or KIND_NAMES[row.relkind].replace("partitioned ", "")
            kind = "table" if row.relkind == "c" else kind
            raise SqlError(f"must be owner of {kind} {row.relname}", "42501")

    def check_unused(self, row: Any, statement: str) -> None:
        """A table cannot be changed as long as constraints of its rows wait to be checked."""
        if queue_of(self.session).waits_on(row.oid):
            raise SqlError(f'cannot {statement} "{row.relname}" because it has pending trigger '
                           "events", "55006")  # fmt: skip

    # -- parts of a statement ----------------------------------------------------------

    def role_oid(self, spec: Any) -> int:
        """The role that a RoleSpec names."""
        kind = spec.roletype.name
        if kind in ("ROLESPEC_CURRENT_USER", "ROLESPEC_CURRENT_ROLE"):
            return self.session.user_oid
        if kind == "ROLESPEC_SESSION_USER":
            return self.session.session_user_oid
        row = self.cache.one("pg_authid", "rolname", spec.rolename)
        if row is None:
            raise SqlError(f'role "{spec.rolename}" does not exist', "42704")
        return int(row.oid)

    def tablespace_oid(self, name: str | None) -> int:
        """A tablespace's OID as pg_class holds it: 0 for the database's own."""
        if not name:
            default = str(self.session.get("default_tablespace") or "")
            if not default:
                return 0
            name = default
        row = self.cache.one("pg_tablespace", "spcname", name)
        if row is None:
            raise SqlError(f'tablespace "{name}" does not exist', "42704")
        if row.oid == 1664:
            raise SqlError("only shared relations can be placed in pg_global tablespace", "22023")
        return 0 if row.oid == self.database.tablespace else int(row.oid)


def begin(engine: Any, text: str = "") -> Ddl:
    """Begin a statement that writes catalogs."""
    return Ddl(engine, text, engine.catalog_writer())
