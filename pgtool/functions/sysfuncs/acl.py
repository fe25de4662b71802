"""Privileges: access control lists, what they grant to whom, membership of roles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from formats import datum as layout
from formats.derive import struct_of
from pgtool.catalog.acl import Acl, default_items
from pgtool.errors import SqlError
from pgtool.functions.codec import codec_of
from pgtool.functions.registry import Call, builtin
from pgtool.functions.session import Session
from pgtool.functions.values import ArrayValue

__all__ = ["Acl", "default_acl", "is_member", "object_acl", "parse_privileges", "roles_of"]

ACLITEM, ACLITEMS = 1033, 1034
BOOTSTRAP = 10
PG_DATABASE_OWNER, PG_READ_ALL_DATA, PG_WRITE_ALL_DATA, PG_MAINTAIN = 6171, 6181, 6182, 6337
#: Names of privileges in the order of their bits.
PRIVILEGES = (
    "INSERT", "SELECT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "EXECUTE",
    "USAGE", "CREATE", "TEMPORARY", "CONNECT", "SET", "ALTER SYSTEM", "MAINTAIN",
)  # fmt: skip
_BITS = {name: 1 << i for i, name in enumerate(PRIVILEGES)} | {"TEMP": 1 << 10, "RULE": 0}
_SELECT, _UPDATE, _INSERT, _DELETE = (
    _BITS["SELECT"], _BITS["UPDATE"], _BITS["INSERT"], _BITS["DELETE"],
)  # fmt: skip


def _half(session: Session) -> int:
    return 16 if layout.AclItem[session.settings.major] is layout.AclItem[14] else 32


def read_item(session: Session, datum: bytes) -> Acl:
    """An aclitem's parts."""
    grantee, grantor, word = struct_of(layout.AclItem[session.settings.major]).unpack(datum)
    half = _half(session)
    return Acl(grantee, grantor, word & ((1 << half) - 1), word >> half)


def make_item(session: Session, item: Acl) -> bytes:
    """An aclitem of its parts."""
    word = item.privileges | item.options << _half(session)
    pack = struct_of(layout.AclItem[session.settings.major]).pack
    return bytes(pack(item.grantee, item.grantor, word))


def default_acl(session: Session, kind: str, owner: int) -> list[Acl]:
    """What a new object of a kind grants."""
    items = default_items(session.settings.major, kind, owner)
    if items is None:
        raise SqlError(f"unrecognized object type abbreviation: {kind}", "XX000")
    return items


@builtin("acldefault_sql", call=True)
def acldefault_sql(call: Call, kind: str, owner: int) -> ArrayValue:
    """The privileges of an object without a list."""
    items = default_acl(call.session, kind, owner)
    return ArrayValue.of(ACLITEM, [make_item(call.session, item) for item in items])


@builtin("aclexplode", call=True, returns_set=True)
def aclexplode(call: Call, acl: ArrayValue) -> Iterator[tuple[int, int, str, bool]]:
    """Grantor, grantee, privilege, whether it may be passed on."""
    for datum in acl.elements:
        item = read_item(call.session, datum)
        for i, name in enumerate(PRIVILEGES):
            if item.privileges >> i & 1:
                yield item.grantor, item.grantee, name, bool(item.options >> i & 1)


def parse_privileges(text: str) -> list[tuple[int, bool]]:
    """``SELECT, UPDATE WITH GRANT OPTION`` → bits and whether the option is asked for."""
    out = []
    for word in text.split(","):
        name = word.strip().upper()
        option = name.endswith(" WITH GRANT OPTION")
        bit = _BITS.get(name.removesuffix(" WITH GRANT OPTION"))
        if bit is None:
            raise SqlError(f'unrecognized privilege type: "{word.strip()}"', "22023")
        out.append((bit, option))
    return out


@builtin("makeaclitem", call=True)
def makeaclitem(call: Call, grantee: int, grantor: int, text: str, grantable: bool) -> bytes:
    """An aclitem of its parts."""
    bits = 0
    for bit, _option in parse_privileges(text):
        bits |= bit
    return make_item(call.session, Acl(grantee, grantor, bits, bits if grantable else 0))


@builtin("aclcontains", call=True)
def aclcontains(call: Call, acl: ArrayValue, datum: bytes) -> bool:
    """Whether a list grants all that an item does."""
    wanted = read_item(call.session, datum)
    for one in acl.elements:
        item = read_item(call.session, one)
        if (item.grantee, item.grantor) == (wanted.grantee, wanted.grantor) and (
            item.privileges & wanted.privileges == wanted.privileges
            and item.options & wanted.options == wanted.options
        ):
            return True
    return False


# -- roles ---------------------------------------------------------------------------------


def is_superuser(session: Session, role: int) -> bool:
    """Whether a role may do everything."""
    row = session.cache.one("pg_authid", "oid", role)
    return role == BOOTSTRAP or bool(row is not None and row.rolsuper)


def roles_of(session: Session, role: int, option: str = "inherit_option") -> set[int]:
    """A role and those whose member it is; ``option`` is what a membership must allow."""
    seen, todo = {role}, [role]
    owner = session.database.row.get("datdba")
    while todo:
        member = todo.pop()
        found = [
            m.roleid for m in session.cache.lookup("pg_auth_members", "member", member)
            if _allows(session, m, member, option)
        ]  # fmt: skip
        if member == owner:
            found.append(PG_DATABASE_OWNER)
        for other in found:
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return seen


def _allows(session: Session, membership: Any, member: int, option: str) -> bool:
    if not option:
        return True
    if hasattr(membership, option):
        return bool(getattr(membership, option))
    row = session.cache.one("pg_authid", "oid", member)
    return option != "inherit_option" or bool(row is not None and row.rolinherit)


def is_member(session: Session, role: int, of: int, option: str) -> bool:
    """Whether a role has another's privileges (or may become it)."""
    return is_superuser(session, role) or of in roles_of(session, role, option)


def granted(session: Session, role: int, owner: int, items: list[Acl]) -> tuple[int, int]:
    """The privileges of a role under a list, and those it may pass on."""
    mine = roles_of(session, role)
    if owner in mine:
        everything = (1 << len(PRIVILEGES)) - 1
        options = everything
    else:
        options = 0
    bits = 0
    for item in items:
        if item.grantee == 0 or item.grantee in mine:
            bits |= item.privileges
            options |= item.options
    return bits, options


def object_acl(session: Session, raw: Any, kind: str, owner: int) -> list[Acl]:
    """An object's list, as stored or by default."""
    if raw is None:
        return default_acl(session, kind, owner)
    if isinstance(raw, bytes):
        raw = codec_of(session.types, ACLITEMS).decode(raw)
    return [read_item(session, datum) for datum in raw.elements]


def predefined(session: Session, role: int, kind: str) -> int:
    """What pg_read_all_data and its like give on tables, sequences and schemas."""
    if kind not in "rsn":
        return 0
    roles = roles_of(session, role)
    bits = 0
    if PG_READ_ALL_DATA in roles:
        bits |= _BITS["USAGE"] if kind == "n" else _SELECT
    if PG_WRITE_ALL_DATA in roles:
        bits |= _BITS["USAGE"] if kind == "n" else _INSERT | _UPDATE | _DELETE
    if PG_MAINTAIN in roles and kind == "r":
        bits |= _BITS["MAINTAIN"]
    return bits
