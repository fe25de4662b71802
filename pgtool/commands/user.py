"""CREATE ROLE and DROP ROLE, as far as a role's own row goes."""

from __future__ import annotations

from typing import Any

from pgtool.commands.context import begin
from pgtool.errors import SqlError, Unsupported
from pgtool.nodes.raw_enums import RoleStmtType
from pgtool.sql.answer import Outcome

__all__ = ["create_role", "drop_role"]

_FLAGS = {
    "superuser": "rolsuper", "inherit": "rolinherit", "createrole": "rolcreaterole",
    "createdb": "rolcreatedb", "canlogin": "rolcanlogin", "isreplication": "rolreplication",
    "bypassrls": "rolbypassrls",
}  # fmt: skip


def create_role(engine: Any, raw: Any, text: str) -> Outcome:
    """CREATE ROLE with attributes; passwords and memberships are not written yet."""
    ddl = begin(engine, text)
    row: dict[str, Any] = {
        "rolname": raw.role, "rolsuper": False, "rolinherit": True, "rolcreaterole": False,
        "rolcreatedb": False, "rolcanlogin": raw.stmt_type == RoleStmtType.ROLESTMT_USER,
        "rolreplication": False, "rolbypassrls": False, "rolconnlimit": -1,
    }  # fmt: skip
    for option in raw.options:
        name = option.defname
        if name in _FLAGS:
            row[_FLAGS[name]] = bool(option.arg.boolval)
        elif name == "connectionlimit":
            row["rolconnlimit"] = int(option.arg.ival)
        elif name == "password" and option.arg is None:
            continue
        else:
            raise Unsupported(f"CREATE ROLE {name}")
    if not ddl.session.is_superuser:
        raise SqlError("permission denied to create role", "42501",
                       'Only roles with the CREATEROLE attribute may create roles.')
    if raw.role.startswith("pg_"):
        raise SqlError(f'role name "{raw.role}" is reserved', "42939",
                       'Role names starting with "pg_" are reserved.')  # fmt: skip
    if ddl.cache.one("pg_authid", "rolname", raw.role) is not None:
        raise SqlError(f'role "{raw.role}" already exists', "42710")
    ddl.writer.insert("pg_authid", row | {"oid": ddl.writer.new_oid("pg_authid")})
    return ddl.done("CREATE ROLE")


def drop_role(engine: Any, raw: Any, text: str) -> Outcome:
    """DROP ROLE of roles that own nothing and are members of nothing."""
    ddl = begin(engine, text)
    for spec in raw.roles:
        row = ddl.cache.one("pg_authid", "rolname", spec.rolename)
        if row is None:
            message = f'role "{spec.rolename}" does not exist'
            if not raw.missing_ok:
                raise SqlError(message, "42704")
            ddl.notice(f"{message}, skipping")
            continue
        if row.oid == ddl.session.user_oid:
            raise SqlError("current user cannot be dropped", "55006")
        used = ddl.cache.lookup("pg_shdepend", ("refclassid", "refobjid"), (1260, row.oid))
        if used:
            raise SqlError(
                f'role "{row.rolname}" cannot be dropped because some objects depend on it',
                "2BP01")  # fmt: skip
        for column in ("roleid", "member", "grantor"):
            if ddl.cache.lookup("pg_auth_members", column, row.oid):
                raise Unsupported("DROP ROLE of a role with memberships")
        ddl.writer.delete("pg_authid", row)
        ddl.advance()
    return ddl.done("DROP ROLE")
