"""Plan expressions as SQL text, as EXPLAIN prints them.

Positions (OUTER_VAR, INNER_VAR, INDEX_VAR) are followed down to what they stand for; a
table's columns get its name in front where several relations (or VERBOSE) ask for it.
"""

from __future__ import annotations

import re
from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.nodes import plan as p
from pgtool.nodes.enums import CoercionForm, ParamKind, SubLinkType
from pgtool.sql.analyze.nodetypes import expr_type, expr_typmod
from pgtool.sql.planner import trees

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*\Z")
_RESERVED = frozenset("""
    all analyse analyze and any array as asc asymmetric both case cast check collate column
    constraint create current_date current_role current_time current_timestamp current_user
    default deferrable desc distinct do else end except false fetch for foreign from grant group
    having in initially intersect into lateral leading limit localtime localtimestamp not null
    offset on only or order placing primary references returning select session_user some
    symmetric table then to trailing true union unique user using variadic when where window
    with between bigint bit boolean char character coalesce dec decimal exists extract float
    greatest grouping inout int integer interval least national nchar none nullif numeric out
    overlay position precision real row setof smallint substring time timestamp treat trim
    values varchar authorization binary collation concurrently cross freeze full ilike inner is
    isnull join left like natural notnull outer overlaps right similar tablesample verbose
""".split())  # noqa: SIM905
SYSTEM_COLUMNS = {-1: "ctid", -2: "xmin", -3: "cmin", -4: "xmax", -5: "cmax", -6: "tableoid"}
_BARE_NUMBERS = {t.INT4OID}
_NUMBERS = {t.INT2OID, t.INT8OID, t.FLOAT4OID, t.FLOAT8OID, t.NUMERICOID, t.OIDOID}
_BOOLTESTS = ("IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NOT FALSE", "IS UNKNOWN",
              "IS NOT UNKNOWN")  # fmt: skip
_VALUE_FUNCTIONS = (
    "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIME", "CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP",
    "LOCALTIME", "LOCALTIME", "LOCALTIMESTAMP", "LOCALTIMESTAMP", "CURRENT_ROLE", "CURRENT_USER",
    "USER", "SESSION_USER", "CURRENT_CATALOG", "CURRENT_SCHEMA",
)  # fmt: skip


def quote(name: str) -> str:
    """An identifier, quoted where SQL needs it."""
    if _PLAIN.match(name) and name not in _RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


_CASTS = (CoercionForm.COERCE_IMPLICIT_CAST, CoercionForm.COERCE_EXPLICIT_CAST)
_NO_LENGTH = {1042: "bpchar", 1560: '"bit"'}


class Deparser:
    """Expressions of one planned statement. ``names`` are the relations' aliases by index."""

    def __init__(self, session: Any, planned: Any, names: dict[int, str], qualify: bool) -> None:
        self.session = session
        self.planned = planned
        self.names = names
        self.qualify = qualify
        self.stack: list[Any] = []
        self.implicit = False

    def text(
        self, node: Any, stack: list[Any], qualify: bool | None = None, implicit: bool = False
    ) -> str:
        """An expression of the last plan node of ``stack`` (its ancestors before it)."""
        saved, self.stack = self.stack, list(stack)
        was = self.qualify
        if qualify is not None:
            self.qualify = qualify
        try:
            return self.expr(node, implicit)
        finally:
            self.stack, self.qualify = saved, was

    def expr(self, node: Any, implicit: bool = False) -> str:
        """Any expression; as an operand (``implicit``) with the casts that nobody wrote."""
        if isinstance(node, list):
            return ", ".join(self.expr(n, implicit) for n in node)
        name = type(node).__name__
        handler = getattr(self, "_" + name.lower(), None)
        if handler is None:
            return f"<{name}>"
        self.implicit = implicit
        return str(handler(node))

    # -- references ----

    def _var(self, var: Any) -> str:
        if var.varno in (p.OUTER_VAR, p.INNER_VAR, p.INDEX_VAR):
            return self._below(var)
        return self._column(var.varno, var.varattno, var)

    def _column(self, varno: int, attno: int, var: Any) -> str:
        rte = self.planned.rtable[varno - 1]
        alias = self.names.get(varno) or (rte.eref.aliasname if rte.eref else "?")
        if attno == 0:
            return f"{quote(alias)}.*" if self.stack else quote(alias)
        if attno < 0:
            column = SYSTEM_COLUMNS[attno]
        elif rte.rtekind == 0:
            column = self.session.database.relation(rte.relid).attributes[attno - 1].attname
            names = rte.eref.colnames
            if rte.alias is not None and rte.alias.colnames and attno <= len(names):
                column = names[attno - 1].sval
        else:
            names = rte.eref.colnames
            column = names[attno - 1].sval if attno <= len(names) else f"column{attno}"
        return f"{quote(alias)}.{quote(column)}" if self.qualify else quote(column)

    def _below(self, var: Any) -> str:
        plan = self.stack[-1]
        child, entries = _input(plan, var.varno, self.planned)
        if entries is None or var.varattno > len(entries):
            return "?"
        entry = entries[var.varattno - 1]
        saved = self.stack
        self.stack = [*saved, child]
        try:
            made = self.expr(entry.expr, True)
        finally:
            self.stack = saved
        return made if type(entry.expr).__name__ == "Var" else f"({made})"

    def _param(self, node: Any) -> str:
        if node.paramkind != ParamKind.PARAM_EXEC:
            return f"${node.paramid}"
        found = self._param_source(node)
        return found if found is not None else f"${node.paramid}"

    def _param_source(self, node: Any) -> str | None:
        """What an executor parameter stands for: an outer value or an init plan's column."""
        for depth in range(len(self.stack) - 1, -1, -1):
            plan = self.stack[depth]
            if isinstance(plan, p.NestLoop):
                for given in plan.nestParams:
                    if given.paramno == node.paramid:
                        return self.text(given.paramval, self.stack[: depth + 1], True)
            if type(plan).__name__ == "SubPlan":
                for number, arg in zip(plan.parParam, plan.args):
                    if number == node.paramid:
                        return self.text(arg, self.stack[:depth], True)
                if node.paramid in plan.paramIds:
                    return f"({plan.plan_name}).col{plan.paramIds.index(node.paramid) + 1}"
        for link in _init_plans(self.planned):
            if node.paramid in link.setParam:
                number = link.setParam.index(node.paramid) + 1
                return f"({link.plan_name}).col{number}"
        for link in _links(self.planned):
            if node.paramid in link.paramIds:
                kind = "hashed " if link.useHashTable else ""
                return f"({kind}{link.plan_name}).col{link.paramIds.index(node.paramid) + 1}"
        return None

    # -- leaves ----

    def _type(self, typid: int, typmod: int) -> str:
        """A type's name; without a length these two are not what SQL takes them for."""
        if typmod < 0 and typid in _NO_LENGTH:
            return _NO_LENGTH[typid]
        return str(self.session.types.format_type(typid, typmod))

    def _const(self, node: Any) -> str:
        typid = node.consttype
        types = self.session.types
        label = self._type(typid, node.consttypmod)
        if node.constisnull:
            return f"NULL::{label}"
        from pgtool.sql.analyze.typefacts import TypeFacts

        datum = TypeFacts(self.session.cache, types).datum_of_const(node)
        text = types.io_of(typid).output(datum) if hasattr(types.io_of(typid), "output") \
            else types.io_of(typid).out(datum)  # fmt: skip
        if typid == t.BOOLOID:
            return "true" if text == "t" else "false"
        if typid == t.UNKNOWNOID:
            return _literal(text)
        if typid in _BARE_NUMBERS:
            return text if not text.startswith("-") else f"'{text}'::{label}"
        if typid == t.NUMERICOID:
            if re.fullmatch(r"\d+\.\d+", text):
                return text if node.consttypmod < 0 else f"{text}::{label}"
            return f"'{text}'::{label}"
        return f"{_literal(text)}::{label}"

    def _sqlvaluefunction(self, node: Any) -> str:
        text = _VALUE_FUNCTIONS[int(node.op)]
        return f"{text}({node.typmod})" if int(node.op) in (2, 4, 6, 8) else text

    def _casetestexpr(self, _node: Any) -> str:
        return "CASE_TEST_EXPR"

    # -- operators and calls ----

    def _operator(self, oid: int) -> str:
        row = self.session.cache.operator(oid)
        return str(row.oprname) if row is not None else f"operator {oid}"

    def _opexpr(self, node: Any) -> str:
        op = self._operator(node.opno)
        if len(node.args) == 1:
            return f"({op} {self.expr(node.args[0], True)})"
        return f"({self.expr(node.args[0], True)} {op} {self.expr(node.args[1], True)})"

    def _distinctexpr(self, node: Any) -> str:
        left, right = (self.expr(a, True) for a in node.args)
        return f"({left} IS DISTINCT FROM {right})"

    def _nullifexpr(self, node: Any) -> str:
        return f"NULLIF({self.expr(node.args, True)})"

    def _scalararrayopexpr(self, node: Any) -> str:
        word = "ANY" if node.useOr else "ALL"
        left, right = (self.expr(a, True) for a in node.args)
        return f"({left} {self._operator(node.opno)} {word} ({right}))"

    def _boolexpr(self, node: Any) -> str:
        if int(node.boolop) == 2:
            return f"(NOT {self.expr(node.args[0])})"
        word = " AND " if int(node.boolop) == 0 else " OR "
        return "(" + word.join(self.expr(a) for a in node.args) + ")"

    def _function_name(self, oid: int) -> str:
        row = self.session.cache.proc(oid)
        if row is None:
            return f"function {oid}"
        if row.pronamespace in self.session.search_path:
            return quote(row.proname)
        schema = self.session.cache.one("pg_namespace", "oid", row.pronamespace)
        return f"{quote(schema.nspname)}.{quote(row.proname)}"

    def _funcexpr(self, node: Any) -> str:
        if node.funcformat == CoercionForm.COERCE_IMPLICIT_CAST and not self.implicit:
            return self.expr(node.args[0])
        if node.funcformat in _CASTS:
            return self._cast(node.args[0], node.funcresulttype, expr_typmod(node))
        if node.funcformat == CoercionForm.COERCE_SQL_SYNTAX:
            special = self._sql_syntax(node)
            if special is not None:
                return special
        return f"{self._function_name(node.funcid)}({self._arguments(node)})"

    def _arguments(self, node: Any) -> str:
        parts = [self.expr(a, True) for a in node.args]
        if node.funcvariadic and parts:
            parts[-1] = f"VARIADIC {parts[-1]}"
        return ", ".join(parts)

    def _sql_syntax(self, node: Any) -> str | None:
        row = self.session.cache.proc(node.funcid)
        name = row.proname if row is not None else ""
        args = [self.expr(a) for a in node.args]
        if name == "timezone" and len(args) == 2:
            return f"({args[1]} AT TIME ZONE {args[0]})"
        if name == "extract":
            field = args[0].split("'")[1] if "'" in args[0] else args[0]
            return f"EXTRACT({field} FROM {args[1]})"
        if name == "substring" and len(args) >= 2:
            tail = f" FOR {args[2]}" if len(args) > 2 else ""
            return f'SUBSTRING({args[0]} FROM {args[1]}{tail})'
        if name == "position":
            return f"POSITION(({args[1]}) IN ({args[0]}))"
        word = {"btrim": "BOTH", "ltrim": "LEADING", "rtrim": "TRAILING"}.get(name)
        if word:
            inside = f"{args[1]} FROM {args[0]}" if len(args) > 1 else f"FROM {args[0]}"
            return f"TRIM({word} {inside})"
        return None

    def _cast(self, arg: Any, typid: int, typmod: int) -> str:
        inner = self.expr(arg)
        label = self._type(typid, typmod)
        if type(arg).__name__ == "Const" and arg.consttype == typid:
            return inner
        return f"({inner})::{label}"

    def _relabeltype(self, node: Any) -> str:
        if node.relabelformat == CoercionForm.COERCE_IMPLICIT_CAST and not self.implicit:
            return self.expr(node.arg)
        return self._cast(node.arg, node.resulttype, node.resulttypmod)

    def _coerceviaio(self, node: Any) -> str:
        if node.coerceformat == CoercionForm.COERCE_IMPLICIT_CAST and not self.implicit:
            return self.expr(node.arg)
        return self._cast(node.arg, node.resulttype, -1)

    def _arraycoerceexpr(self, node: Any) -> str:
        if node.coerceformat == CoercionForm.COERCE_IMPLICIT_CAST and not self.implicit:
            return self.expr(node.arg)
        return self._cast(node.arg, node.resulttype, node.resulttypmod)

    def _convertrowtypeexpr(self, node: Any) -> str:
        return self.expr(node.arg)

    def _coercetodomain(self, node: Any) -> str:
        if node.coercionformat == CoercionForm.COERCE_IMPLICIT_CAST and not self.implicit:
            return self.expr(node.arg)
        return self._cast(node.arg, node.resulttype, node.resulttypmod)

    def _placeholdervar(self, node: Any) -> str:
        return self.expr(node.phexpr)

    def _collateexpr(self, node: Any) -> str:
        row = self.session.cache.one("pg_collation", "oid", node.collOid)
        return f'({self.expr(node.arg)} COLLATE "{row.collname}")'

    # -- aggregates and windows ----

    def _aggref(self, node: Any) -> str:
        name = self._function_name(node.aggfnoid)
        shown = [e for e in node.args if not e.resjunk]
        args = ", ".join(self.expr(e.expr, True) for e in shown)
        if node.aggstar:
            args = "*"
        if node.aggdistinct:
            args = "DISTINCT " + args
        if node.aggkind in ("o", "h"):
            direct = ", ".join(self.expr(a, True) for a in node.aggdirectargs)
            out = f"{name}({direct}) WITHIN GROUP (ORDER BY {self._order(node)})"
        else:
            order = f" ORDER BY {self._order(node)}" if node.aggorder else ""
            out = f"{name}({args}{order})"
        if node.aggfilter is not None:
            out += f" FILTER (WHERE {self.expr(node.aggfilter)})"
        return out

    def _order(self, node: Any) -> str:
        out = []
        for clause in node.aggorder:
            entry = next(e for e in node.args if e.ressortgroupref == clause.tleSortGroupRef)
            out.append(self.expr(entry.expr) + direction(self.session.cache, clause.sortop,
                                                         clause.nulls_first))  # fmt: skip
        return ", ".join(out)

    def _windowfunc(self, node: Any) -> str:
        args = "*" if node.winstar else self.expr(node.args, True)
        out = f"{self._function_name(node.winfnoid)}({args})"
        if node.aggfilter is not None:
            out += f" FILTER (WHERE {self.expr(node.aggfilter)})"
        plan = next((s for s in reversed(self.stack) if isinstance(s, p.WindowAgg)
                     and s.winref == node.winref), None)  # fmt: skip
        return f"{out} OVER {quote(plan.winname or '')}" if plan is not None else f"{out} OVER (?)"

    def _groupingfunc(self, node: Any) -> str:
        return f"GROUPING({self.expr(node.args)})"

    # -- other forms ----

    def _nulltest(self, node: Any) -> str:
        word = "IS NULL" if int(node.nulltesttype) == 0 else "IS NOT NULL"
        return f"({self.expr(node.arg, True)} {word})"

    def _booleantest(self, node: Any) -> str:
        return f"({self.expr(node.arg)} {_BOOLTESTS[int(node.booltesttype)]})"

    def _caseexpr(self, node: Any) -> str:
        out = "CASE"
        if node.arg is not None:
            out += f" {self.expr(node.arg, True)}"
        for when in node.args:
            test = when.expr
            if node.arg is not None and type(test).__name__ == "OpExpr":
                test = test.args[1]
            out += f" WHEN {self.expr(test)} THEN {self.expr(when.result, True)}"
        default = "NULL::text" if node.defresult is None else self.expr(node.defresult, True)
        return f"{out} ELSE {default} END"

    def _coalesceexpr(self, node: Any) -> str:
        return f"COALESCE({self.expr(node.args, True)})"

    def _minmaxexpr(self, node: Any) -> str:
        word = "GREATEST" if int(node.op) == 0 else "LEAST"
        return f"{word}({self.expr(node.args, True)})"

    def _arrayexpr(self, node: Any) -> str:
        return f"ARRAY[{self.expr(node.elements, True)}]"

    def _rowexpr(self, node: Any) -> str:
        return f"ROW({self.expr(node.args, True)})"

    def _rowcompareexpr(self, node: Any) -> str:
        op = self._operator(node.opnos[0])
        return f"(ROW({self.expr(node.largs, True)}) {op} ROW({self.expr(node.rargs, True)}))"

    def _fieldselect(self, node: Any) -> str:
        from pgtool.sql.analyze.typefacts import TypeFacts

        fields = TypeFacts(self.session.cache, self.session.types).attributes(expr_type(node.arg))
        name = fields[node.fieldnum - 1].attname if node.fieldnum <= len(fields) else "?"
        return f"({self.expr(node.arg)}).{quote(name)}"

    def _subscriptingref(self, node: Any) -> str:
        out = self.expr(node.refexpr)
        if type(node.refexpr).__name__ not in ("Var", "Param"):
            out = f"({out})"
        lowers = node.reflowerindexpr or [None] * len(node.refupperindexpr)
        for low, high in zip(lowers, node.refupperindexpr):
            inner = self.expr(high) if high is not None else ""
            if node.reflowerindexpr:
                inner = f"{self.expr(low) if low is not None else ''}:{inner}"
            out += f"[{inner}]"
        return out

    def _subplan(self, node: Any) -> str:
        name = f"hashed {node.plan_name}" if node.useHashTable else str(node.plan_name)
        kind = node.subLinkType
        if kind == SubLinkType.EXISTS_SUBLINK:
            return f"EXISTS({name})"
        if kind in (SubLinkType.ANY_SUBLINK, SubLinkType.ALL_SUBLINK):
            word = "ANY" if kind == SubLinkType.ANY_SUBLINK else "ALL"
            return f"({word} {self.expr(node.testexpr)})"
        if kind == SubLinkType.ROWCOMPARE_SUBLINK:
            return self.expr(node.testexpr)
        return f"ARRAY({name})" if kind == SubLinkType.ARRAY_SUBLINK else f"({name})"


def direction(cache: Any, sortop: int, nulls_first: bool) -> str:
    """`` DESC``, `` NULLS FIRST`` … of a sort column."""
    from pgtool.sql.planner.operators import ordering

    found = ordering(cache, sortop)
    descending = found is not None and found[2]
    out = " DESC" if descending else ""
    if nulls_first and not descending:
        out += " NULLS FIRST"
    elif descending and not nulls_first:
        out += " NULLS LAST"
    return out


def _literal(text: str) -> str:
    body = text.replace("'", "''")
    return f"'{body}'"


def _input(plan: Any, varno: int, planned: Any) -> tuple[Any, Any]:
    """(plan node, target list) that OUTER_VAR, INNER_VAR or INDEX_VAR refer to."""
    if varno == p.INDEX_VAR:
        if isinstance(plan, p.IndexOnlyScan):
            return plan, plan.indextlist
        return plan, None
    if varno == p.INNER_VAR:
        child = plan.righttree
    elif isinstance(plan, p.Append):
        child = plan.appendplans[0]
    elif isinstance(plan, p.MergeAppend):
        child = plan.mergeplans[0]
    elif isinstance(plan, p.SubqueryScan):
        child = plan.subplan
    else:
        child = plan.lefttree
    return child, child.targetlist if child is not None else None


def _init_plans(planned: Any) -> list[Any]:
    out: list[Any] = []
    for node in trees.walk([planned.planTree, *planned.subplans]):
        if isinstance(node, p.Plan):
            out += node.initPlan
    return out


def _links(planned: Any) -> list[Any]:
    return [n for n in trees.walk([planned.planTree, *planned.subplans])
            if type(n).__name__ == "SubPlan"]  # fmt: skip
