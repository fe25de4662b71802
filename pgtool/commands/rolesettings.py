"""ALTER ROLE … SET and ALTER DATABASE … SET: rows of pg_db_role_setting."""

from __future__ import annotations

from typing import Any

from pgtool.commands.context import Ddl, begin
from pgtool.errors import SqlError, Unsupported
from pgtool.nodes.raw_enums import VariableSetKind as Kind
from pgtool.sql.answer import Outcome
from pgtool.sql.variables import value_text

__all__ = ["alter_database_set", "alter_role_set"]


def _change(ddl: Ddl, database: int, role: int, statement: Any) -> None:
    """Set or take away a setting of this database (0: any) and role (0: any)."""
    kind = Kind(statement.kind)
    key = ("setdatabase", "setrole")
    row = ddl.cache.one("pg_db_role_setting", key, (database, role))
    items = list(row.setconfig or ()) if row is not None else []
    if kind == Kind.VAR_RESET_ALL:
        items = []
    else:
        session = ddl.session
        name = session.gucs.spec(statement.name).name
        items_left = [i for i in items if i.partition("=")[0].lower() != name.lower()]
        if kind in (Kind.VAR_SET_VALUE, Kind.VAR_SET_CURRENT):
            value = (session.show(name) if kind == Kind.VAR_SET_CURRENT
                     else value_text(session, statement.name, statement.args))  # fmt: skip
            session.gucs.read(statement.name, value)
            same = [i for i, item in enumerate(items)
                    if item.partition("=")[0].lower() == name.lower()]  # fmt: skip
            if same:
                items[same[0]] = f"{name}={value}"
            else:
                items.append(f"{name}={value}")
        elif kind in (Kind.VAR_RESET, Kind.VAR_SET_DEFAULT):
            items = items_left
        else:
            raise Unsupported("this form of ALTER … SET")
    if row is None:
        if items:
            ddl.writer.insert("pg_db_role_setting", {
                "setdatabase": database, "setrole": role, "setconfig": tuple(items),
            })  # fmt: skip
    elif items:
        ddl.writer.update("pg_db_role_setting", row, setconfig=tuple(items))
    else:
        ddl.writer.delete("pg_db_role_setting", row)


def _database(ddl: Ddl, name: str | None) -> int:
    if not name:
        return 0
    row = ddl.cache.one("pg_database", "datname", name)
    if row is None:
        raise SqlError(f'database "{name}" does not exist', "3D000")
    return int(row.oid)


def alter_role_set(engine: Any, raw: Any, text: str) -> Outcome:
    """ALTER ROLE … [IN DATABASE …] SET."""
    ddl = begin(engine, text)
    role = ddl.role_oid(raw.role) if raw.role is not None else 0
    _change(ddl, _database(ddl, raw.database), role, raw.setstmt)
    return ddl.done("ALTER ROLE")


def alter_database_set(engine: Any, raw: Any, text: str) -> Outcome:
    """ALTER DATABASE … SET."""
    ddl = begin(engine, text)
    _change(ddl, _database(ddl, raw.dbname), 0, raw.setstmt)
    return ddl.done("ALTER DATABASE")
