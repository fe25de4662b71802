"""has_*_privilege and pg_has_role: one rule for every kind of object and way to name it."""

from __future__ import annotations

from typing import Any, NamedTuple

from pgtool.errors import SqlError
from pgtool.functions.registry import Call, builtin
from pgtool.functions.session import Session
from pgtool.functions.sysfuncs.acl import (
    granted,
    is_member,
    is_superuser,
    object_acl,
    parse_privileges,
    predefined,
)
from pgtool.types.names import split_names

__all__ = ["KINDS", "check", "has_right", "owns", "relation_rights"]

MISSING = "42704"
FIRST_UNPINNED = 12000
#: INSERT, UPDATE, DELETE, TRUNCATE, USAGE: nobody but superusers has them on catalogs.
_CHANGES = 1 | 4 | 8 | 16 | 256


class _Kind(NamedTuple):
    """A kind of object: its catalog, columns, code of acldefault, how a name is looked up."""

    catalog: str
    owner: str
    acl: str
    code: str
    name: str
    #: The reg* type that finds a name, or '' for objects in no schema.
    reg: str = ""
    what: str = ""


KINDS = {
    "table": _Kind("pg_class", "relowner", "relacl", "r", "relname", "regclass", "relation"),
    "sequence": _Kind("pg_class", "relowner", "relacl", "s", "relname", "regclass", "relation"),
    "any_column": _Kind("pg_class", "relowner", "relacl", "r", "relname", "regclass", "relation"),
    "function": _Kind("pg_proc", "proowner", "proacl", "f", "proname", "regprocedure", "function"),
    "type": _Kind("pg_type", "typowner", "typacl", "T", "typname", "regtype", "type"),
    "schema": _Kind("pg_namespace", "nspowner", "nspacl", "n", "nspname", "", "schema"),
    "database": _Kind("pg_database", "datdba", "datacl", "d", "datname", "", "database"),
    "language": _Kind("pg_language", "lanowner", "lanacl", "l", "lanname", "", "language"),
    "tablespace": _Kind("pg_tablespace", "spcowner", "spcacl", "t", "spcname", "", "tablespace"),
    "foreign_data_wrapper": _Kind(
        "pg_foreign_data_wrapper", "fdwowner", "fdwacl", "F", "fdwname", "",
        "foreign-data wrapper",
    ),
    "server": _Kind("pg_foreign_server", "srvowner", "srvacl", "S", "srvname", "", "server"),
    "largeobject": _Kind("pg_largeobject_metadata", "lomowner", "lomacl", "L", "", "", ""),
}  # fmt: skip


def role_oid(session: Session, name: str) -> int:
    """A role by name; ``public`` is everybody."""
    if name == "public":
        return 0
    found = session.types.lookups.role_oid(name)
    if found is None:
        raise SqlError(f'role "{name}" does not exist', MISSING)
    return found


def _object(session: Session, kind: _Kind, name: str) -> int:
    if kind.reg:
        datum = session.types.io_of(_REG_TYPES[kind.reg]).input(name)
        return int.from_bytes(datum, "little")
    row = session.cache.one(kind.catalog, kind.name, name)
    if row is None:
        code = {"schema": "3F000", "database": "3D000"}.get(kind.what, MISSING)
        raise SqlError(f'{kind.what} "{name}" does not exist', code)
    return int(row.oid)


_REG_TYPES = {"regclass": 2205, "regprocedure": 2202, "regtype": 2206}


def rights(session: Session, kind: _Kind, role: int, row: Any) -> tuple[int, int]:
    """What a role may do with an object, and what of it it may pass on."""
    code = kind.code
    if kind.catalog == "pg_class" and row.relkind == "S":
        code = "s"
    owner = getattr(row, kind.owner)
    items = object_acl(session, getattr(row, kind.acl), code, owner)
    bits, options = granted(session, role, owner, items)
    return bits | predefined(session, role, code), options


def owns(session: Session, role: int, owner: int) -> bool:
    """Whether a role has the privileges of an object's owner."""
    return is_member(session, role, owner, "inherit_option")


def relation_rights(session: Session, role: int, row: Any) -> int:
    """What a role that is no superuser may do with a relation."""
    bits, _options = rights(session, KINDS["table"], role, row)
    if row.oid < FIRST_UNPINNED and row.relkind != "v":
        bits &= ~_CHANGES
    return bits


def has_right(session: Session, role: int, attribute: Any, owner: int, bit: int) -> bool:
    """Whether a role has a privilege on one column."""
    items = object_acl(session, attribute.attacl, "c", owner)
    return bool(granted(session, role, owner, items)[0] & bit)


def _allowed(wanted: list[tuple[int, bool]], bits: int, options: int) -> bool:
    return any(bit and (options if option else bits) & bit for bit, option in wanted)


def check(session: Session, kind: _Kind, role: int, oid: int, text: str) -> bool | None:
    """Whether a role has one of the privileges; None where there is no object."""
    wanted = parse_privileges(text)
    row = session.cache.one(kind.catalog, "oid", oid)
    if row is None:
        return None
    if role and is_superuser(session, role):
        return True
    bits, options = rights(session, kind, role, row)
    if kind is KINDS["any_column"] and not _allowed(wanted, bits, options):
        return any(
            _column_rights(session, role, row, a, wanted)
            for a in session.cache.lookup("pg_attribute", "attrelid", oid)
            if a.attnum > 0 and not a.attisdropped
        )
    return _allowed(wanted, bits, options)


def _column_rights(
    session: Session, role: int, relation: Any, attribute: Any, wanted: list[tuple[int, bool]]
) -> bool:
    items = object_acl(session, attribute.attacl, "c", relation.relowner)
    return _allowed(wanted, *granted(session, role, relation.relowner, items))


def _role(session: Session, how: str, value: Any) -> int:
    return role_oid(session, value) if how == "name" else int(value)


def _register(kind_name: str, kind: _Kind, user: str, target: str) -> None:
    suffix = f"{user}_{target}" if user else target

    @builtin(f"has_{kind_name}_privilege_{suffix}", call=True)
    def has_privilege(call: Call, *args: Any) -> bool | None:
        session = call.session
        role = _role(session, user, args[0]) if user else session.user_oid
        named = args[-2]
        oid = _object(session, kind, named) if target == "name" else named
        return check(session, kind, role, oid, args[-1])


for _name, _kind in KINDS.items():
    for _user in ("", "name", "id"):
        for _target in ("name", "id"):
            if _name != "largeobject" or _target == "id":
                _register(_name, _kind, _user, _target)


# -- columns -------------------------------------------------------------------------------


def _column(session: Session, role: int, relid: int, column: Any, text: str) -> bool | None:
    wanted = parse_privileges(text)
    relation = session.cache.one("pg_class", "oid", relid)
    if relation is None:
        return None
    key = "attname" if isinstance(column, str) else "attnum"
    row = session.cache.one("pg_attribute", ("attrelid", key), (relid, column))
    if row is None or row.attisdropped:
        if isinstance(column, str):
            raise SqlError(
                f'column "{column}" of relation "{relation.relname}" does not exist', "42703"
            )
        return None
    if role and is_superuser(session, role):
        return True
    if _allowed(wanted, *rights(session, KINDS["table"], role, relation)):
        return True
    return _column_rights(session, role, relation, row, wanted)


def _register_column(user: str, target: str, column: str) -> None:
    suffix = "_".join(part for part in (user, target, column) if part)

    @builtin(f"has_column_privilege_{suffix}", call=True)
    def has_column_privilege(call: Call, *args: Any) -> bool | None:
        session = call.session
        role = _role(session, user, args[0]) if user else session.user_oid
        named = args[-3]
        relid = _object(session, KINDS["table"], named) if target == "name" else named
        return _column(session, role, relid, args[-2], args[-1])


for _user in ("", "name", "id"):
    for _target in ("name", "id"):
        for _column_by in ("name", "attnum"):
            _register_column(_user, _target, _column_by)


# -- parameters ------------------------------------------------------------------------------


def _parameter(session: Session, role: int, name: str, text: str) -> bool:
    wanted = parse_privileges(text)
    if role and is_superuser(session, role):
        return True
    row = session.cache.one("pg_parameter_acl", "parname", name.lower())
    items = object_acl(session, row.paracl if row is not None else None, "p", 10)
    return _allowed(wanted, *granted(session, role, 10, items))


def _register_parameter(user: str) -> None:
    @builtin(f"has_parameter_privilege_{user}_name".replace("__", "_"), call=True)
    def has_parameter_privilege(call: Call, *args: Any) -> bool:
        role = _role(call.session, user, args[0]) if user else call.session.user_oid
        return _parameter(call.session, role, args[-2], args[-1])


for _user in ("", "name", "id"):
    _register_parameter(_user)


# -- roles ---------------------------------------------------------------------------------

#: Privilege → what a membership must allow.
_ROLE_WORDS = {"USAGE": "inherit_option", "MEMBER": "", "SET": "set_option"}


def has_role(session: Session, role: int, of: int, text: str) -> bool:
    """Whether a role has another's privileges, is its member, or may become it."""
    for word in text.split(","):
        name = word.strip().upper()
        plain = name.removesuffix(" WITH ADMIN OPTION").removesuffix(" WITH GRANT OPTION")
        if plain not in _ROLE_WORDS:
            raise SqlError(f'unrecognized privilege type: "{word.strip()}"', "22023")
        if plain != name:
            if is_superuser(session, role) or _administers(session, role, of):
                return True
        elif is_member(session, role, of, _ROLE_WORDS[plain]):
            return True
    return False


def _administers(session: Session, role: int, of: int) -> bool:
    return any(
        m.admin_option and is_member(session, role, m.member, "")
        for m in session.cache.lookup("pg_auth_members", "roleid", of)
    )


def _register_role(user: str, target: str) -> None:
    suffix = f"{user}_{target}" if user else target

    @builtin(f"pg_has_role_{suffix}", call=True)
    def pg_has_role(call: Call, *args: Any) -> bool:
        session = call.session
        role = _role(session, user, args[0]) if user else session.user_oid
        return has_role(session, role, _role(session, target, args[-2]), args[-1])


for _user in ("", "name", "id"):
    for _target in ("name", "id"):
        _register_role(_user, _target)


# -- row-level security ------------------------------------------------------------------------


def _bound(session: Session, oid: int) -> bool:
    row = session.cache.one("pg_class", "oid", oid)
    if row is None or not row.relrowsecurity or session.is_superuser:
        return False
    user = session.cache.one("pg_authid", "oid", session.user_oid)
    if user is not None and user.rolbypassrls:
        return False
    return bool(row.relowner != session.user_oid or row.relforcerowsecurity)


@builtin("row_security_active", call=True)
def row_security_active(call: Call, oid: int) -> bool:
    """Whether policies bind the user on a table."""
    return _bound(call.session, oid)


@builtin("row_security_active_name", call=True)
def row_security_active_name(call: Call, name: str) -> bool:
    """The same, by name."""
    split_names(name)
    return _bound(call.session, _object(call.session, KINDS["table"], name))


