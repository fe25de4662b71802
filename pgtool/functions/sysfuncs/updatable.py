"""Whether relations and columns can be written: pg_relation_is_updatable and its kin."""

from __future__ import annotations

from typing import Any, NamedTuple

from pgtool.functions.registry import Call, builtin
from pgtool.functions.ruleutils.entry import read_tree
from pgtool.functions.session import Session
from pgtool.nodes.enums import CmdType, RTEKind
from pgtool.nodes.exprs import Var
from pgtool.nodes.query import RangeTblRef

__all__: list[str] = []

UPDATE, INSERT, DELETE = (
    1 << CmdType.CMD_UPDATE, 1 << CmdType.CMD_INSERT, 1 << CmdType.CMD_DELETE,
)  # fmt: skip
ALL = UPDATE | INSERT | DELETE
#: Event of a rule → command, and bits of INSTEAD OF row triggers → command.
_RULES = {"2": UPDATE, "3": INSERT, "4": DELETE}
_TRIGGERS = ((4, INSERT), (8, DELETE), (16, UPDATE))
ROW_INSTEAD = 1 | 64


def _events(session: Session, oid: int, triggers: bool) -> int:
    """What unconditional INSTEAD rules (and triggers) make possible."""
    out = 0
    for rule in session.cache.lookup("pg_rewrite", "ev_class", oid):
        if rule.is_instead and rule.ev_qual in ("<>", None):
            out |= _RULES.get(rule.ev_type, 0)
    for trigger in session.cache.lookup("pg_trigger", "tgrelid", oid) if triggers else ():
        if trigger.tgtype & ROW_INSTEAD == ROW_INSTEAD:
            for bit, command in _TRIGGERS:
                out |= command if trigger.tgtype & bit else 0
    return out


class _Base(NamedTuple):
    """What a simple view selects from, and which of its columns it passes through."""

    relid: int
    relkind: str
    columns: dict[int, int]


def _base(session: Session, oid: int) -> _Base | None:
    """What a simple view selects from; None for other views. Read once a session."""
    known: dict[int, _Base | None] = session.__dict__.setdefault("_simple_views", {})
    if oid not in known:
        found = _simple(session, oid)
        known[oid] = None if found is None else _Base(
            found[1].relid, found[1].relkind, _columns(session, found[0])
        )  # fmt: skip
    return known[oid]


def _simple(session: Session, oid: int) -> tuple[Any, Any] | None:
    """A simple view's query and the entry that it selects from."""
    rules = session.cache.lookup("pg_rewrite", "ev_class", oid)
    rule = next((row for row in rules if row.ev_type == "1"), None)
    if rule is None:
        return None
    query = read_tree(session, rule.ev_action)[0]
    if (query.distinctClause or query.groupClause or query.groupingSets or query.havingQual
            or query.setOperations or query.cteList or query.limitOffset or query.limitCount
            or query.hasAggs or query.hasWindowFuncs or query.hasTargetSRFs):  # fmt: skip
        return None
    items = query.jointree.fromlist
    if len(items) != 1 or not isinstance(items[0], RangeTblRef):
        return None
    rte = query.rtable[items[0].rtindex - 1]
    if rte.rtekind != RTEKind.RTE_RELATION or rte.tablesample is not None:
        return None
    return (query, rte) if rte.relkind in ("r", "p", "f", "v") else None


def _columns(session: Session, query: Any) -> dict[int, int]:
    """Number of a view's writable column → number of the column below it."""
    out: dict[int, int] = {}
    number = query.jointree.fromlist[0].rtindex
    for entry in query.targetList:
        var = entry.expr
        if (isinstance(var, Var) and not entry.resjunk and not var.varlevelsup
                and var.varno == number and var.varattno > 0
                and var.varattno not in out.values()):  # fmt: skip
            out[entry.resno] = var.varattno
    return out


def updatable(session: Session, oid: int, triggers: bool, columns: set[int] | None = None) -> int:
    """The commands that a relation takes, as bits; ``columns`` are those that matter."""
    row = session.cache.one("pg_class", "oid", oid)
    if row is None:
        return 0
    if row.relkind in "rp":
        return ALL
    events = _events(session, oid, triggers)
    if events == ALL or row.relkind != "v":
        return events
    found = _base(session, oid)
    if found is None:
        return events
    below = found.columns
    if columns is not None:
        below = {number: base for number, base in below.items() if number in columns}
    possible = ALL if below else DELETE
    if found.relkind not in ("r", "p"):
        possible &= updatable(session, found.relid, triggers, set(below.values()))
    return events | possible


@builtin("pg_relation_is_updatable", call=True)
def pg_relation_is_updatable(call: Call, oid: int, triggers: bool) -> int:
    """The commands that a relation takes, as bits of CmdType."""
    return updatable(call.session, oid, triggers)


@builtin("pg_column_is_updatable", call=True)
def pg_column_is_updatable(call: Call, oid: int, column: int, triggers: bool) -> bool:
    """Whether UPDATE and DELETE reach a column."""
    if column <= 0:
        return False
    both = UPDATE | DELETE
    return updatable(call.session, oid, triggers, {column}) & both == both
