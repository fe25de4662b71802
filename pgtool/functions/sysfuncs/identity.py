"""pg_identify_object and pg_identify_object_as_address: objects by names that do not depend
on the search path.

An object is (catalog's OID, OID, column number). :data:`NAMED` are the catalogs whose
objects have just a name; the others have a function each in :data:`PARTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from pgtool.errors import SqlError
from pgtool.functions.registry import Call, builtin
from pgtool.functions.session import Session
from pgtool.functions.values import ArrayValue, RecordValue
from pgtool.types.format_type import format_type
from pgtool.types.names import format_name, quote_identifier

__all__ = ["NAMED", "RELATION_KINDS", "Named", "catalog_of", "find", "kind_of"]

TEXTOID, RECORD = 25, 2249
FIRST_USER_OID = 16384


class Named(NamedTuple):
    """Objects of a catalog: their kind, name and schema columns.

    ``unique``: the name (with the schema) means one object only. ``plain``: the identity is
    just the name.
    """

    kind: str
    name: str
    namespace: str = ""
    unique: bool = True
    plain: bool = True


NAMED = {
    "pg_class": Named("relation", "relname", "relnamespace", plain=False),
    "pg_proc": Named("function", "proname", "pronamespace", False, False),
    "pg_type": Named("type", "typname", "typnamespace", plain=False),
    "pg_cast": Named("cast", "", "", False, False),
    "pg_collation": Named("collation", "collname", "collnamespace"),
    "pg_constraint": Named("constraint", "conname", "connamespace", False, False),
    "pg_conversion": Named("conversion", "conname", "connamespace"),
    "pg_attrdef": Named("default value", "", "", False, False),
    "pg_language": Named("language", "lanname"),
    "pg_largeobject": Named("large object", "", "", False, False),
    "pg_operator": Named("operator", "oprname", "oprnamespace", False, False),
    "pg_opclass": Named("operator class", "opcname", "opcnamespace", plain=False),
    "pg_opfamily": Named("operator family", "opfname", "opfnamespace", plain=False),
    "pg_am": Named("access method", "amname"),
    "pg_amop": Named("operator of access method", "", "", False, False),
    "pg_amproc": Named("function of access method", "", "", False, False),
    "pg_rewrite": Named("rule", "rulename", "", False, False),
    "pg_trigger": Named("trigger", "tgname", "", False, False),
    "pg_namespace": Named("schema", "nspname"),
    "pg_statistic_ext": Named("statistics object", "stxname", "stxnamespace"),
    "pg_ts_parser": Named("text search parser", "prsname", "prsnamespace"),
    "pg_ts_dict": Named("text search dictionary", "dictname", "dictnamespace"),
    "pg_ts_template": Named("text search template", "tmplname", "tmplnamespace"),
    "pg_ts_config": Named("text search configuration", "cfgname", "cfgnamespace"),
    "pg_authid": Named("role", "rolname"),
    "pg_database": Named("database", "datname"),
    "pg_tablespace": Named("tablespace", "spcname"),
    "pg_foreign_data_wrapper": Named("foreign-data wrapper", "fdwname"),
    "pg_foreign_server": Named("server", "srvname"),
    "pg_user_mapping": Named("user mapping", "", "", False, False),
    "pg_default_acl": Named("default acl", "", "", False, False),
    "pg_extension": Named("extension", "extname"),
    "pg_event_trigger": Named("event trigger", "evtname"),
    "pg_policy": Named("policy", "polname", "", False, False),
    "pg_publication": Named("publication", "pubname"),
    "pg_publication_namespace": Named("publication namespace", "", "", False, False),
    "pg_publication_rel": Named("publication relation", "", "", False, False),
    "pg_subscription": Named("subscription", "subname"),
    "pg_transform": Named("transform", "", "", False, False),
}
RELATION_KINDS = {
    "r": "table", "p": "table", "i": "index", "I": "index", "S": "sequence", "t": "toast table",
    "v": "view", "m": "materialized view", "c": "composite type", "f": "foreign table",
}  # fmt: skip
#: Where the rows of a class are, if not in the catalog that it is called after.
_ROWS = {"pg_largeobject": "pg_largeobject_metadata"}
_MISSING = {"pg_proc": "routine"}
_ROUTINES = {"a": "aggregate", "p": "procedure"}
_DEFAULTS = {"r": "tables", "S": "sequences", "f": "functions", "T": "types", "n": "schemas",
             "L": "large objects"}  # fmt: skip
#: (identity, names, arguments) of an object.
Parts = tuple[str, list[str], list[str]]


def catalog_of(session: Session, classid: int) -> str:
    """The catalog of a class of objects."""
    row = session.cache.one("pg_class", "oid", classid)
    if row is None or row.relname not in NAMED or classid >= FIRST_USER_OID:
        raise SqlError(f"unsupported object class: {classid}", "XX000")
    return str(row.relname)


def find(session: Session, catalog: str, oid: int, number: int) -> Any:
    """An object's row; None where it, or its column, is not there."""
    row = session.cache.one(_ROWS.get(catalog, catalog), "oid", oid)
    if row is None or not number or catalog != "pg_class":
        return row
    column = session.cache.one("pg_attribute", ("attrelid", "attnum"), (oid, number))
    return None if column is None or column.attisdropped else row


def kind_of(session: Session, catalog: str, oid: int, number: int = 0) -> str:
    """What kind of object it is; of one that is not there, what is known of its class."""
    row = find(session, catalog, oid, 0)
    if row is None:
        return _MISSING.get(catalog) or NAMED[catalog].kind
    if catalog == "pg_class":
        kind = RELATION_KINDS.get(row.relkind, "relation")
        return kind + " column" if number else kind
    if catalog == "pg_proc":
        return _ROUTINES.get(row.prokind, "function")
    if catalog == "pg_constraint":
        return "table constraint" if row.conrelid else "domain constraint"
    return NAMED[catalog].kind


class _Identities:
    """Identities of one session's objects."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.major = session.settings.major

    def quote(self, name: str) -> str:
        return quote_identifier(name, self.major)

    def type(self, oid: int) -> str:
        return format_type(self.session.types, oid, qualified=True)

    def schema(self, oid: int) -> str:
        return str(self.session.database.namespaces.get(oid, oid))

    def role(self, oid: int) -> str:
        return str(self.session.types.lookups.role_name(oid) or oid)

    def get(self, catalog: str, oid: int, column: str) -> Any:
        return getattr(self.session.cache.one(catalog, "oid", oid), column, None)

    def parts(self, catalog: str, row: Any, number: int = 0) -> Parts:
        """Identity, names and arguments of an object."""
        named = NAMED[catalog]
        if not named.plain:
            made: Parts = PARTS[catalog](self, row, number)
            return made
        name = str(getattr(row, named.name))
        if not named.namespace:
            return self.quote(name), [name], []
        schema = self.schema(getattr(row, named.namespace))
        return format_name(schema, name, self.major), [schema, name], []

    def relation(self, row: Any, number: int) -> Parts:
        names = [self.schema(row.relnamespace), str(row.relname)]
        text = format_name(names[0], names[1], self.major)
        if number:
            column = self.session.cache.one(
                "pg_attribute", ("attrelid", "attnum"), (row.oid, number)
            )
            assert column is not None
            names.append(column.attname)
            text += "." + self.quote(column.attname)
        return text, names, []

    def _relation(self, oid: int, number: int = 0) -> Parts:
        return self.relation(self.session.cache.one("pg_class", "oid", oid), number)

    def procedure(self, row: Any, _number: int) -> Parts:
        names = [self.schema(row.pronamespace), str(row.proname)]
        args = [self.type(oid) for oid in row.proargtypes]
        return f"{format_name(names[0], names[1], self.major)}({','.join(args)})", names, args

    def typed(self, row: Any, _number: int) -> Parts:
        text = self.type(row.oid)
        return text, [text], []

    def cast(self, row: Any, _number: int) -> Parts:
        source, target = self.type(row.castsource), self.type(row.casttarget)
        return f"({source} AS {target})", [source], [target]

    def constraint(self, row: Any, _number: int) -> Parts:
        name = str(row.conname)
        if row.conrelid:
            return self.on(name, row.conrelid)
        domain = self.type(row.contypid)
        return f"{self.quote(name)} on {domain}", [domain], [name]

    def on(self, name: str, relid: int) -> Parts:
        """What belongs to a relation: rules, triggers, policies, constraints."""
        text, names, _args = self._relation(relid)
        return f"{self.quote(name)} on {text}", [*names, name], []

    def default(self, row: Any, _number: int) -> Parts:
        text, names, args = self._relation(row.adrelid, row.adnum)
        return f"for {text}", names, args

    def large_object(self, row: Any, _number: int) -> Parts:
        return str(row.oid), [str(row.oid)], []

    def operator(self, row: Any, _number: int) -> Parts:
        names = [self.schema(row.oprnamespace), str(row.oprname)]
        sides = [self.type(oid) if oid else "NONE" for oid in (row.oprleft, row.oprright)]
        text = f"{self.quote(names[0])}.{names[1]}({','.join(sides)})"
        return text, names, [side for side in sides if side != "NONE"]

    def _of_method(self, method: int, schema: int, name: str) -> Parts:
        names = [str(self.get("pg_am", method, "amname")), self.schema(schema), name]
        text = format_name(names[1], name, self.major)
        return f"{text} USING {self.quote(names[0])}", names, []

    def opclass(self, row: Any, _number: int) -> Parts:
        return self._of_method(row.opcmethod, row.opcnamespace, str(row.opcname))

    def opfamily(self, row: Any, _number: int) -> Parts:
        return self._of_method(row.opfmethod, row.opfnamespace, str(row.opfname))

    def member(self, word: str, family: int, number: int, left: int, right: int) -> Parts:
        """An operator or function of an operator family."""
        text, names, _args = self.opfamily(
            self.session.cache.one("pg_opfamily", "oid", family), 0
        )
        args = [self.type(left), self.type(right)]
        whole = f"{word} {number} ({', '.join(args)}) of {text}"
        return whole, [*names, str(number)], args

    def user_mapping(self, row: Any, _number: int) -> Parts:
        user = self.role(row.umuser) if row.umuser else "public"
        server = str(self.get("pg_foreign_server", row.umserver, "srvname"))
        return f"{self.quote(user)} on server {server}", [user], [server]

    def default_acl(self, row: Any, _number: int) -> Parts:
        names = [self.role(row.defaclrole)]
        text = f"for role {self.quote(names[0])}"
        if row.defaclnamespace:
            names.append(self.schema(row.defaclnamespace))
            text += f" in schema {self.quote(names[1])}"
        kind = str(row.defaclobjtype)
        return f"{text} on {_DEFAULTS.get(kind, kind)}", names, [kind]

    def published_schema(self, row: Any, _number: int) -> Parts:
        publication = str(self.get("pg_publication", row.pnpubid, "pubname"))
        schema = self.schema(row.pnnspid)
        return f"{schema} in publication {publication}", [schema], [publication]

    def published_relation(self, row: Any, _number: int) -> Parts:
        text, names, _args = self._relation(row.prrelid)
        publication = str(self.get("pg_publication", row.prpubid, "pubname"))
        return f"{text} in publication {publication}", names, [publication]

    def transform(self, row: Any, _number: int) -> Parts:
        name, language = self.type(row.trftype), self.get("pg_language", row.trflang, "lanname")
        return f"for {name} language {language}", [name], [str(language)]


PARTS: dict[str, Callable[..., Parts]] = {
    "pg_class": _Identities.relation, "pg_proc": _Identities.procedure,
    "pg_type": _Identities.typed, "pg_cast": _Identities.cast,
    "pg_constraint": _Identities.constraint, "pg_attrdef": _Identities.default,
    "pg_largeobject": _Identities.large_object, "pg_operator": _Identities.operator,
    "pg_opclass": _Identities.opclass, "pg_opfamily": _Identities.opfamily,
    "pg_amop": lambda i, r, n: i.member(
        "operator", r.amopfamily, r.amopstrategy, r.amoplefttype, r.amoprighttype),
    "pg_amproc": lambda i, r, n: i.member(
        "function", r.amprocfamily, r.amprocnum, r.amproclefttype, r.amprocrighttype),
    "pg_rewrite": lambda i, r, n: i.on(str(r.rulename), r.ev_class),
    "pg_trigger": lambda i, r, n: i.on(str(r.tgname), r.tgrelid),
    "pg_policy": lambda i, r, n: i.on(str(r.polname), r.polrelid),
    "pg_user_mapping": _Identities.user_mapping, "pg_default_acl": _Identities.default_acl,
    "pg_publication_namespace": _Identities.published_schema,
    "pg_publication_rel": _Identities.published_relation, "pg_transform": _Identities.transform,
}  # fmt: skip


@builtin("pg_identify_object", call=True)
def pg_identify_object(call: Call, classid: int, oid: int, number: int) -> RecordValue:
    """Kind, schema, name where it is unique, identity."""
    session = call.session
    catalog = catalog_of(session, classid)
    row = find(session, catalog, oid, number)
    kind = kind_of(session, catalog, oid, number)
    fields: tuple[Any, ...] = (kind, None, None, None)
    if row is not None:
        found, named = _Identities(session), NAMED[catalog]
        schema = getattr(row, named.namespace) if named.namespace else 0
        fields = (
            kind, found.quote(found.schema(schema)) if schema else None,
            found.quote(str(getattr(row, named.name))) if named.unique else None,
            found.parts(catalog, row, number)[0],
        )  # fmt: skip
    return RecordValue(RECORD, (TEXTOID,) * 4, fields)


@builtin("pg_identify_object_as_address", call=True)
def pg_identify_object_as_address(call: Call, classid: int, oid: int, number: int) -> RecordValue:
    """Kind, names and arguments, as pg_get_object_address takes them."""
    session = call.session
    catalog = catalog_of(session, classid)
    row = find(session, catalog, oid, number)
    kind = kind_of(session, catalog, oid, number)
    fields: tuple[Any, ...] = (kind, None, None)
    if row is not None:
        _text, names, args = _Identities(session).parts(catalog, row, number)
        fields = (kind, ArrayValue.of(TEXTOID, names),
                  ArrayValue.of(TEXTOID, args))  # fmt: skip
    return RecordValue(RECORD, (TEXTOID, 1009, 1009), fields)
