"""DROP: the objects that a statement names, what goes with them, and what is said of it."""

from __future__ import annotations

from typing import Any, NamedTuple

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.deletion import (
    ORIGINAL,
    QUIET,
    SUBOBJECT,
    Found,
    OwnedError,
    delete_object,
    dependents,
)
from pgtool.commands.context import Ddl, begin, plural
from pgtool.commands.ownership import check_ownership
from pgtool.errors import SqlError, Unsupported
from pgtool.functions.sysfuncs.describe import describe
from pgtool.functions.sysfuncs.privileges import owns
from pgtool.nodes.query import RangeVar
from pgtool.nodes.raw_enums import DropBehavior
from pgtool.nodes.raw_enums import ObjectType as Kind
from pgtool.sql.answer import Outcome

__all__ = ["RELATIONS", "address_of", "drop", "drop_objects", "relation_kind"]

DEPENDENT_OBJECTS_STILL_EXIST = "2BP01"
MAX_REPORTED = 100


class _Drop(NamedTuple):
    """What DROP of a kind of relation takes and says."""

    relkinds: str
    noun: str
    article: str


RELATIONS = {
    Kind.OBJECT_TABLE: _Drop("rp", "table", "a table"),
    Kind.OBJECT_SEQUENCE: _Drop("S", "sequence", "a sequence"),
    Kind.OBJECT_VIEW: _Drop("v", "view", "a view"),
    Kind.OBJECT_MATVIEW: _Drop("m", "materialized view", "a materialized view"),
    Kind.OBJECT_INDEX: _Drop("iI", "index", "an index"),
    Kind.OBJECT_FOREIGN_TABLE: _Drop("f", "foreign table", "a foreign table"),
}  # fmt: skip
_HINTS = {
    "r": "Use DROP TABLE to remove a table.", "p": "Use DROP TABLE to remove a table.",
    "S": "Use DROP SEQUENCE to remove a sequence.", "v": "Use DROP VIEW to remove a view.",
    "m": "Use DROP MATERIALIZED VIEW to remove a materialized view.",
    "i": "Use DROP INDEX to remove an index.", "I": "Use DROP INDEX to remove an index.",
    "c": "Use DROP TYPE to remove a type.",
    "f": "Use DROP FOREIGN TABLE to remove a foreign table.",
}  # fmt: skip
_TAGS = {
    Kind.OBJECT_MATVIEW: "MATERIALIZED VIEW", Kind.OBJECT_FOREIGN_TABLE: "FOREIGN TABLE",
    Kind.OBJECT_STATISTIC_EXT: "STATISTICS",
}  # fmt: skip


def drop_objects(
    ddl: Ddl, objects: list[Address], cascade: bool, *, several: bool = False
) -> None:
    """Drop objects with what depends on them, or say why not; ``several`` were named."""
    ddl.advance()
    try:
        found = dependents(ddl.writer, objects)
    except OwnedError as error:
        own = describe(ddl.session, *error.address)
        owner = describe(ddl.session, *error.owner)
        raise SqlError(
            f"cannot drop {own} because {owner} requires it", DEPENDENT_OBJECTS_STILL_EXIST,
            hint=f"You can drop {owner} instead.",
        ) from None  # fmt: skip
    _report(ddl, found, objects, cascade, several)
    for item in found:
        address = item.address
        if address.classid == c.RELATION and not address.subid:
            row = ddl.relation_row(address.objid)
            if row.relkind in "rp":
                ddl.check_unused(row, "DROP TABLE")
        delete_object(ddl.writer, address)


def _report(
    ddl: Ddl, found: list[Found], objects: list[Address], cascade: bool, several: bool
) -> None:
    lines: list[str] = []
    for item in reversed(found):
        if item.flags & (ORIGINAL | SUBOBJECT | QUIET):
            continue
        own = describe(ddl.session, *item.address)
        if cascade:
            lines.append(f"drop cascades to {own}")
        else:
            assert item.dependee is not None
            lines.append(f"{own} depends on {describe(ddl.session, *item.dependee)}")
    if not lines:
        return
    shown = lines[:MAX_REPORTED]
    more = len(lines) - len(shown)
    if more:
        objects_ = "objects" if more > 1 else "object"
        shown.append(f"and {more} other {objects_} (see server log for list)")
    detail = "\n".join(shown)
    if not cascade:
        if not several:
            message = (f"cannot drop {describe(ddl.session, *objects[0])} because other objects "
                       "depend on it")  # fmt: skip
        else:
            message = "cannot drop desired object(s) because other objects depend on them"
        raise SqlError(message, DEPENDENT_OBJECTS_STILL_EXIST, detail,
                       "Use DROP ... CASCADE to drop the dependent objects too.")  # fmt: skip
    if len(lines) == 1:
        ddl.notice(lines[0])
    else:
        ddl.notice(f"drop cascades to {len(lines)} other objects", detail=detail)


def relation_kind(ddl: Ddl, oid: int, allowed: str) -> Any:
    """The pg_class row of a relation of one of these kinds."""
    row = ddl.relation_row(oid)
    if row.relkind not in allowed:
        raise SqlError(f'cannot set comment on relation "{row.relname}"', "42809",
                       f"This operation is not supported for {plural(row.relkind)}.")
    return row


# -- the statement ----------------------------------------------------------------------------


def _relation(ddl: Ddl, parts: list[str], kind: Any, missing_ok: bool) -> Address | None:
    facts = RELATIONS[kind]
    schema, name = ddl.split(parts)
    if schema is not None and ddl.cache.namespace_oid(schema) is None:
        return _missing(ddl, f'schema "{schema}" does not exist', "3F000", missing_ok)
    row = ddl.find_relation(RangeVar(schemaname=schema, relname=name), missing_ok=True)
    if row is None:
        code = "42704" if facts.noun == "index" else "42P01"
        return _missing(ddl, f'{facts.noun} "{name}" does not exist', code, missing_ok)
    if row.relkind not in facts.relkinds:
        raise SqlError(f'"{name}" is not {facts.article}', "42809",
                       hint=_HINTS.get(row.relkind))  # fmt: skip
    space = ddl.cache.one("pg_namespace", "oid", row.relnamespace)
    if not owns(ddl.session, ddl.session.user_oid, space.nspowner):
        ddl.check_owner(row)
    return Address(c.RELATION, row.oid)


def _missing(ddl: Ddl, message: str, code: str, missing_ok: bool) -> Address | None:
    """Nothing to drop: an error, or with IF EXISTS a notice."""
    if not missing_ok:
        raise SqlError(message, code)
    ddl.notice(f"{message}, skipping")
    return None


def _schema(ddl: Ddl, name: str, missing_ok: bool) -> Address | None:
    oid = ddl.cache.namespace_oid(name)
    if oid is None:
        return _missing(ddl, f'schema "{name}" does not exist', "3F000", missing_ok)
    return Address(c.NAMESPACE, oid)


def _type(ddl: Ddl, node: Any, kind: Any, missing_ok: bool) -> Address | None:
    parts = [part.sval for part in node.names]
    schema, _name = ddl.split(parts)
    if schema is not None and ddl.cache.namespace_oid(schema) is None:
        return _missing(ddl, f'schema "{schema}" does not exist', "3F000", missing_ok)
    oid = ddl.state().lookup_type_oid(parts)
    if oid and node.arrayBounds:
        oid = ddl.types.info(oid).typarray
    if not oid:
        suffix = "[]" if node.arrayBounds else ""
        return _missing(ddl, f'type "{".".join(parts)}{suffix}" does not exist', "42704",
                        missing_ok)  # fmt: skip
    row = ddl.cache.type(oid)
    if kind == Kind.OBJECT_DOMAIN and row.typtype != "d":
        raise SqlError(f'"{".".join(parts)}" is not a domain', "42809")
    return Address(c.TYPE, oid)


def _on_relation(ddl: Ddl, parts: list[str], kind: Any, missing_ok: bool) -> Address | None:
    """A trigger or rule of a relation."""
    catalog, column, classid, key, what = {
        Kind.OBJECT_TRIGGER: ("pg_trigger", "tgname", c.TRIGGER, "tgrelid", "trigger"),
        Kind.OBJECT_RULE: ("pg_rewrite", "rulename", c.REWRITE, "ev_class", "rule"),
    }[kind]  # fmt: skip
    schema, relname = ddl.split(parts[:-1])
    row = ddl.find_relation(RangeVar(schemaname=schema, relname=relname), missing_ok)
    if row is None:
        ddl.notice(f'relation "{".".join(parts[:-1])}" does not exist, skipping')
        return None
    found = ddl.cache.one(catalog, (key, column), (row.oid, parts[-1]))
    if found is None:
        word = "relation" if kind == Kind.OBJECT_RULE else "table"
        message = f'{what} "{parts[-1]}" for {word} "{relname}" does not exist'
        return _missing(ddl, message, "42704", missing_ok)
    return Address(classid, found.oid)


def _function(ddl: Ddl, node: Any, missing_ok: bool, kind: Any) -> Address | None:
    from pgtool.sql.analyze.typenames import type_label, typename_type

    parts = [part.sval for part in node.objname]
    schema, name = ddl.split(parts)
    spaces = [ddl.namespace(schema)] if schema else ddl.session.search_path
    wanted = None
    if not node.args_unspecified:
        wanted = tuple(typename_type(ddl.state(), arg)[0] for arg in node.objargs)
    noun = "procedure" if kind == Kind.OBJECT_PROCEDURE else "function"
    found = []
    for space in spaces:
        rows = ddl.cache.lookup("pg_proc", ("proname", "pronamespace"), (name, space))
        found += [r for r in rows if wanted is None or tuple(r.proargtypes) == wanted]
        if found and wanted is not None:
            break
    if len(found) > 1 and wanted is None:
        raise SqlError(f'{noun} name "{".".join(parts)}" is not unique', "42725",
                       hint=f"Specify the argument list to select the {noun} unambiguously.")
    if not found:
        shown = ".".join(parts)
        if wanted is None:
            message = f'could not find a {noun} named "{shown}"'
        else:
            listed = ", ".join(ddl.types.format_type(oid) for oid in wanted)
            if missing_ok:
                listed = ",".join(type_label(arg) for arg in node.objargs)
            message = f"{noun} {shown}({listed}) does not exist"
        return _missing(ddl, message, "42883", missing_ok)
    return Address(c.PROCEDURE, found[0].oid)


def address_of(ddl: Ddl, node: Any, kind: Any, missing_ok: bool) -> Address | None:
    if kind in RELATIONS:
        return _relation(ddl, [part.sval for part in node], kind, missing_ok)
    if kind == Kind.OBJECT_SCHEMA:
        return _schema(ddl, node.sval, missing_ok)
    if kind in (Kind.OBJECT_TYPE, Kind.OBJECT_DOMAIN):
        return _type(ddl, node, kind, missing_ok)
    if kind in (Kind.OBJECT_TRIGGER, Kind.OBJECT_RULE):
        return _on_relation(ddl, [part.sval for part in node], kind, missing_ok)
    if kind in (Kind.OBJECT_FUNCTION, Kind.OBJECT_PROCEDURE):
        return _function(ddl, node, missing_ok, kind)
    raise Unsupported(f"DROP {kind.name.removeprefix('OBJECT_').replace('_', ' ')}")


def drop(engine: Any, raw: Any, text: str) -> Outcome:
    """DROP of anything."""
    ddl = begin(engine, text)
    if raw.concurrent:
        engine.transactions.prevent_in_block("DROP INDEX CONCURRENTLY")
    objects: list[Address] = []
    named = 0
    for node in raw.objects:
        address = address_of(ddl, node, raw.removeType, raw.missing_ok)
        named += address is not None
        if address is not None and address not in objects:
            if raw.removeType not in RELATIONS:
                check_ownership(ddl, address)
            objects.append(address)
    if objects:
        cascade = raw.behavior == DropBehavior.DROP_CASCADE
        drop_objects(ddl, objects, cascade, several=named > 1)
    word = _TAGS.get(raw.removeType) or raw.removeType.name.removeprefix("OBJECT_")
    return ddl.done(f"DROP {word}")
