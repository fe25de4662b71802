"""Roles: CREATE, ALTER and DROP ROLE, GRANT and REVOKE of memberships."""

from __future__ import annotations

import re
from typing import Any

from pgtool.commands.context import Ddl, begin
from pgtool.commands.initdb.passwords import stored_password
from pgtool.errors import SqlError, Unsupported
from pgtool.nodes.raw_enums import RoleStmtType
from pgtool.sql.answer import Outcome
from pgtool.sql.define import definition_text

__all__ = ["alter_role", "create_role", "drop_role", "grant_role"]

BOOTSTRAP_SUPERUSERID, FIRST_NORMAL = 10, 16384
TIMESTAMPTZ, TEXT = 1184, 25
_FLAGS = {
    "superuser": "rolsuper", "inherit": "rolinherit", "createrole": "rolcreaterole",
    "createdb": "rolcreatedb", "canlogin": "rolcanlogin", "isreplication": "rolreplication",
    "bypassrls": "rolbypassrls",
}  # fmt: skip
_MEMBERS = ("addroleto", "rolemembers", "adminmembers")
_ENCRYPTED = re.compile(r"md5[0-9a-f]{32}|SCRAM-SHA-256\$\d+:[^$]+\$[^:]+:.+")


def _refuse(ddl: Ddl, what: str) -> None:
    if not ddl.session.is_superuser:
        raise SqlError(f"permission denied to {what} role", "42501",
                       f"Only roles with the CREATEROLE attribute may {what} roles.")


def _columns(ddl: Ddl, options: list[Any], name: str) -> dict[str, Any]:
    """Columns of pg_authid that options set; memberships under their option's name."""
    row: dict[str, Any] = {}
    seen: set[str] = set()
    for option in options:
        key = option.defname
        if key in seen:
            raise SqlError("conflicting or redundant options", "42601",
                           position=option.location + 1 or None)  # fmt: skip
        seen.add(key)
        if key in _FLAGS:
            row[_FLAGS[key]] = bool(option.arg.boolval)
        elif key == "connectionlimit":
            row["rolconnlimit"] = int(option.arg.ival)
            if row["rolconnlimit"] < -1:
                raise SqlError(f"invalid connection limit: {row['rolconnlimit']}", "22023")
        elif key == "password":
            row["rolpassword"] = _password(ddl, option, name)
        elif key == "validUntil":
            row["rolvaliduntil"] = ddl.types.io_of(TIMESTAMPTZ).input(definition_text(option), -1)
        elif key in _MEMBERS:
            row[key] = option.arg
        elif key == "sysid":
            ddl.notice("SYSID can no longer be specified")
        else:
            raise Unsupported(f"role option {key}")
    return row


def _password(ddl: Ddl, option: Any, name: str) -> str | None:
    if option.arg is None:
        return None
    text = definition_text(option)
    if not text:
        ddl.notice("empty string is not a valid password, clearing password")
        return None
    if _ENCRYPTED.fullmatch(text):
        return text
    return stored_password(text, name, str(ddl.session.get("password_encryption")))


def create_role(engine: Any, raw: Any, text: str) -> Outcome:
    """CREATE ROLE, USER, GROUP."""
    ddl = begin(engine, text)
    _refuse(ddl, "create")
    row: dict[str, Any] = {
        "rolname": raw.role, "rolsuper": False, "rolinherit": True, "rolcreaterole": False,
        "rolcreatedb": False, "rolcanlogin": raw.stmt_type == RoleStmtType.ROLESTMT_USER,
        "rolreplication": False, "rolbypassrls": False, "rolconnlimit": -1,
    }  # fmt: skip
    row |= _columns(ddl, raw.options, raw.role)
    members = {key: row.pop(key, []) for key in _MEMBERS}
    if raw.role.startswith("pg_"):
        raise SqlError(f'role name "{raw.role}" is reserved', "42939",
                       'Role names starting with "pg_" are reserved.')  # fmt: skip
    if ddl.cache.one("pg_authid", "rolname", raw.role) is not None:
        raise SqlError(f'role "{raw.role}" already exists', "42710")
    oid = ddl.writer.new_oid("pg_authid")
    ddl.writer.insert("pg_authid", row | {"oid": oid})
    ddl.advance()
    for spec in members["addroleto"]:
        add_member(ddl, ddl.role_oid(spec), oid, {})
    for key, admin in (("adminmembers", True), ("rolemembers", False)):
        for spec in members[key]:
            add_member(ddl, oid, ddl.role_oid(spec), {"admin": admin})
    return ddl.done("CREATE ROLE")


def alter_role(engine: Any, raw: Any, text: str) -> Outcome:
    """ALTER ROLE, and ALTER GROUP ADD and DROP USER."""
    ddl = begin(engine, text)
    _refuse(ddl, "alter")
    oid = ddl.role_oid(raw.role)
    row = ddl.cache.one("pg_authid", "oid", oid)
    if oid == BOOTSTRAP_SUPERUSERID and any(
        o.defname == "superuser" and not o.arg.boolval for o in raw.options
    ):
        raise SqlError("permission denied to alter role", "42501",
                       "The bootstrap superuser must have the SUPERUSER attribute.")  # fmt: skip
    columns = _columns(ddl, raw.options, row.rolname)
    members = {key: columns.pop(key, []) for key in _MEMBERS}
    if columns:
        ddl.writer.update("pg_authid", row, **columns)
    for spec in members["rolemembers"]:
        if raw.action > 0:
            add_member(ddl, oid, ddl.role_oid(spec), {})
        else:
            remove_member(ddl, oid, ddl.role_oid(spec), set())
    return ddl.done("ALTER ROLE")


def drop_role(engine: Any, raw: Any, text: str) -> Outcome:
    """DROP ROLE of roles that nothing depends on."""
    ddl = begin(engine, text)
    if not ddl.session.is_superuser:
        raise SqlError("permission denied to drop role", "42501",
                       "Only roles with the CREATEROLE attribute and the ADMIN option on the "
                       "target roles may drop roles.")  # fmt: skip
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
        _check_unused(ddl, row)
        for column in ("roleid", "member"):
            for found in ddl.cache.lookup("pg_auth_members", column, row.oid):
                ddl.writer.delete("pg_auth_members", found)
            ddl.advance()
        if ddl.cache.lookup("pg_auth_members", "grantor", row.oid):
            raise Unsupported("DROP ROLE of a role that granted memberships")
        for found in ddl.cache.lookup("pg_db_role_setting", "setrole", row.oid):
            ddl.writer.delete("pg_db_role_setting", found)
        for found in ddl.cache.lookup("pg_shdescription", ("objoid", "classoid"), (row.oid, 1260)):
            ddl.writer.delete("pg_shdescription", found)
        ddl.writer.delete("pg_authid", row)
        ddl.advance()
    return ddl.done("DROP ROLE")


def _check_unused(ddl: Ddl, row: Any) -> None:
    from pgtool.functions.sysfuncs.describe import describe

    used = ddl.cache.lookup("pg_shdepend", ("refclassid", "refobjid"), (1260, row.oid))
    if not used:
        return
    used = sorted(used, key=lambda r: (r.objid, r.classid, r.objsubid, r.deptype))
    words = {"o": "owner of {}", "a": "privileges for {}", "r": "target of {}"}
    lines = [
        words.get(found.deptype, "{}").format(
            describe(ddl.session, found.classid, found.objid, found.objsubid))
        for found in used if found.dbid in (0, ddl.database.oid)
    ]  # fmt: skip
    others: dict[int, int] = {}
    for found in used:
        if found.dbid not in (0, ddl.database.oid):
            others[found.dbid] = others.get(found.dbid, 0) + 1
    for oid, count in others.items():
        name = ddl.cache.one("pg_database", "oid", oid).datname
        lines.append(f"{count} object{'s' if count > 1 else ''} in database {name}")
    raise SqlError(f'role "{row.rolname}" cannot be dropped because some objects depend on it',
                   "2BP01", "\n".join(lines))  # fmt: skip


# -- memberships -------------------------------------------------------------------------------


def add_member(ddl: Ddl, role: int, member: int, options: dict[str, bool]) -> None:
    """A role becomes a member of another, or the options of its membership change."""
    names = {oid: ddl.cache.one("pg_authid", "oid", oid).rolname for oid in (role, member)}
    if role == member or role in _above(ddl, role, member):
        raise SqlError(f'role "{names[role]}" is a member of role "{names[member]}"', "0LP01")
    grantor = BOOTSTRAP_SUPERUSERID
    key = ("roleid", "member", "grantor")
    old = ddl.cache.one("pg_auth_members", key, (role, member, grantor))
    wanted = {f"{name}_option": value for name, value in options.items()}
    if old is not None:
        changes = {name: value for name, value in wanted.items() if getattr(old, name) != value}
        if not changes:
            ddl.notice(f'role "{names[member]}" has already been granted membership in role '
                       f'"{names[role]}" by role "{_name(ddl, grantor)}"')  # fmt: skip
            return
        ddl.writer.update("pg_auth_members", old, **changes)
    else:
        inherits = bool(ddl.cache.one("pg_authid", "oid", member).rolinherit)
        ddl.writer.insert("pg_auth_members", {
            "oid": ddl.writer.new_oid("pg_auth_members"), "roleid": role, "member": member,
            "grantor": grantor, "admin_option": False, "inherit_option": inherits,
            "set_option": True, **wanted,
        })  # fmt: skip
    ddl.advance()


def _name(ddl: Ddl, oid: int) -> str:
    return str(ddl.cache.one("pg_authid", "oid", oid).rolname)


def _above(ddl: Ddl, role: int, member: int) -> set[int]:
    """Whether ``member`` is among the roles that ``role`` is in: then a circle would close."""
    seen: set[int] = set()
    todo = [role]
    while todo:
        for found in ddl.cache.lookup("pg_auth_members", "member", todo.pop()):
            if found.roleid == member:
                return {role}
            if found.roleid not in seen:
                seen.add(found.roleid)
                todo.append(found.roleid)
    return set()


def remove_member(ddl: Ddl, role: int, member: int, options: set[str]) -> None:
    """A membership ends, or only some of its options do."""
    key = ("roleid", "member", "grantor")
    old = ddl.cache.one("pg_auth_members", key, (role, member, BOOTSTRAP_SUPERUSERID))
    if old is None:
        ddl.notice(f'role "{_name(ddl, member)}" has not been granted membership in role '
                   f'"{_name(ddl, role)}" by role "{_name(ddl, BOOTSTRAP_SUPERUSERID)}"', "01000",
                   severity="WARNING")  # fmt: skip
    elif options:
        ddl.writer.update("pg_auth_members", old, **{f"{o}_option": False for o in options})
    else:
        ddl.writer.delete("pg_auth_members", old)
    ddl.advance()


def grant_role(engine: Any, raw: Any, text: str) -> Outcome:
    """GRANT and REVOKE of roles."""
    ddl = begin(engine, text)
    tag = "GRANT ROLE" if raw.is_grant else "REVOKE ROLE"
    if not ddl.session.is_superuser or raw.grantor is not None:
        raise Unsupported(f"{tag} by another than a superuser")
    options: dict[str, bool] = {}
    for option in raw.opt:
        text_ = definition_text(option).lower()
        options[str(option.defname).lower()] = text_ in ("true", "option", "on", "1")
    for node in raw.granted_roles:
        role = ddl.cache.one("pg_authid", "rolname", node.priv_name)
        if role is None:
            raise SqlError(f'role "{node.priv_name}" does not exist', "42704")
        for spec in raw.grantee_roles:
            member = ddl.role_oid(spec)
            if raw.is_grant:
                add_member(ddl, role.oid, member, options)
            else:
                remove_member(ddl, role.oid, member, set(options))
    return ddl.done(tag)
