"""Constant folding and normal forms of conditions.

Functions of constants are evaluated through the executor's scalar compiler where it can;
what it cannot evaluate stays as it is and fails, if at all, when rows are computed. An error
of a constant part is the statement's, whether or not a row reaches it. NOT moves down to the
comparisons, AND and OR lose known arguments, and a common part of all arms of an OR comes
out.
"""

from __future__ import annotations

from typing import Any

from formats.errors import CorruptData
from pgtool.catalog import typeoids as t
from pgtool.errors import PgtoolError, SqlError
from pgtool.functions.codec import codec_of
from pgtool.nodes.base import mutate, walk
from pgtool.nodes.enums import BoolExprType, CoercionForm, ParamKind
from pgtool.nodes.exprs import BoolExpr, Const, NullTest, Param, RelabelType
from pgtool.sql.planner import operators as ops
from pgtool.sql.planner import trees
from pgtool.sql.planner.base import Glob
from pgtool.sql.planner.trees import bool_const, is_false, is_true

_AND, _OR, _NOT = BoolExprType.AND_EXPR, BoolExprType.OR_EXPR, BoolExprType.NOT_EXPR
_STRICT_CALLS = ("FuncExpr", "OpExpr")
_NEGATED_TEST = {0: 1, 1: 0, 2: 3, 3: 2, 4: 5, 5: 4}
_FOLDED = {
    "FuncExpr", "OpExpr", "DistinctExpr", "NullIfExpr", "ScalarArrayOpExpr", "RelabelType",
    "CoerceViaIO", "ArrayExpr", "ArrayCoerceExpr", "CaseExpr", "CoalesceExpr", "MinMaxExpr",
    "NullTest", "BooleanTest", "CollateExpr", "SubscriptingRef", "RowCompareExpr",
}  # fmt: skip


def fold(glob: Glob, node: Any) -> Any:
    """An expression (or list) with its constant parts computed."""
    if node is None:
        return None
    if isinstance(node, list):
        return type(node)(fold(glob, item) for item in node)
    return _Folder(glob).visit(node)


class _Folder:
    def __init__(self, glob: Glob, stable: bool = False) -> None:
        self.glob = glob
        self.stable = stable

    def visit(self, node: Any) -> Any:
        name = type(node).__name__
        if name in ("Query", "SubLink", "SubPlan"):
            return self.link(node) if name == "SubLink" else node
        if isinstance(node, BoolExpr):
            return self.boolean(node)
        if name == "CaseExpr":
            return self.case(node)
        if name == "CoalesceExpr":
            return self.coalesce(node)
        made = mutate(node, self.visit)
        if name == "RelabelType":
            return self.relabel(made)
        if name == "CollateExpr":
            return self.collate(made)
        if name == "CoerceToDomain" and not self.constrained(made.resulttype):
            return self.relabel(RelabelType(
                arg=made.arg, resulttype=made.resulttype, resulttypmod=made.resulttypmod,
                resultcollid=made.resultcollid, relabelformat=made.coercionformat))
        if name == "NullTest" and isinstance(made.arg, Const) and not made.argisrow:
            return bool_const(made.arg.constisnull == (made.nulltesttype == 0))
        if name == "BooleanTest" and isinstance(made.arg, Const):
            return self.booltest(made)
        if name in ("FuncExpr", "OpExpr", "ScalarArrayOpExpr", "DistinctExpr", "NullIfExpr",
                    "CoerceViaIO", "ArrayExpr", "MinMaxExpr", "ArrayCoerceExpr",
                    "SubscriptingRef"):  # fmt: skip
            return self.call(made, name)
        return made

    def link(self, node: Any) -> Any:
        if node.testexpr is None:
            return node
        return node.copy(testexpr=self.visit(node.testexpr))

    def relabel(self, node: Any) -> Any:
        arg = node.arg
        while type(arg).__name__ == "RelabelType":
            arg = arg.arg
        if isinstance(arg, Const):
            return arg.copy(consttype=node.resulttype, consttypmod=node.resulttypmod,
                            constcollid=node.resultcollid)  # fmt: skip
        return node if arg is node.arg else node.copy(arg=arg)

    def constrained(self, typid: int) -> bool:
        """Whether a domain checks anything."""
        row = self.glob.cache.type(typid)
        while row is not None and row.typtype == "d":
            if row.typnotnull or self.glob.cache.lookup("pg_constraint", "contypid", row.oid):
                return True
            row = self.glob.cache.type(row.typbasetype)
        return False

    def collate(self, node: Any) -> Any:
        from pgtool.sql.analyze.nodetypes import expr_type, expr_typmod

        if isinstance(node.arg, Const):
            return node.arg.copy(constcollid=node.collOid)
        return RelabelType(arg=node.arg, resulttype=expr_type(node.arg),
                           resulttypmod=expr_typmod(node.arg), resultcollid=node.collOid,
                           relabelformat=CoercionForm.COERCE_IMPLICIT_CAST)  # fmt: skip

    def booltest(self, node: Any) -> Any:
        value = None if node.arg.constisnull else is_true(node.arg)
        kind = int(node.booltesttype)
        wanted = (True, True, False, False, None, None)[kind]
        return bool_const((value is wanted) != bool(kind & 1))

    def boolean(self, node: Any) -> Any:
        if node.boolop == _NOT:
            return self.visit_negated(node.args[0])
        stop, skip = (is_false, is_true) if node.boolop == _AND else (is_true, _false_only)
        args: list[Any] = []
        null = False
        for arg in node.args:
            made = self.visit(arg)
            if isinstance(made, BoolExpr) and made.boolop == node.boolop:
                args += made.args
                continue
            if isinstance(made, Const):
                if made.constisnull:
                    null = True
                elif stop(made) and not made.constisnull:
                    return bool_const(node.boolop == _OR)
                elif skip(made):
                    pass
                continue
            args.append(made)
        if null:
            if not args:
                return bool_const(None)
            args.append(bool_const(None))
        if not args:
            return bool_const(node.boolop == _AND)
        return args[0] if len(args) == 1 else BoolExpr(boolop=node.boolop, args=args)

    def visit_negated(self, node: Any) -> Any:
        return negate(self.glob, self.visit(node))

    def case(self, node: Any) -> Any:
        arg = self.visit(node.arg) if node.arg is not None else None
        whens: list[Any] = []
        default = None
        for when in node.args:
            test = when.expr
            if isinstance(arg, Const):
                test = trees.transform(test, lambda n, _d: (
                    arg if type(n).__name__ == "CaseTestExpr" else None))  # fmt: skip
            test = self.visit(test)
            if is_true(test):
                default = self.visit(when.result)
                break
            if isinstance(test, Const):
                continue
            whens.append(when.copy(expr=test, result=self.visit(when.result)))
        else:
            default = self.visit(node.defresult) if node.defresult is not None else None
        if not whens and default is not None:
            return default
        kept = None if isinstance(arg, Const) else arg
        return node.copy(arg=kept, args=whens, defresult=default) if whens else node.copy(
            arg=arg, defresult=default)  # fmt: skip

    def coalesce(self, node: Any) -> Any:
        args: list[Any] = []
        for arg in node.args:
            made = self.visit(arg)
            if isinstance(made, Const):
                if made.constisnull:
                    continue
                if not args:
                    return made
                args.append(made)
                break
            args.append(made)
        if not args:
            return null_const(self.glob, node.coalescetype, node.coalescecollid)
        if len(args) == 1:
            return args[0]
        return node.copy(args=args)

    def call(self, node: Any, name: str) -> Any:
        if getattr(node, "funcretset", False) or getattr(node, "opretset", False):
            return node
        kids = list(node.children())
        if name == "ArrayCoerceExpr":
            kids = [node.arg]
        oids = list(trees.function_oids(node, self.glob.cache))
        procs = [self.glob.cache.proc(oid) for oid in oids]
        if any(p is None for p in procs):
            return node
        consts = all(isinstance(k, Const) for k in kids)
        strict_null = procs and all(p.proisstrict for p in procs) and name in _STRICT_CALLS \
            and any(isinstance(k, Const) and k.constisnull for k in kids)  # fmt: skip
        if strict_null and all(p.provolatile != "v" for p in procs):
            from pgtool.sql.analyze.nodetypes import expr_collation, expr_type

            return null_const(self.glob, expr_type(node), expr_collation(node))
        if not consts:
            return node
        worst = max((p.provolatile for p in procs), default="i", key="isv".index)
        if name == "CoerceViaIO":
            worst = max(worst, _io_volatility(self.glob, node), key="isv".index)
        if worst == "v" or (worst == "s" and not self.stable):
            return node
        return evaluate(self.glob, node, certain=not self.stable)


def _false_only(node: Any) -> bool:
    return is_false(node) and not node.constisnull


_STABLE_IO = {t.DATEOID, t.TIMESTAMPTZOID, t.TIMESTAMPOID, 1083, 1266, 24, 2202, 2203, 2204, 2205,
              2206, 3734, 3769, 4089, 4096, 4191, 1186, 790, 700, 701, 17}  # fmt: skip


def _io_volatility(glob: Glob, node: Any) -> str:
    """Whether the text form of either type depends on settings."""
    from pgtool.sql.analyze.nodetypes import expr_type

    for typid in (node.resulttype, expr_type(node.arg)):
        row = glob.cache.type(glob.types.base_type(typid))
        for oid in (row.typinput, row.typoutput):
            proc = glob.cache.proc(oid)
            if proc is not None and proc.provolatile != "i":
                return "s"
    return "i"


def null_const(glob: Glob, typid: int, collation: int = 0) -> Const:
    """NULL of a type."""
    row = glob.types.row(typid)
    return Const(consttype=typid, consttypmod=-1, constcollid=collation, constlen=row.typlen,
                 constisnull=True, constbyval=row.typbyval)  # fmt: skip


def evaluate(glob: Glob, node: Any, certain: bool = False) -> Any:
    """A constant expression's value as a Const; the expression itself if that fails.

    ``certain``: the value is not a mere estimate, and so its error is the statement's error,
    as on a server, even where no row ever reaches the expression.
    """
    from pgtool.sql.analyze.nodetypes import expr_collation, expr_type, expr_typmod

    typid = expr_type(node)
    if typid in (t.RECORDOID, 2281, 2278):
        return node
    try:
        value = _compute(glob, node)
        datum = None if value is None else codec_of(glob.session.types, typid).encode(value)
        made = null_const(glob, typid, expr_collation(node))
        made.consttypmod = expr_typmod(node)
        if datum is None:
            return made
        made.constvalue = glob.types.const_value(typid, datum)
        made.constisnull = False
        return made
    except SqlError:
        if certain:
            raise
        return node
    except (CorruptData, PgtoolError, ArithmeticError):
        return node


def _compute(glob: Glob, node: Any) -> Any:
    """The value of an expression without columns."""
    from pgtool.sql.executor.context import Context
    from pgtool.sql.executor.scalar import ScalarCompiler
    from pgtool.sql.executor.scope import Env, Scope

    env = glob.__dict__.get("env")
    if env is None:
        env = glob.__dict__["env"] = Env(glob.session)
    return ScalarCompiler(env, Scope()).compile(node)((), Context(glob.session))


def estimate_value(glob: Glob, node: Any) -> Const | None:
    """A Const for an expression whose value can be foretold, stable functions included."""
    if isinstance(node, Const):
        return node
    if any(type(n).__name__ in ("Var", "Param", "SubPlan", "Aggref", "WindowFunc")
           for n in walk(node)):  # fmt: skip
        return None
    if trees.volatility(node, glob.cache) == "v":
        return None
    made = _Folder(glob, stable=True).visit(node)
    if type(made).__name__ == "SQLValueFunction":
        made = evaluate(glob, made)
    return made if isinstance(made, Const) else None


def array_elements(glob: Glob, node: Any) -> list[Any] | None:
    """The elements of an array expression as expressions; None where they are not known."""
    from pgtool.types.arrays import read_array

    node = trees.strip_relabel(node)
    if type(node).__name__ == "ArrayExpr" and not node.multidims:
        return list(node.elements)
    if not isinstance(node, Const) or node.constisnull:
        return [] if isinstance(node, Const) else None
    datum = glob.types.datum_of_const(node)
    assert datum is not None
    array = read_array(datum, None, glob.session.types.info)
    return [const_of(glob, array.elemtype, item, node.constcollid) for item in array.items]


def const_of(glob: Glob, typid: int, datum: bytes | None, collation: int = 0) -> Const:
    """A Const around a stored datum."""
    made = null_const(glob, typid, collation)
    if datum is not None:
        made.constvalue = glob.types.const_value(typid, datum)
        made.constisnull = False
    return made


# -- negation and normal form ----


def negate(glob: Glob, node: Any) -> Any:
    """NOT of a (folded) condition, without NOT where possible."""
    name = type(node).__name__
    if isinstance(node, Const):
        return bool_const(None if node.constisnull else not is_true(node))
    if isinstance(node, BoolExpr):
        if node.boolop == _NOT:
            return node.args[0]
        other = _OR if node.boolop == _AND else _AND
        return BoolExpr(boolop=other, args=[negate(glob, a) for a in node.args])
    if name == "OpExpr":
        opno = ops.negator(glob.cache, node.opno)
        if opno:
            return node.copy(opno=opno, opfuncid=trees.op_function(glob.cache, opno))
    if name == "ScalarArrayOpExpr":
        opno = ops.negator(glob.cache, node.opno)
        if opno:
            return node.copy(opno=opno, opfuncid=trees.op_function(glob.cache, opno),
                             hashfuncid=0, negfuncid=0, useOr=not node.useOr)  # fmt: skip
    if isinstance(node, NullTest) and not node.argisrow:
        return node.copy(nulltesttype=1 - int(node.nulltesttype))
    if name == "BooleanTest":
        return node.copy(booltesttype=_NEGATED_TEST[int(node.booltesttype)])
    return BoolExpr(boolop=_NOT, args=[node])


def canonical_qual(glob: Glob, node: Any) -> list[Any]:
    """A folded condition as AND-ed clauses, common parts of OR arms taken out."""
    if node is None:
        return []
    parts = trees.conjuncts(node)
    out: list[Any] = []
    for part in parts:
        made = _factor(part)
        out += trees.conjuncts(made)
    if any(is_false(c) for c in out):
        return [bool_const(False)]
    return _unique(out)


def _unique(clauses: list[Any]) -> list[Any]:
    seen = set()
    out = []
    for clause in clauses:
        k = trees.key(clause)
        if k not in seen:
            seen.add(k)
            out.append(clause)
    return out


def _factor(node: Any) -> Any:
    """(A AND B) OR (A AND C) → A AND (B OR C), at every level."""
    if not isinstance(node, BoolExpr) or node.boolop == _NOT:
        return node
    if node.boolop == _AND:
        return trees.and_of(_unique([p for a in node.args for p in trees.conjuncts(_factor(a))]))
    arms = [list(trees.conjuncts(_factor(arm))) for arm in node.args]
    shortest = min(arms, key=len)
    common = [c for c in shortest
              if all(any(trees.same(c, d) for d in arm) for arm in arms)]  # fmt: skip
    if not common:
        return BoolExpr(boolop=_OR, args=[trees.and_of(arm) for arm in arms])
    rests = [[d for d in arm if not any(trees.same(c, d) for c in common)] for arm in arms]
    if all(rests):
        common.append(BoolExpr(boolop=_OR, args=[trees.and_of(r) for r in rests]))
    return trees.and_of(_unique(common))


def is_param_free(node: Any) -> bool:
    """Whether no executor parameter occurs."""
    return not any(
        isinstance(n, Param) and n.paramkind == ParamKind.PARAM_EXEC for n in walk(node)
    )
