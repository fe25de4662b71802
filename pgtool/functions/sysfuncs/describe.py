"""pg_describe_object: objects in words, named as the search path finds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pgtool.functions.registry import Call, builtin
from pgtool.functions.session import Session
from pgtool.functions.sysfuncs.identity import NAMED, RELATION_KINDS, catalog_of, find
from pgtool.functions.sysfuncs.visibility import KINDS, is_visible
from pgtool.types.format_type import format_type
from pgtool.types.names import format_name

__all__ = ["describe"]

#: Object type of default privileges → what they are of.
_DEFAULTS = {"r": "relations", "S": "sequences", "f": "functions", "T": "types", "n": "schemas",
             "L": "large objects"}  # fmt: skip
#: Catalog → how visibility is told.
_VISIBLE = {kind.catalog: kind for kind in KINDS.values()}


class _Words:
    """Descriptions of one session's objects."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def row(self, catalog: str, oid: int) -> Any:
        return self.session.cache.one(catalog, "oid", oid)

    def role(self, oid: int) -> str:
        return str(self.session.types.lookups.role_name(oid) or oid)

    def type(self, oid: int) -> str:
        return format_type(self.session.types, oid)

    def name(self, catalog: str, row: Any) -> str:
        """An object's name, with its schema where the bare name would not find it."""
        named, kind = NAMED[catalog], _VISIBLE[catalog]
        schema = None
        if not is_visible(self.session, kind, row.oid):
            oid = getattr(row, named.namespace)
            schema = self.session.database.namespaces.get(oid, str(oid))
        return format_name(schema, str(getattr(row, named.name)), self.session.settings.major)

    def of(self, catalog: str, row: Any, number: int = 0) -> str:
        """An object in words."""
        special = SPECIAL.get(catalog)
        if special is not None:
            return special(self, row, number)
        named = NAMED[catalog]
        text = (
            self.name(catalog, row) if catalog in _VISIBLE else str(getattr(row, named.name))
        )
        return f"{named.kind} {text}"

    def relation(self, row: Any, number: int = 0) -> str:
        kind = RELATION_KINDS.get(row.relkind, "relation")
        text = f"{kind} {self.name('pg_class', row)}"
        if number:
            column = self.session.cache.one(
                "pg_attribute", ("attrelid", "attnum"), (row.oid, number)
            )
            assert column is not None
            return f"column {column.attname} of {text}"
        return text

    def on(self, kind: str, name: Any, relid: int) -> str:
        return f"{kind} {name} on {self.relation(self.row('pg_class', relid))}"

    def procedure(self, row: Any) -> str:
        args = ",".join(self.type(oid) for oid in row.proargtypes)
        return f"{self.name('pg_proc', row)}({args})"

    def operator(self, row: Any) -> str:
        sides = [self.type(oid) if oid else "NONE" for oid in (row.oprleft, row.oprright)]
        text = str(row.oprname)
        if not is_visible(self.session, _VISIBLE["pg_operator"], row.oid):
            spaces = self.session.database.namespaces
            schema = spaces.get(row.oprnamespace, str(row.oprnamespace))
            text = f"{format_name(None, schema, self.session.settings.major)}.{text}"
        return f"{text}({','.join(sides)})"

    def constraint(self, row: Any) -> str:
        if row.conrelid:
            return self.on("constraint", row.conname, row.conrelid)
        return f"constraint {row.conname}"

    def of_method(self, catalog: str, row: Any, method: int) -> str:
        name = self.row("pg_am", method).amname
        return f"{NAMED[catalog].kind} {self.name(catalog, row)} for access method {name}"

    def family(self, oid: int) -> str:
        row = self.row("pg_opfamily", oid)
        return self.of_method("pg_opfamily", row, row.opfmethod)

    def member_operator(self, row: Any) -> str:
        types = f"{self.type(row.amoplefttype)}, {self.type(row.amoprighttype)}"
        return (f"operator {row.amopstrategy} ({types}) of {self.family(row.amopfamily)}: "
                f"{self.operator(self.row('pg_operator', row.amopopr))}")  # fmt: skip

    def member_function(self, row: Any) -> str:
        types = f"{self.type(row.amproclefttype)}, {self.type(row.amprocrighttype)}"
        return (f"function {row.amprocnum} ({types}) of {self.family(row.amprocfamily)}: "
                f"{self.procedure(self.row('pg_proc', row.amproc))}")  # fmt: skip

    def user_mapping(self, row: Any) -> str:
        user = self.role(row.umuser) if row.umuser else "public"
        server = self.row("pg_foreign_server", row.umserver).srvname
        return f"user mapping for {user} on server {server}"

    def default_acl(self, row: Any) -> str:
        what = _DEFAULTS.get(str(row.defaclobjtype))
        text = "default privileges" + (f" on new {what}" if what else "")
        text += f" belonging to role {self.role(row.defaclrole)}"
        if row.defaclnamespace:
            text += f" in schema {self.session.database.namespaces[row.defaclnamespace]}"
        return text

    def published(self, what: str, publication: int) -> str:
        name = self.row("pg_publication", publication).pubname
        return f"publication of {what} in publication {name}"

    def transform(self, row: Any) -> str:
        language = self.row("pg_language", row.trflang).lanname
        return f"transform for {self.type(row.trftype)} language {language}"


SPECIAL: dict[str, Callable[[_Words, Any, int], str]] = {
    "pg_class": _Words.relation,
    "pg_proc": lambda w, r, n: f"function {w.procedure(r)}",
    "pg_type": lambda w, r, n: f"type {w.type(r.oid)}",
    "pg_cast": lambda w, r, n: f"cast from {w.type(r.castsource)} to {w.type(r.casttarget)}",
    "pg_constraint": lambda w, r, n: w.constraint(r),
    "pg_attrdef": lambda w, r, n:
        f"default value for {w.relation(w.row('pg_class', r.adrelid), r.adnum)}",
    "pg_largeobject": lambda w, r, n: f"large object {r.oid}",
    "pg_operator": lambda w, r, n: f"operator {w.operator(r)}",
    "pg_opclass": lambda w, r, n: w.of_method("pg_opclass", r, r.opcmethod),
    "pg_opfamily": lambda w, r, n: w.of_method("pg_opfamily", r, r.opfmethod),
    "pg_amop": lambda w, r, n: w.member_operator(r),
    "pg_amproc": lambda w, r, n: w.member_function(r),
    "pg_rewrite": lambda w, r, n: w.on("rule", r.rulename, r.ev_class),
    "pg_trigger": lambda w, r, n: w.on("trigger", r.tgname, r.tgrelid),
    "pg_policy": lambda w, r, n: w.on("policy", r.polname, r.polrelid),
    "pg_user_mapping": lambda w, r, n: w.user_mapping(r),
    "pg_default_acl": lambda w, r, n: w.default_acl(r),
    "pg_publication_namespace": lambda w, r, n: w.published(
        f"schema {w.session.database.namespaces[r.pnnspid]}", r.pnpubid),
    "pg_publication_rel": lambda w, r, n: w.published(
        w.relation(w.row("pg_class", r.prrelid)), r.prpubid),
    "pg_transform": lambda w, r, n: w.transform(r),
}  # fmt: skip


def describe(session: Session, classid: int, oid: int, number: int = 0) -> str | None:
    """An object in words; None where there is none."""
    catalog = catalog_of(session, classid)
    row = find(session, catalog, oid, number)
    return None if row is None else _Words(session).of(catalog, row, number)


@builtin("pg_describe_object", call=True)
def pg_describe_object(call: Call, classid: int, oid: int, number: int) -> str | None:
    """An object in words; NULL where there is none."""
    return describe(call.session, classid, oid, number) if classid or oid else None
