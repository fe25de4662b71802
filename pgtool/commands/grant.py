"""GRANT and REVOKE on objects: their access control lists, and which roles these depend on."""

from __future__ import annotations

from typing import Any, NamedTuple

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address, is_pinned
from pgtool.catalog.dependency import record_shared
from pgtool.commands.context import Ddl, begin
from pgtool.commands.dropcmds import address_of
from pgtool.errors import SqlError, Unsupported
from pgtool.functions.sysfuncs.acl import PRIVILEGES, Acl, granted, object_acl
from pgtool.functions.sysfuncs.privileges import owns
from pgtool.nodes.raw_enums import GrantTargetType
from pgtool.nodes.raw_enums import ObjectType as Kind
from pgtool.sql.answer import Outcome

__all__ = ["grant"]

INVALID_GRANT_OPERATION = "0LP01"


class _Kind(NamedTuple):
    """Where an object's list is, and the letter of its kind of privileges."""

    catalog: str
    classid: int
    acl: str
    owner: str
    letter: str
    noun: str


_KINDS = {
    Kind.OBJECT_TABLE: _Kind("pg_class", c.RELATION, "relacl", "relowner", "r", "table"),
    Kind.OBJECT_SEQUENCE: _Kind("pg_class", c.RELATION, "relacl", "relowner", "s", "sequence"),
    Kind.OBJECT_SCHEMA: _Kind("pg_namespace", c.NAMESPACE, "nspacl", "nspowner", "n", "schema"),
    Kind.OBJECT_DATABASE: _Kind("pg_database", c.DATABASE, "datacl", "datdba", "d", "database"),
    Kind.OBJECT_FUNCTION: _Kind("pg_proc", c.PROCEDURE, "proacl", "proowner", "f", "function"),
    Kind.OBJECT_PROCEDURE: _Kind("pg_proc", c.PROCEDURE, "proacl", "proowner", "f", "procedure"),
    Kind.OBJECT_ROUTINE: _Kind("pg_proc", c.PROCEDURE, "proacl", "proowner", "f", "routine"),
    Kind.OBJECT_TYPE: _Kind("pg_type", c.TYPE, "typacl", "typowner", "T", "type"),
    Kind.OBJECT_DOMAIN: _Kind("pg_type", c.TYPE, "typacl", "typowner", "T", "domain"),
    Kind.OBJECT_LANGUAGE: _Kind("pg_language", c.LANGUAGE, "lanacl", "lanowner", "l", "language"),
    Kind.OBJECT_TABLESPACE: _Kind("pg_tablespace", c.TABLESPACE, "spcacl", "spcowner", "t",
                                  "tablespace"),
}  # fmt: skip
_NAMED = {
    Kind.OBJECT_SCHEMA: ("nspname", "3F000"), Kind.OBJECT_DATABASE: ("datname", "3D000"),
    Kind.OBJECT_LANGUAGE: ("lanname", "42704"), Kind.OBJECT_TABLESPACE: ("spcname", "42704"),
}  # fmt: skip
_COLUMN = _Kind("pg_attribute", c.RELATION, "attacl", "", "c", "column")
_ALL = {
    "r": "arwdDxtm", "s": "rwU", "d": "CTc", "f": "X", "l": "U", "n": "UC", "t": "C", "T": "U",
    "c": "arwx",
}  # fmt: skip
_LETTERS = "arwdDxtXUCTcsAm"
_WORDS = {name: 1 << i for i, name in enumerate(PRIVILEGES)} | {"TEMP": 1 << 10}
#: Kinds of relations that ALL … IN SCHEMA means.
_IN_SCHEMA = {Kind.OBJECT_TABLE: "rvmfp", Kind.OBJECT_SEQUENCE: "S"}


def _mask(letters: str) -> int:
    return sum(1 << _LETTERS.index(letter) for letter in letters)


class _Grant:
    """One statement."""

    def __init__(self, ddl: Ddl, raw: Any) -> None:
        self.ddl, self.raw = ddl, raw
        self.is_grant, self.option = bool(raw.is_grant), bool(raw.grant_option)
        self.grantees = [self._role(spec) for spec in raw.grantees]
        if self.is_grant and self.option and 0 in self.grantees:
            raise SqlError("grant options can only be granted to roles", INVALID_GRANT_OPERATION)

    def _role(self, spec: Any) -> int:
        if spec.roletype.name == "ROLESPEC_PUBLIC":
            return 0
        return self.ddl.role_oid(spec)

    def rights(self, kind: _Kind, columns: bool) -> int:
        """The privileges that the statement names for this kind of object."""
        bits = 0
        allowed = _mask(_ALL["c" if columns else kind.letter])
        for node in self.raw.privileges:
            if bool(node.cols) != columns:
                continue
            if node.priv_name is None:
                bits |= allowed
                continue
            word = str(node.priv_name).upper()
            bit = _WORDS.get(word)
            if bit is None:
                raise SqlError(f'unrecognized privilege type "{node.priv_name}"', "42601")
            if not bit & allowed:
                noun = "column" if columns else {"r": "table", "s": "sequence"}.get(
                    kind.letter, kind.noun)  # fmt: skip
                if kind.letter == "r" and not columns and not bit & _mask(_ALL["r"] + "U"):
                    noun = "relation"
                raise SqlError(f"invalid privilege type {word} for {noun}",
                               INVALID_GRANT_OPERATION)  # fmt: skip
            bits |= bit
        if not self.raw.privileges and not columns:
            return allowed
        return bits

    def changed(self, items: list[Acl], bits: int, owner: int) -> list[Acl]:
        """A list after the grant or revocation, by the owner."""
        out = list(items)
        for grantee in self.grantees:
            place = next((i for i, item in enumerate(out)
                          if (item.grantee, item.grantor) == (grantee, owner)), None)  # fmt: skip
            old = out[place] if place is not None else Acl(grantee, owner, 0, 0)
            if self.is_grant:
                new = old._replace(
                    privileges=old.privileges | bits,
                    options=old.options | (bits if self.option else 0),
                )
            else:
                self._check_dependents(out, old, bits)
                new = old._replace(
                    privileges=old.privileges & ~(0 if self.option else bits),
                    options=old.options & ~bits,
                )
            if place is None:
                if new.privileges:
                    out.append(new)
            elif new.privileges:
                out[place] = new
            else:
                del out[place]
        return out

    @staticmethod
    def _check_dependents(items: list[Acl], old: Acl, bits: int) -> None:
        lost = old.options & bits
        if lost and old.grantee and any(
            item.grantor == old.grantee and item.privileges & lost for item in items
        ):
            raise Unsupported("revoking grant options that were used")

    def store(self, kind: _Kind, row: Any, subid: int, old: list[Acl], new: list[Acl],
              owner: int) -> None:  # fmt: skip
        """Write a list and the dependencies of its roles."""
        packed = [(i.grantee, i.grantor, i.privileges | i.options << 32) for i in new]
        self.ddl.writer.update(kind.catalog, row, **{kind.acl: packed or None
                                                     if kind is _COLUMN else packed})  # fmt: skip
        oid = row.attrelid if kind is _COLUMN else row.oid
        before, after = _members(old) - {owner}, _members(new) - {owner}
        own = Address(kind.classid, oid, subid)
        for role in sorted(after - before):
            record_shared(self.ddl.writer, own, c.AUTH_ID, role, "a")
        gone = {role for role in before - after if not is_pinned(c.AUTH_ID, role)}
        for found in self.ddl.cache.lookup("pg_shdepend", ("classid", "objid"), own[:2]):
            if found.refobjid in gone and found.deptype == "a" and found.objsubid == subid:
                self.ddl.writer.delete("pg_shdepend", found)
        self.ddl.advance()

    def on_object(self, kind: _Kind, oid: int) -> None:
        """The statement on one object."""
        ddl = self.ddl
        row = ddl.cache.one(kind.catalog, "oid", oid)
        if kind.catalog == "pg_class":
            kind = self._relation_kind(kind, row)
        owner = int(getattr(row, kind.owner))
        self._may_grant(kind, row, owner)
        bits = self.rights(kind, False)
        if bits:
            items = object_acl(ddl.session, getattr(row, kind.acl), kind.letter, owner)
            old = items if getattr(row, kind.acl) is not None else []
            self.store(kind, row, 0, old, self.changed(items, bits, owner), owner)
        if kind.letter == "r":
            self._on_columns(row, bits, owner)
        elif any(node.cols for node in self.raw.privileges):
            raise SqlError("column privileges are only valid for relations",
                           INVALID_GRANT_OPERATION)  # fmt: skip

    def _may_grant(self, kind: _Kind, row: Any, owner: int) -> None:
        """Only with the owner's privileges; who has grant options of others is refused by name."""
        session = self.ddl.session
        if owns(session, session.user_oid, owner):
            return
        items = object_acl(session, getattr(row, kind.acl), kind.letter, owner)
        if granted(session, session.user_oid, owner, items) == (0, 0):
            name = session.cache.one(kind.catalog, "oid", row.oid)
            shown = next(getattr(name, n) for n in vars(name) if n.endswith("name"))
            raise SqlError(f"permission denied for {kind.noun} {shown}", "42501")
        raise Unsupported("GRANT by another than the owner")

    def _relation_kind(self, kind: _Kind, row: Any) -> _Kind:
        if row.relkind in "iI":
            raise SqlError(f'"{row.relname}" is an index', "42809")
        if row.relkind == "c":
            raise SqlError(f'"{row.relname}" is a composite type', "42809")
        if kind.letter == "s" and row.relkind != "S":
            raise SqlError(f'"{row.relname}" is not a sequence', "42809")
        return _KINDS[Kind.OBJECT_SEQUENCE] if row.relkind == "S" else kind

    def _on_columns(self, row: Any, whole: int, owner: int) -> None:
        ddl = self.ddl
        rights: dict[str, int] = {}
        for node in self.raw.privileges:
            if node.cols:
                one = _Grant.__new__(_Grant)
                one.ddl, one.raw = ddl, self.raw.copy(privileges=[node])
                for part in node.cols:
                    bits = one.rights(_COLUMN, True)
                    rights[part.sval] = rights.get(part.sval, 0) | bits
        if not self.is_grant and whole:
            for a in ddl.attributes(row.oid):
                if a.attacl is not None and not a.attisdropped:
                    bits = whole & _mask(_ALL["c"])
                    rights[a.attname] = rights.get(a.attname, 0) | bits
        for name, bits in rights.items():
            column = ddl.attribute(row.oid, name)
            if column is None:
                raise SqlError(
                    f'column "{name}" of relation "{row.relname}" does not exist', "42703")
            items = object_acl(ddl.session, column.attacl, "c", owner)
            made = self.changed(items, bits, owner)
            if made != items:
                self.store(_COLUMN, column, int(column.attnum), items, made, owner)


def _members(items: list[Acl]) -> set[int]:
    return {role for item in items for role in (item.grantee, item.grantor) if role}


def _objects(ddl: Ddl, raw: Any) -> list[int]:
    kind = raw.objtype
    if raw.targtype == GrantTargetType.ACL_TARGET_ALL_IN_SCHEMA:
        if kind not in _IN_SCHEMA:
            raise Unsupported("GRANT ON ALL FUNCTIONS IN SCHEMA")
        out = []
        for part in raw.objects:
            rows = ddl.cache.lookup("pg_class", "relnamespace", ddl.namespace(part.sval))
            out += sorted(row.oid for row in rows if row.relkind in _IN_SCHEMA[kind])
        return out
    if kind in (Kind.OBJECT_TABLE, Kind.OBJECT_SEQUENCE):
        return [int(ddl.find_relation(node).oid) for node in raw.objects]
    if kind in _NAMED:
        column, code = _NAMED[kind]
        found = []
        for part in raw.objects:
            row = ddl.cache.one(_KINDS[kind].catalog, column, part.sval)
            if row is None:
                raise SqlError(f'{_KINDS[kind].noun} "{part.sval}" does not exist', code)
            found.append(int(row.oid))
        return found
    if kind in (Kind.OBJECT_TYPE, Kind.OBJECT_DOMAIN):
        from pgtool.nodes.raw import TypeName

        addresses = [
            address_of(ddl, TypeName(names=node, typemod=-1), kind, False) for node in raw.objects
        ]  # fmt: skip
    else:
        plain = Kind.OBJECT_FUNCTION if kind == Kind.OBJECT_ROUTINE else kind
        addresses = [address_of(ddl, node, plain, False) for node in raw.objects]
    return [address.objid for address in addresses if address is not None]


def grant(engine: Any, raw: Any, text: str) -> Outcome:
    """GRANT and REVOKE."""
    tag = "GRANT" if raw.is_grant else "REVOKE"
    if raw.targtype == GrantTargetType.ACL_TARGET_DEFAULTS or raw.objtype not in _KINDS:
        word = raw.objtype.name.removeprefix("OBJECT_").replace("_", " ")
        raise Unsupported(f"{tag} ON {word}")
    ddl = begin(engine, text)
    if raw.grantor is not None and ddl.role_oid(raw.grantor) != ddl.session.user_oid:
        raise SqlError("grantor must be current user", "0A000")
    statement = _Grant(ddl, raw)
    for oid in _objects(ddl, raw):
        statement.on_object(_KINDS[raw.objtype], oid)
    return ddl.done(tag)


