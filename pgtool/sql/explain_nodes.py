"""What EXPLAIN says about each plan node: its name, target and properties, as data.

``describe`` gives a :class:`Shown` per plan node; :mod:`pgtool.sql.explain` renders it as
text or JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pgtool.nodes import plan as p
from pgtool.nodes.enums import CmdType
from pgtool.sql.explain_expr import Deparser, direction, quote
from pgtool.sql.planner import trees

_NAMES: dict[str, str] = {
    "Append": "Append", "MergeAppend": "Merge Append", "RecursiveUnion": "Recursive Union",
    "NestLoop": "Nested Loop", "MergeJoin": "Merge Join", "HashJoin": "Hash Join",
    "SeqScan": "Seq Scan", "SampleScan": "Sample Scan", "IndexScan": "Index Scan",
    "IndexOnlyScan": "Index Only Scan", "BitmapIndexScan": "Bitmap Index Scan",
    "BitmapHeapScan": "Bitmap Heap Scan", "TidScan": "Tid Scan",
    "TidRangeScan": "Tid Range Scan", "SubqueryScan": "Subquery Scan",
    "FunctionScan": "Function Scan", "TableFuncScan": "Table Function Scan",
    "ValuesScan": "Values Scan", "CteScan": "CTE Scan", "WorkTableScan": "WorkTable Scan",
    "Material": "Materialize", "IncrementalSort": "Incremental Sort", "Agg": "Aggregate",
}  # fmt: skip
_OPERATIONS = {
    CmdType.CMD_INSERT: "Insert", CmdType.CMD_UPDATE: "Update", CmdType.CMD_DELETE: "Delete",
}  # fmt: skip
_JOINS = ("Inner", "Left", "Full", "Right", "Semi", "Anti", "Right Semi", "Right Anti")
_AGGREGATES = ("Aggregate", "GroupAggregate", "HashAggregate", "MixedAggregate")
_STRATEGIES = ("Plain", "Sorted", "Hashed", "Mixed")
_COMMANDS = ("Intersect", "Intersect All", "Except", "Except All")


@dataclass
class Shown:
    """One node: ``head`` is the text line's beginning, ``facts`` JSON's leading fields."""

    plan: Any
    head: str = ""
    facts: list[tuple[str, Any]] = field(default_factory=list)
    target: list[tuple[str, Any]] = field(default_factory=list)
    properties: list[tuple[str, Any]] = field(default_factory=list)
    #: Further lines below the first: the tables that an inherited command writes.
    heads: list[str] = field(default_factory=list)


class Describer:
    """Describes the nodes of one planned statement."""

    def __init__(self, session: Any, planned: Any, verbose: bool) -> None:
        self.session, self.planned, self.verbose = session, planned, verbose
        self.names = relation_names(planned)
        self.many = sum(1 for r in planned.rtable if int(r.rtekind) != 9) > 1
        self.deparser = Deparser(session, planned, self.names, self.many or verbose)

    def describe(self, plan: Any, above: list[Any]) -> Shown:
        """One node below the given ancestors."""
        out = Shown(plan)
        kind = type(plan).__name__
        out.head = _NAMES.get(kind, kind)
        out.facts.append(("Node Type", out.head))
        if isinstance(plan, p.Agg):
            out.head = _AGGREGATES[int(plan.aggstrategy)]
            out.facts += [("Strategy", _STRATEGIES[int(plan.aggstrategy)]),
                          ("Partial Mode", "Simple")]  # fmt: skip
        elif isinstance(plan, p.SetOp):
            out.head = "HashSetOp" if int(plan.strategy) else "SetOp"
            out.head += " " + _COMMANDS[int(plan.cmd)]
            out.facts.append(("Strategy", "Hashed" if int(plan.strategy) else "Sorted"))
            out.target.append(("Command", _COMMANDS[int(plan.cmd)]))
        elif isinstance(plan, p.Join):
            self._join(plan, out)
        elif isinstance(plan, p.BitmapIndexScan):
            name = self._relation_name(plan.indexid)
            out.head += f" on {quote(name)}"
            out.target.append(("Index Name", name))
        elif isinstance(plan, p.Scan):
            self._scan(plan, out)
        elif isinstance(plan, p.ModifyTable):
            self._modify(plan, out)
        stack = [*above, plan]
        if self.verbose and plan.targetlist and not isinstance(plan, p.Append):
            out.properties.append(("Output", self._output(plan, stack)))
        elif self.verbose and isinstance(plan, p.Append):
            out.properties += []
        self._properties(plan, stack, out)
        return out

    def _output(self, plan: Any, stack: list[Any]) -> list[str]:
        return [self.deparser.text(e.expr, stack) for e in plan.targetlist]

    def _join(self, plan: Any, out: Shown) -> None:
        word = _JOINS[int(plan.jointype)]
        if word != "Inner":
            base = {"Merge Join": "Merge", "Hash Join": "Hash"}.get(out.head, out.head)
            out.head = f"{base} {word} Join"
        out.target.append(("Join Type", word))

    def _relation_name(self, oid: int) -> str:
        return str(self.session.database.relation(oid).relname)

    def _scan(self, plan: Any, out: Shown) -> None:
        """The relation (or whatever else) that a scan reads, and the index."""
        backward = False
        if isinstance(plan, (p.IndexScan, p.IndexOnlyScan)):
            backward = int(plan.indexorderdir) < 0
            index = self._relation_name(plan.indexid)
            out.head += f"{' Backward' if backward else ''} using {quote(index)}"
            out.target += [("Scan Direction", "Backward" if backward else "Forward"),
                           ("Index Name", index)]  # fmt: skip
        rte = self.planned.rtable[plan.scanrelid - 1]
        alias = self.names.get(plan.scanrelid) or rte.eref.aliasname
        name, schema, label = self._object(plan, rte)
        out.head += " on"
        if name is not None:
            shown = f"{quote(schema)}.{quote(name)}" if schema and self.verbose else quote(name)
            out.head += f" {shown}"
            out.target.append((label, name))
            if schema and self.verbose:
                out.target.append(("Schema", schema))
        if name is None or alias != name:
            out.head += f" {quote(alias)}"
        out.target.append(("Alias", alias))

    def _modify(self, plan: Any, out: Shown) -> None:
        """The command, its target, and the tables that it writes where these are others."""
        word = _OPERATIONS[plan.operation]
        out.facts.append(("Operation", word))
        out.head = word + self._target(plan.nominalRelation, out)
        targets = list(plan.resultRelations)
        if len(targets) != 1 or targets[0] != plan.nominalRelation:
            out.heads = [word + self._target(index, None) for index in targets]

    def _target(self, index: int, out: Shown | None) -> str:
        rte = self.planned.rtable[index - 1]
        relation = self.session.database.relation(rte.relid)
        alias = self.names.get(index) or rte.eref.aliasname
        shown = quote(relation.relname)
        if self.verbose:
            shown = f"{quote(relation.nspname)}.{shown}"
        if out is not None:
            out.target.append(("Relation Name", relation.relname))
            if self.verbose:
                out.target.append(("Schema", relation.nspname))
            out.target.append(("Alias", alias))
        return f" on {shown}" + (f" {quote(alias)}" if alias != relation.relname else "")

    def _conflict(self, plan: Any, stack: list[Any], out: Shown) -> None:
        """What ON CONFLICT does."""
        if not int(plan.onConflictAction):
            return
        nothing = int(plan.onConflictAction) == 1
        out.properties.append(("Conflict Resolution", "NOTHING" if nothing else "UPDATE"))
        if plan.arbiterIndexes:
            names = [self._relation_name(oid) for oid in plan.arbiterIndexes]
            out.properties.append(("Conflict Arbiter Indexes", names))
        if plan.onConflictWhere is not None:
            self._add(out, "Conflict Filter", trees.conjuncts(plan.onConflictWhere), stack, True)

    def _object(self, plan: Any, rte: Any) -> tuple[str | None, str | None, str]:
        if int(rte.rtekind) == 0:
            relation = self.session.database.relation(rte.relid)
            return relation.relname, relation.nspname, "Relation Name"
        if isinstance(plan, p.FunctionScan) and len(plan.functions) == 1:
            call = plan.functions[0].funcexpr
            if type(call).__name__ == "FuncExpr":
                row = self.session.cache.proc(call.funcid)
                schema = self.session.cache.one("pg_namespace", "oid", row.pronamespace)
                return row.proname, schema.nspname, "Function Name"
        if isinstance(plan, (p.CteScan, p.WorkTableScan)):
            return rte.ctename, None, "CTE Name"
        return None, None, ""

    # -- conditions and keys ----

    def _condition(self, quals: list[Any], stack: list[Any], qualify: bool | None) -> str:
        return self.deparser.text(trees.and_of(quals), stack, qualify)

    def _add(
        self, out: Shown, label: str, quals: list[Any], stack: list[Any],
        qualify: bool | None = None,
    ) -> None:  # fmt: skip
        if quals:
            out.properties.append((label, self._condition(quals, stack, qualify)))

    def _properties(self, plan: Any, stack: list[Any], out: Shown) -> None:
        scan = isinstance(plan, p.SubqueryScan) or self.verbose
        upper = self.many or self.verbose
        if isinstance(plan, p.Scan):
            self._scan_properties(plan, stack, out, scan)
            return
        if isinstance(plan, p.ModifyTable):
            self._conflict(plan, stack, out)
        if isinstance(plan, p.Join):
            for label, name in (("Merge Cond", "mergeclauses"), ("Hash Cond", "hashclauses"),
                                ("Join Filter", "joinqual")):  # fmt: skip
                if name in plan.FIELDS:
                    self._add(out, label, getattr(plan, name), stack, upper)
        if isinstance(plan, (p.Sort, p.MergeAppend)) or type(plan) is p.IncrementalSort:
            self._sort_keys(plan, stack, out)
        if isinstance(plan, p.Agg) and plan.groupingSets:
            for one in sorted(plan.groupingSets, key=lambda one: not one):
                columns = self._columns(plan, [plan.grpColIdx[i] for i in one], stack)
                out.properties.append(("Hash Key", columns) if one else ("Group Key", "()"))
        elif isinstance(plan, (p.Agg, p.Group)) and plan.grpColIdx:
            out.properties.append(("Group Key", self._columns(plan, plan.grpColIdx, stack)))
        if isinstance(plan, p.WindowAgg):
            out.properties.append(("Window", self._window(plan, stack)))
        if isinstance(plan, p.Result) and plan.resconstantqual is not None:
            self._add(out, "One-Time Filter", [plan.resconstantqual], stack, upper)
        if isinstance(plan, p.Memoize):
            keys = ", ".join(self.deparser.text(e, stack, True) for e in plan.param_exprs)
            mode = "binary" if plan.binary_mode else "logical"
            out.properties += [("Cache Key", keys), ("Cache Mode", mode)]
        self._add(out, "Filter", plan.qual, stack, upper)

    def _scan_properties(self, plan: Any, stack: list[Any], out: Shown, prefix: bool) -> None:
        if isinstance(plan, p.IndexScan):
            self._add(out, "Index Cond", plan.indexqualorig, stack, prefix)
        elif isinstance(plan, p.IndexOnlyScan):
            self._add(out, "Index Cond", plan.recheckqual, stack, prefix)
        elif isinstance(plan, p.BitmapIndexScan):
            self._add(out, "Index Cond", plan.indexqualorig, stack, prefix)
            return
        elif isinstance(plan, p.BitmapHeapScan):
            self._add(out, "Recheck Cond", plan.bitmapqualorig, stack, prefix)
        elif isinstance(plan, p.TidScan):
            clauses = plan.tidquals
            if len(clauses) > 1:
                joined = trees.BoolExpr(boolop=trees.BoolExprType.OR_EXPR, args=list(clauses))
                clauses = [joined]
            self._add(out, "TID Cond", clauses, stack, prefix)
        elif isinstance(plan, p.TidRangeScan):
            self._add(out, "TID Cond", plan.tidrangequals, stack, prefix)
        elif isinstance(plan, p.FunctionScan) and self.verbose:
            calls = [f.funcexpr for f in plan.functions]
            out.properties.append(("Function Call", self.deparser.text(calls, stack)))
        self._add(out, "Filter", plan.qual, stack, prefix)

    def _columns(self, plan: Any, columns: list[int], stack: list[Any]) -> list[str]:
        """Columns of the input, as text."""
        child = plan.lefttree
        out = []
        for number in columns:
            entry = child.targetlist[number - 1]
            out.append(self.deparser.text(entry.expr, [*stack, child], implicit=True))
        return out

    def _own_columns(self, plan: Any, columns: list[int], stack: list[Any]) -> list[str]:
        entries = [plan.targetlist[n - 1] for n in columns]
        return [self.deparser.text(e.expr, stack, implicit=True) for e in entries]

    def _sort_keys(self, plan: Any, stack: list[Any], out: Shown) -> None:
        keys = self._own_columns(plan, plan.sortColIdx, stack)
        cache = self.session.cache
        shown = [
            k + direction(cache, op, nulls)
            for k, op, nulls in zip(keys, plan.sortOperators, plan.nullsFirst)
        ]
        out.properties.append(("Sort Key", shown))
        if isinstance(plan, p.IncrementalSort):
            out.properties.append(("Presorted Key", keys[: plan.nPresortedCols]))

    def _window(self, plan: Any, stack: list[Any]) -> str:
        parts = []
        if plan.partColIdx:
            parts.append("PARTITION BY " + ", ".join(self._columns(plan, plan.partColIdx, stack)))
        if plan.ordColIdx:
            sort = plan.lefttree
            ops = dict(zip(getattr(sort, "sortColIdx", []), zip(
                getattr(sort, "sortOperators", []), getattr(sort, "nullsFirst", []))))  # fmt: skip
            keys = []
            for number, text in zip(plan.ordColIdx, self._columns(plan, plan.ordColIdx, stack)):
                found = ops.get(number)
                keys.append(text + (direction(self.session.cache, *found) if found else ""))
            parts.append("ORDER BY " + ", ".join(keys))
        frame = self._frame(plan, stack)
        if frame:
            parts.append(frame)
        return f"{quote(plan.winname)} AS ({' '.join(parts)})"

    def _frame(self, plan: Any, stack: list[Any]) -> str:
        options = plan.frameOptions
        if not options & 1:
            return ""
        mode = "RANGE" if options & 2 else "ROWS" if options & 4 else "GROUPS"
        start = self._edge(options, plan.startOffset, stack, 0)
        if options & 0x10:
            frame = f"{mode} BETWEEN {start} AND {self._edge(options, plan.endOffset, stack, 1)}"
        else:
            frame = f"{mode} {start}"
        for bit, word in ((0x8000, "CURRENT ROW"), (0x10000, "GROUP"), (0x20000, "TIES")):
            if options & bit:
                frame += f" EXCLUDE {word}"
        return frame

    def _edge(self, options: int, offset: Any, stack: list[Any], end: int) -> str:
        for bit, word in ((0x20, "UNBOUNDED PRECEDING"), (0x80, "UNBOUNDED FOLLOWING"),
                          (0x200, "CURRENT ROW")):  # fmt: skip
            if options & (bit << end):
                return word
        text = self.deparser.text(offset, stack)
        return f"{text} {'PRECEDING' if options & (0x800 << end) else 'FOLLOWING'}"


def relation_names(planned: Any) -> dict[int, str]:
    """Range table index → a name that no other relation of the plan has."""
    used: set[int] = set()
    for node in trees.walk([planned.planTree, *planned.subplans]):
        if isinstance(node, p.Scan):
            used.add(node.scanrelid)
        elif isinstance(node, (p.Append, p.MergeAppend)):
            used |= set(node.apprelids)
        elif isinstance(node, p.ModifyTable):
            used |= {node.nominalRelation, *node.resultRelations}
            used |= {node.exclRelRTI} if node.exclRelRTI else set()
    out: dict[int, str] = {}
    taken: dict[str, int] = {}
    for number, rte in enumerate(planned.rtable, 1):
        if number not in used or rte.eref is None:
            continue
        name = base = rte.eref.aliasname
        while name in taken:
            taken[base] += 1
            name = f"{base}_{taken[base]}"
        taken.setdefault(name, 0)
        out[number] = name
    return out
