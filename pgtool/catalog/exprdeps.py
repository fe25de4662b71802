"""What an expression or a query refers to: the addresses that its owner depends on.

One row of :data:`_REFERENCES` a node class: which fields hold OIDs of which catalog. Vars are
columns of the range table in scope; those of joins and subqueries need no entry of their own.
"""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.dependency import record, without_duplicates
from pgtool.catalog.indexing import CatalogWriter
from pgtool.nodes.base import Node
from pgtool.nodes.enums import RTEKind
from pgtool.nodes.exprs import Const, FieldSelect, FieldStore, Var
from pgtool.nodes.query import Query, RangeTblEntry

__all__ = ["record_expression", "record_on_relation", "references"]

_REFERENCES: dict[str, tuple[tuple[str, int], ...]] = {
    "Const": (("consttype", c.TYPE), ("constcollid", c.COLLATION)),
    "Param": (("paramtype", c.TYPE), ("paramcollid", c.COLLATION)),
    "FuncExpr": (("funcid", c.PROCEDURE),), "OpExpr": (("opno", c.OPERATOR),),
    "DistinctExpr": (("opno", c.OPERATOR),), "NullIfExpr": (("opno", c.OPERATOR),),
    "ScalarArrayOpExpr": (("opno", c.OPERATOR),), "Aggref": (("aggfnoid", c.PROCEDURE),),
    "WindowFunc": (("winfnoid", c.PROCEDURE),),
    "RelabelType": (("resulttype", c.TYPE), ("resultcollid", c.COLLATION)),
    "CoerceViaIO": (("resulttype", c.TYPE), ("resultcollid", c.COLLATION)),
    "ArrayCoerceExpr": (("resulttype", c.TYPE), ("resultcollid", c.COLLATION)),
    "ConvertRowtypeExpr": (("resulttype", c.TYPE),), "CollateExpr": (("collOid", c.COLLATION),),
    "RowExpr": (("row_typeid", c.TYPE),), "CoerceToDomain": (("resulttype", c.TYPE),),
    "RowCompareExpr": (("opnos", c.OPERATOR), ("opfamilies", c.OPERATOR_FAMILY)),
    "NextValueExpr": (("seqid", c.RELATION),), "OnConflictExpr": (("constraint", c.CONSTRAINT),),
    "SortGroupClause": (("eqop", c.OPERATOR), ("sortop", c.OPERATOR)),
    "WindowClause": (("startInRangeFunc", c.PROCEDURE), ("endInRangeFunc", c.PROCEDURE),
                     ("inRangeColl", c.COLLATION)),
    "RangeTblFunction": (("funccoltypes", c.TYPE), ("funccolcollations", c.COLLATION)),
    "TableFunc": (("coltypes", c.TYPE), ("colcollations", c.COLLATION)),
    "SubscriptingRef": (("refcontainertype", c.TYPE), ("refrestype", c.TYPE)),
    "CommonTableExpr": (("ctecoltypes", c.TYPE), ("ctecolcollations", c.COLLATION)),
    "SetOperationStmt": (("colTypes", c.TYPE), ("colCollations", c.COLLATION)),
}  # fmt: skip
#: ``reg*`` types whose constants name objects → catalog.
_REG = {
    24: c.PROCEDURE, 2202: c.PROCEDURE, 2203: c.OPERATOR, 2204: c.OPERATOR, 2205: c.RELATION,
    2206: c.TYPE, 4191: c.COLLATION, 3734: c.TS_CONFIG, 3769: c.TS_DICT, 4089: c.NAMESPACE,
}  # fmt: skip
_REG_CATALOGS = {
    c.PROCEDURE: "pg_proc", c.OPERATOR: "pg_operator", c.RELATION: "pg_class", c.TYPE: "pg_type",
    c.COLLATION: "pg_collation", c.TS_CONFIG: "pg_ts_config", c.TS_DICT: "pg_ts_dict",
    c.NAMESPACE: "pg_namespace",
}  # fmt: skip


class _Walker:
    def __init__(self, writer: CatalogWriter) -> None:
        self.writer = writer
        self.found: list[Address] = []
        self.scopes: list[list[RangeTblEntry]] = []

    def add(self, classid: int, oid: int, subid: int = 0) -> None:
        if oid and not (classid == c.COLLATION and oid == c.DEFAULT_COLLATION):
            self.found.append(Address(classid, oid, subid))

    def visit(self, value: Any) -> None:
        if isinstance(value, list):
            for item in value:
                self.visit(item)
        elif isinstance(value, Query):
            self._query(value)
        elif isinstance(value, Node):
            self._node(value)
            for child in value.children():
                self.visit(child)

    def _node(self, node: Node) -> None:
        for name, classid in _REFERENCES.get(type(node).__name__, ()):
            value = getattr(node, name)
            for oid in value if isinstance(value, list) else [value]:
                self.add(classid, oid)
        if isinstance(node, Var):
            self._var(node)
        elif isinstance(node, Const) and node.consttype in _REG and not node.constisnull:
            self._named(node)
        elif isinstance(node, (FieldSelect, FieldStore)):
            self._field(node)

    def _var(self, node: Var) -> None:
        if node.varattno == 0 or node.varlevelsup >= len(self.scopes):
            return
        rte = self.scopes[-1 - node.varlevelsup][node.varno - 1]
        if rte.rtekind == RTEKind.RTE_RELATION:
            self.add(c.RELATION, rte.relid, node.varattno)
        elif rte.rtekind == RTEKind.RTE_FUNCTION:
            self._function_column(rte, node.varattno)

    def _function_column(self, rte: RangeTblEntry, number: int) -> None:
        """A column of a function's row type depends on that type's column."""
        before = 0
        for function in rte.functions:
            if before < number <= before + function.funccolcount:
                if function.funccoltypes:
                    return
                result = getattr(function.funcexpr, "funcresulttype", 0)
                relid = self._relation_of(result)
                if relid:
                    self.add(c.RELATION, relid, number - before)
                return
            before += function.funccolcount

    def _named(self, node: Const) -> None:
        oid = int.from_bytes((node.constvalue or b"")[:4], "little")
        classid = _REG[node.consttype]
        if oid and self.writer.cache.one(_REG_CATALOGS[classid], "oid", oid) is not None:
            self.add(classid, oid)

    def _relation_of(self, typid: int) -> int:
        row = self.writer.cache.type(typid) if typid else None
        while row is not None and row.typtype == "d":
            row = self.writer.cache.type(row.typbasetype)
        return int(row.typrelid) if row is not None else 0

    def _field(self, node: Any) -> None:
        if isinstance(node, FieldStore):
            relid = self._relation_of(node.resulttype)
            numbers, typid = list(node.fieldnums), node.resulttype
        else:
            typid = _type_of(node.arg)
            relid = self._relation_of(typid)
            numbers = [node.fieldnum]
            self.add(c.COLLATION, node.resultcollid)
        if relid:
            for number in numbers:
                self.add(c.RELATION, relid, number)
        else:
            self.add(c.TYPE, typid)

    def _query(self, query: Query) -> None:
        self.scopes.append(query.rtable)
        for rte in query.rtable:
            if rte.relid and rte.rtekind == RTEKind.RTE_RELATION:
                self.add(c.RELATION, rte.relid)
            elif rte.rtekind == RTEKind.RTE_JOIN:
                self.visit(rte.joinaliasvars[: rte.joinmergedcols])
            elif rte.rtekind == RTEKind.RTE_SUBQUERY:
                self.visit(rte.subquery)
            else:
                for name in ("functions", "tablefunc", "values_lists", "tablesample", "groupexprs"):
                    self.visit(getattr(rte, name))
        if query.resultRelation and query.commandType in (2, 3):
            target = query.rtable[query.resultRelation - 1]
            for entry in query.targetList:
                if not entry.resjunk:
                    self.add(c.RELATION, target.relid, entry.resno)
        for oid in query.constraintDeps:
            self.add(c.CONSTRAINT, oid)
        for name, kind in query.FIELDS.items():
            if kind in ("NodeRef", "NodeList") and name not in ("rtable", "constraintDeps"):
                self.visit(getattr(query, name))
        self.scopes.pop()


def _type_of(node: Any) -> int:
    for name in ("vartype", "consttype", "paramtype", "funcresulttype", "resulttype",
                 "opresulttype", "aggtype", "row_typeid", "typeId"):  # fmt: skip
        if hasattr(node, name):
            return int(getattr(node, name))
    return 0


def references(writer: CatalogWriter, expr: Any, rtable: list[RangeTblEntry]) -> list[Address]:
    """What a tree refers to, each object once."""
    walker = _Walker(writer)
    walker.scopes.append(rtable)
    walker.visit(expr)
    return without_duplicates(walker.found)


def record_expression(
    writer: CatalogWriter, owner: Address, expr: Any, rtable: list[RangeTblEntry], kind: str
) -> None:
    """The owner depends on what the tree refers to."""
    record(writer, owner, references(writer, expr, rtable), kind)


def record_on_relation(
    writer: CatalogWriter, owner: Address, expr: Any, relid: int, kind: str, self_kind: str,
    reverse: bool = False,
) -> None:  # fmt: skip
    """Likewise for an expression over one relation, whose own columns are depended on as
    ``self_kind``; with ``reverse`` the columns depend on the owner instead."""
    rte = RangeTblEntry(rtekind=RTEKind.RTE_RELATION, relid=relid)
    found = references(writer, expr, [rte])
    own = [a for a in found if a.classid == c.RELATION and a.objid == relid]
    record(writer, owner, [a for a in found if a not in own], kind)
    if reverse:
        for address in own:
            record(writer, address, owner, self_kind)
    else:
        record(writer, owner, own, self_kind)
