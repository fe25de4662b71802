"""CREATE, ALTER SEQUENCE: parameters in pg_sequence, the state in the sequence's only row.

The parameters of a sequence are worked out by :class:`Parameters`, with the server's defaults
and refusals; the row itself is written by the store (:meth:`CatalogStore.fill_sequence`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.dependency import AUTO, INTERNAL, dependencies_of, record
from pgtool.catalog.heap import ColumnSpec, RelationSpec, heap_create
from pgtool.catalog.pg_constraint import choose_relation_name
from pgtool.commands.context import Ddl, begin
from pgtool.errors import SqlError, Unsupported
from pgtool.functions.sysfuncs.sequences import no_sequence
from pgtool.sql.analyze.typenames import typename_type
from pgtool.sql.answer import Outcome

__all__ = ["alter_sequence", "create_identity_sequence", "create_sequence", "own_by"]

BOOL, INT8 = 16, 20
_RANGES = {21: (-(2**15), 2**15 - 1), 23: (-(2**31), 2**31 - 1), 20: (-(2**63), 2**63 - 1)}
INVALID_PARAMETER_VALUE = "22023"
SYNTAX_ERROR = "42601"


@dataclass(frozen=True)
class Parameters:
    """A row of pg_sequence, and what the state becomes (None: stays)."""

    typid: int = INT8
    start: int = 1
    increment: int = 1
    maximum: int = 0
    minimum: int = 0
    cache: int = 1
    cycle: bool = False
    last_value: int | None = None
    is_called: bool = False


def _integer(node: Any) -> int:
    value = node.arg
    kind = type(value).__name__
    if kind == "ValueInteger":
        return int(value.ival)
    if kind == "ValueFloat":
        try:
            return int(value.fval)
        except ValueError:
            pass
    raise SqlError(f"{node.defname} requires a numeric value", SYNTAX_ERROR)


def _collect(options: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for node in options:
        if node.defname in found:
            raise SqlError("conflicting or redundant options", SYNTAX_ERROR,
                           position=node.location + 1 or None)  # fmt: skip
        found[node.defname] = node
    return found


def work_out(
    ddl: Ddl, options: list[Any], old: Parameters | None, typid: int | None, for_identity: bool
) -> Parameters:
    """The parameters that options give, over those of an existing sequence."""
    found = _collect(options)
    if for_identity and "as" in found:
        raise SqlError("identity column type must be smallint, integer, or bigint", "22023")
    now = old or Parameters()
    reset_max = reset_min = False
    if "as" in found:
        typid, _typmod = typename_type(ddl.state(), found["as"].arg)
    if typid is not None:
        if typid not in _RANGES:
            what = "identity column type" if for_identity else "sequence type"
            raise SqlError(f"{what} must be smallint, integer, or bigint", INVALID_PARAMETER_VALUE)
        if old is not None:
            low, high = _RANGES[old.typid]
            reset_max, reset_min = old.maximum == high, old.minimum == low
        now = replace(now, typid=typid)
    if "increment" in found:
        now = replace(now, increment=_integer(found["increment"]))
        if now.increment == 0:
            raise SqlError("INCREMENT must not be zero", INVALID_PARAMETER_VALUE)
    if "cycle" in found:
        now = replace(now, cycle=bool(found["cycle"].arg.boolval))
    low, high = _RANGES[now.typid]
    up = now.increment > 0
    now = _bounds(ddl, found, old, now, (low, high), reset_max, reset_min, up)
    now = _start(found, old, now, up)
    if "cache" in found:
        now = replace(now, cache=_integer(found["cache"]))
        if now.cache <= 0:
            raise SqlError(f"CACHE ({now.cache}) must be greater than zero",
                           INVALID_PARAMETER_VALUE)  # fmt: skip
    return now


def _bounds(
    ddl: Ddl, found: dict[str, Any], old: Parameters | None, now: Parameters,
    limits: tuple[int, int], reset_max: bool, reset_min: bool, up: bool,
) -> Parameters:  # fmt: skip
    low, high = limits
    given = found.get("maxvalue")
    if given is not None and given.arg is not None:
        now = replace(now, maximum=_integer(given))
    elif old is None or given is not None or reset_max:
        now = replace(now, maximum=high if up or (reset_max and not given) else -1)
    given = found.get("minvalue")
    if given is not None and given.arg is not None:
        now = replace(now, minimum=_integer(given))
    elif old is None or given is not None or reset_min:
        now = replace(now, minimum=low if not up or (reset_min and not given) else 1)
    shown = ddl.types.format_type(now.typid)
    for word, value in (("MAXVALUE", now.maximum), ("MINVALUE", now.minimum)):
        if not low <= value <= high:
            raise SqlError(f"{word} ({value}) is out of range for sequence data type {shown}",
                           INVALID_PARAMETER_VALUE)  # fmt: skip
    if now.minimum >= now.maximum:
        raise SqlError(f"MINVALUE ({now.minimum}) must be less than MAXVALUE ({now.maximum})",
                       INVALID_PARAMETER_VALUE)  # fmt: skip
    return now


def _start(
    found: dict[str, Any], old: Parameters | None, now: Parameters, up: bool
) -> Parameters:
    if "start" in found:
        now = replace(now, start=_integer(found["start"]))
    elif old is None:
        now = replace(now, start=now.minimum if up else now.maximum)
    _within(now, "START", now.start)
    if "restart" in found:
        node = found["restart"]
        value = now.start if node.arg is None else _integer(node)
        now = replace(now, last_value=value, is_called=False)
    elif old is None:
        now = replace(now, last_value=now.start, is_called=False)
    if now.last_value is not None:
        _within(now, "RESTART", now.last_value)
    return now


def _within(now: Parameters, word: str, value: int) -> None:
    if value < now.minimum:
        raise SqlError(f"{word} value ({value}) cannot be less than MINVALUE ({now.minimum})",
                       INVALID_PARAMETER_VALUE)  # fmt: skip
    if value > now.maximum:
        raise SqlError(f"{word} value ({value}) cannot be greater than MAXVALUE ({now.maximum})",
                       INVALID_PARAMETER_VALUE)  # fmt: skip


def _row(oid: int, p: Parameters) -> dict[str, Any]:
    return {
        "seqrelid": oid, "seqtypid": p.typid, "seqstart": p.start, "seqincrement": p.increment,
        "seqmax": p.maximum, "seqmin": p.minimum, "seqcache": p.cache, "seqcycle": p.cycle,
    }  # fmt: skip


def create_sequence(
    ddl: Ddl, name: str, namespace: int, options: list[Any], typid: int | None = None, *,
    for_identity: bool = False, persistence: str = "p", owner: int = 0,
) -> int:  # fmt: skip
    """Make a sequence; its OID."""
    kept = [o for o in options if o.defname not in ("owned_by", "sequence_name", "logged")]
    parameters = work_out(ddl, kept, None, typid, for_identity)
    columns = [
        ColumnSpec("last_value", INT8, not_null=True), ColumnSpec("log_cnt", INT8, not_null=True),
        ColumnSpec("is_called", BOOL, not_null=True),
    ]  # fmt: skip
    spec = RelationSpec(
        name, namespace, owner or ddl.owner, "S", columns, persistence, row_type=False
    )
    oid = heap_create(ddl.writer, spec)
    ddl.writer.insert("pg_sequence", _row(oid, parameters))
    if parameters.typid not in _RANGES:
        record(ddl.writer, Address(c.RELATION, oid), Address(c.TYPE, parameters.typid), "n")
    ddl.advance()
    assert parameters.last_value is not None
    ddl.store.fill_sequence(oid, parameters.last_value, 0, parameters.is_called)
    return oid


def create_identity_sequence(
    ddl: Ddl, relname: str, column: str, namespace: int, options: list[Any], typid: int | None,
    persistence: str, owner: int = 0,
) -> int:  # fmt: skip
    """The sequence of an identity column."""
    named = next((o for o in options if o.defname == "sequence_name"), None)
    if named is not None:
        parts = [part.sval for part in named.arg]
        schema, name = ddl.split(parts)
        if schema is not None:
            namespace = ddl.namespace(schema)
    else:
        name = choose_relation_name(ddl.writer, relname, column, "seq", namespace)
    if any(o.defname == "owned_by" for o in options):
        raise SqlError("sequence option OWNED BY not supported here", SYNTAX_ERROR)
    return create_sequence(
        ddl, name, namespace, options, typid, for_identity=False, persistence=persistence,
        owner=owner,
    )  # fmt: skip


def own_by(ddl: Ddl, sequence: int, relid: int, number: int, internal: bool) -> None:
    """The sequence goes with a column (relid 0: with none)."""
    own = Address(c.RELATION, sequence)
    for row in dependencies_of(ddl.writer, own):
        if row.refclassid == c.RELATION and row.deptype in (AUTO, INTERNAL) and row.refobjsubid:
            if row.deptype == INTERNAL and not internal:
                name = ddl.relation_row(sequence).relname
                table = ddl.relation_row(row.refobjid).relname
                raise SqlError("cannot change ownership of identity sequence", "0A000",
                               f'Sequence "{name}" is linked to table "{table}".')  # fmt: skip
            ddl.writer.delete("pg_depend", row)
    if relid:
        target = Address(c.RELATION, relid, number)
        record(ddl.writer, own, target, INTERNAL if internal else AUTO)


def _owned_by(ddl: Ddl, sequence: int, node: Any) -> None:
    names = [part.sval for part in node.arg]
    if len(names) == 1:
        if names[0] != "none":
            raise SqlError("invalid OWNED BY option", SYNTAX_ERROR,
                           hint="Specify OWNED BY table.column or OWNED BY NONE.")  # fmt: skip
        own_by(ddl, sequence, 0, 0, False)
        return
    from pgtool.nodes.query import RangeVar

    schema, relname = ddl.split(names[:-1])
    table = ddl.find_relation(RangeVar(schemaname=schema, relname=relname))
    if table.relkind not in "rpvf":
        raise SqlError(f'sequence cannot be owned by relation "{relname}"', "42809")
    row = ddl.relation_row(sequence)
    if table.relowner != row.relowner:
        raise SqlError("sequence must have same owner as table it is linked to", "55000")
    if table.relnamespace != row.relnamespace:
        raise SqlError("sequence must be in same schema as table it is linked to", "55000")
    attribute = ddl.attribute(table.oid, names[-1])
    if attribute is None or attribute.attnum <= 0:
        raise SqlError(f'column "{names[-1]}" of relation "{relname}" does not exist', "42703")
    own_by(ddl, sequence, table.oid, attribute.attnum, False)


def create(engine: Any, raw: Any, text: str) -> Outcome:
    """CREATE SEQUENCE."""
    ddl = begin(engine, text)
    node = raw.sequence
    if node.relpersistence == "t":
        raise Unsupported("temporary sequences")
    namespace = ddl.creation_namespace(node.schemaname, node.relname)
    key = (node.relname, namespace)
    if raw.if_not_exists and ddl.cache.one("pg_class", ("relname", "relnamespace"), key):
        ddl.notice(f'relation "{node.relname}" already exists, skipping', "42P07")
        return ddl.done("CREATE SEQUENCE")
    oid = create_sequence(
        ddl, node.relname, namespace, raw.options, persistence=node.relpersistence
    )
    owned = next((o for o in raw.options if o.defname == "owned_by"), None)
    if owned is not None:
        _owned_by(ddl, oid, owned)
    return ddl.done("CREATE SEQUENCE")


def alter_sequence(ddl: Ddl, row: Any, options: list[Any], typid: int | None = None) -> None:
    """Change a sequence's parameters and perhaps its state."""
    kept = [o for o in options if o.defname != "owned_by"]
    found = ddl.cache.one("pg_sequence", "seqrelid", row.oid)
    old = Parameters(
        found.seqtypid, found.seqstart, found.seqincrement, found.seqmax, found.seqmin,
        found.seqcache, found.seqcycle,
    )  # fmt: skip
    parameters = work_out(ddl, kept, old, typid, False)
    last_value, _log_cnt, is_called = ddl.store.read_sequence(row.oid)
    if parameters.last_value is not None:
        last_value, is_called = parameters.last_value, parameters.is_called
    _within(parameters, "RESTART", last_value)
    ddl.writer.update("pg_sequence", found, **_row(row.oid, parameters))
    if [o for o in kept if o.defname != "as"] or "as" in {o.defname for o in kept}:
        ddl.store.rewrite_sequence(row.oid, last_value, 0, is_called)


def alter(engine: Any, raw: Any, text: str) -> Outcome:
    """ALTER SEQUENCE."""
    ddl = begin(engine, text)
    row = ddl.find_relation(raw.sequence, missing_ok=raw.missing_ok)
    if row is None:
        ddl.notice(f'relation "{raw.sequence.relname}" does not exist, skipping')
        return ddl.done("ALTER SEQUENCE")
    if row.relkind != "S":
        raise no_sequence(row)
    ddl.check_owner(row)
    alter_sequence(ddl, row, raw.options)
    owned = next((o for o in raw.options if o.defname == "owned_by"), None)
    if owned is not None:
        _owned_by(ddl, row.oid, owned)
    return ddl.done("ALTER SEQUENCE")
