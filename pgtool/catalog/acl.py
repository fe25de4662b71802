"""Access control lists of new objects: what an owner and everybody get, and what
ALTER DEFAULT PRIVILEGES made of that (pg_default_acl).

Lists go into the catalogs as tuples (grantee, grantor, word); a word is privileges and, from
bit 32, grant options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from formats import datum as layout
from formats.derive import struct_of
from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.dependency import ACL, record_shared
from pgtool.types.arrays import read_array

if TYPE_CHECKING:
    from pgtool.catalog.indexing import CatalogWriter

__all__ = ["Acl", "Packed", "acl_of_new", "default_items", "record_acl"]

ACLITEM = 1033
#: Kind of object → privileges of its owner, of everybody.
_DEFAULTS: dict[str, tuple[str, str]] = {
    "c": ("", ""), "r": ("arwdDxtm", ""), "s": ("rwU", ""), "d": ("CTc", "Tc"), "f": ("X", "X"),
    "l": ("U", "U"), "L": ("rw", ""), "n": ("UC", ""), "t": ("C", ""), "F": ("U", ""),
    "S": ("U", ""), "T": ("U", "U"), "p": ("sA", ""),
}  # fmt: skip
#: pg_default_acl's letters that mean another kind there.
_KINDS = {"S": "s"}

Packed = list[tuple[int, int, int]]


class Acl(NamedTuple):
    """One item of a list: who grants what to whom (0: everybody)."""

    grantee: int
    grantor: int
    privileges: int
    options: int


def default_items(major: int, kind: str, owner: int) -> list[Acl] | None:
    """What an object of a kind grants by itself; None where there is no such kind."""
    if kind not in _DEFAULTS:
        return None
    letters = layout.ACL_ALL_RIGHTS_STR[major]
    mine, world = (
        sum(1 << letters.index(x) for x in rights if x in letters) for rights in _DEFAULTS[kind]
    )
    out = [Acl(0, owner, world, 0)] if world else []
    return out + ([Acl(owner, owner, mine, 0)] if mine else [])


def acl_of_new(
    writer: CatalogWriter, kind: str, owner: int, namespace: int = 0
) -> Packed | None:
    """The list of a new object; None where nothing but the built-in defaults applies.

    ``kind`` is pg_default_acl's: r, S, f, T or n. What is set for all schemas stands in the
    place of the built-in list, what is set for the schema comes on top.
    """
    everywhere = _stored(writer, owner, 0, kind)
    here = _stored(writer, owner, namespace, kind) if namespace else None
    if everywhere is None and here is None:
        return None
    built_in = {
        (item.grantee, item.grantor): item.privileges
        for item in default_items(writer.database.cluster.major, _KINDS.get(kind, kind), owner)
        or ()
    }
    merged = dict(built_in if everywhere is None else everywhere)
    for key, word in (here or {}).items():
        merged[key] = merged.get(key, 0) | word
    if merged == built_in:
        return None
    return [(*key, word) for key, word in merged.items()]


def _stored(
    writer: CatalogWriter, owner: int, namespace: int, kind: str
) -> dict[tuple[int, int], int] | None:
    """What pg_default_acl says for objects of a role."""
    row = writer.row("pg_default_acl", ("defaclrole", "defaclnamespace", "defaclobjtype"),
                     (owner, namespace, kind))  # fmt: skip
    if row is None:
        return None
    items: Any = row.defaclacl
    if isinstance(items, bytes):
        items = read_array(items, writer.types.info(ACLITEM)).items
    form = struct_of(layout.AclItem[writer.database.cluster.major])
    words = (form.unpack(item) for item in items)
    return {(grantee, grantor): word for grantee, grantor, word in words}


def record_acl(
    writer: CatalogWriter, address: Address, acl: Packed | None, owner: int
) -> None:
    """A new object depends on the roles that its list names."""
    roles = {role for item in acl or () for role in item[:2] if role} - {owner}
    for role in sorted(roles):
        record_shared(writer, address, c.AUTH_ID, role, ACL)
