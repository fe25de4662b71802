"""What is known while one query level is analyzed.

A :class:`ParseState` holds the range table under construction, the names in scope (the
*namespace*), the WITH queries in reach, and what the clauses found out on the way. A
subquery gets a state of its own whose ``parent`` is the outer one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError
from pgtool.functions.session import Session
from pgtool.nodes.base import Node
from pgtool.nodes.enums import RTEKind, VarReturningType
from pgtool.nodes.exprs import Const, Param, Var
from pgtool.nodes.query import RangeTblEntry
from pgtool.sql.analyze.nodetypes import expr_location
from pgtool.sql.analyze.typefacts import TypeFacts
from pgtool.sql.permissions import usable_namespace

__all__ = ["Namespace", "ParseState"]


@dataclass(slots=True)
class Column:
    """One column of a range table entry, as expressions refer to it."""

    name: str
    typid: int
    typmod: int = -1
    collation: int = 0
    dropped: bool = False
    #: Whether ``*`` leaves the column out.
    hidden: bool = False


@dataclass(slots=True)
class Namespace:
    """A range table entry in scope: under which names it and its columns can be used.

    ``merged`` maps a column's position to the expression that stands for it where it is
    not a plain Var (a column merged by USING).
    """

    rte: RangeTblEntry
    index: int
    columns: list[Column]
    rel_visible: bool = True
    cols_visible: bool = True
    lateral_only: bool = False
    lateral_ok: bool = True
    names: Any = None
    merged: dict[int, Any] = field(default_factory=dict)
    #: RETURNING's OLD and NEW: which row of the target the columns are of.
    returning: VarReturningType = VarReturningType.VAR_RETURNING_DEFAULT

    @property
    def refname(self) -> str:
        """The name that qualifies its columns."""
        return str((self.names or self.rte.eref).aliasname)


@dataclass(slots=True)
class FunctionScope:
    """The SQL function whose body is analyzed: its parameters by name, its input collation."""

    name: str
    parameters: list[str]
    types: list[int]
    collation: int = 0


class Shared:
    """What all levels of one statement share."""

    def __init__(
        self, session: Session, text: str, param_types: list[int] | None,
        function: FunctionScope | None = None,
    ) -> None:  # fmt: skip
        self.function = function
        self.session = session
        self.text = text
        self.facts = TypeFacts(session.cache, session.types)
        self.operators: dict[Any, Any] = {}
        self.param_types = list(param_types or [])
        self.variable_params = param_types is None
        self.literals: dict[int, str] = {}


class ParseState:
    """One query level."""

    def __init__(self, shared: Shared, parent: ParseState | None = None) -> None:
        self.shared = shared
        self.parent = parent
        self.session = shared.session
        self.cache = shared.session.cache
        self.types = shared.facts
        self.operator_cache = shared.operators
        self.rtable: list[RangeTblEntry] = []
        self.perminfos: list[Any] = []
        self.namespace: list[Namespace] = []
        self.items: dict[int, Namespace] = {}
        #: Range table index → indexes of the outer joins that can null it.
        self.nulling: dict[int, set[int]] = {}
        self.ctes: list[Any] = []
        self.future_ctes: list[Any] = []
        self.kind = ""
        self.windows: list[Any] = []
        #: FOR UPDATE and kin of this level.
        self.locking: list[Any] = []
        self.locked_from_parent = False
        self.has_aggs = self.has_windows = self.has_srfs = self.has_sublinks = False
        self.has_modifying = False
        self.lateral_active = False
        self.parent_cte: Any = None
        #: The recursive WITH query whose set operation this level is, and what to call with
        #: the columns of its first term.
        self.recursive_cte: Any = None
        self.recursive_columns: Any = None
        self.resolve_unknowns = True
        #: The set-returning call that was analyzed last, and the one before it.
        self.last_srf: Any = None
        self.inner_srf: Any = None

    # -- names --------------------------------------------------------------------

    @property
    def search_path(self) -> list[int]:
        """Schema OIDs in the order of look-up."""
        return self.session.search_path

    def split_name(self, names: list[str]) -> tuple[str | None, str]:
        """(schema or None, name) of a possibly qualified name."""
        if len(names) == 1:
            return None, names[0]
        if len(names) == 2:
            return names[0], names[1]
        if len(names) == 3:
            if names[0] != self.session.database.name:
                raise SqlError(
                    "cross-database references are not implemented: " + ".".join(names), "0A000"
                )
            return names[1], names[2]
        raise SqlError("improper qualified name (too many dotted names): " + ".".join(names),
                       "42601")  # fmt: skip

    def namespace_oid(self, name: str) -> int:
        """A schema's OID; SqlError 3F000 where there is none."""
        found = self.cache.namespace_oid(name)
        if found is None:
            raise SqlError(f'schema "{name}" does not exist', "3F000")
        usable_namespace(self.session, found)
        return int(found)

    def lookup_type_oid(self, names: list[str]) -> int:
        """A type's OID by (qualified) name; 0 where there is none."""
        schema, name = self.split_name(names)
        if schema is None:
            spaces = self.search_path
        else:
            found = usable_namespace(self.session, self.cache.namespace_oid(schema))
            spaces = [found] if found else []
        for space in spaces:
            row = self.cache.one("pg_type", ("typname", "typnamespace"), (name, space))
            if row is not None:
                return int(row.oid)
        return 0

    # -- constants and parameters -----------------------------------------------------

    def unknown_literal(self, text: str, location: int) -> Const:
        """A string literal whose type is not known yet."""
        data = self.session.database.encoding.encode(text) + b"\0"
        return Const(
            consttype=t.UNKNOWNOID, consttypmod=-1, constlen=-2, constvalue=data,
            constisnull=False, location=location,
        )  # fmt: skip

    def null_literal(self, location: int) -> Const:
        """NULL of a type not known yet."""
        return Const(consttype=t.UNKNOWNOID, consttypmod=-1, constlen=-2, constisnull=True,
                     location=location)  # fmt: skip

    def literal_text(self, const: Const) -> str:
        """The text of an unknown literal."""
        return self.session.database.encoding.decode((const.constvalue or b"\0")[:-1])

    def int4_const(self, value: int) -> Const:
        """An int4 constant."""
        return Const(
            consttype=t.INT4OID, consttypmod=-1, constlen=4, constbyval=True, constisnull=False,
            constvalue=value.to_bytes(8, "little", signed=True),
        )  # fmt: skip

    def bool_const(self, value: bool) -> Const:
        """A boolean constant."""
        return Const(
            consttype=t.BOOLOID, consttypmod=-1, constlen=1, constbyval=True, constisnull=False,
            constvalue=int(value).to_bytes(8, "little"),
        )  # fmt: skip

    def type_param(self, node: Param, target: int, location: int) -> Param:
        """Decide the type of a parameter that was still unknown."""
        types = self.shared.param_types
        number = node.paramid - 1
        if types[number] in (0, t.UNKNOWNOID):
            types[number] = target
        elif types[number] != target:
            raise SqlError(
                f"inconsistent types deduced for parameter ${node.paramid}", "42P08",
                "{} versus {}".format(*self.types.names(types[number], target)),
                position=node.location + 1,
            )  # fmt: skip
        node.paramtype = target
        node.paramtypmod = -1
        node.paramcollid = self.types.collation(target)
        return node

    # -- range table --------------------------------------------------------------------

    def add_rte(self, rte: RangeTblEntry, columns: list[Column]) -> Namespace:
        """Append to the range table; the result is not in scope yet."""
        self.rtable.append(rte)
        item = Namespace(rte, len(self.rtable), columns)
        self.items[item.index] = item
        return item

    def level(self, up: int) -> ParseState:
        """The state of the query ``up`` levels out."""
        state: ParseState = self
        for _ in range(up):
            assert state.parent is not None
            state = state.parent
        return state

    def find_cte_by_name(self, name: str) -> tuple[Any, int] | None:
        """A WITH query in reach by name, and how many levels out it is."""
        state: ParseState | None = self
        level = 0
        while state is not None:
            for cte in state.ctes:
                if cte.ctename == name:
                    return cte, level
            state, level = state.parent, level + 1
        return None

    def find_cte(self, name: str, level: int) -> Any | None:
        """The WITH query of an RTE: name and levels out."""
        return next((cte for cte in self.level(level).ctes if cte.ctename == name), None)

    def all_future_ctes(self) -> list[Any]:
        """WITH queries that cannot be referred to yet, of all levels."""
        state: ParseState | None = self
        out: list[Any] = []
        while state is not None:
            out += state.future_ctes
            state = state.parent
        return out

    def is_open(self, cte: Any) -> bool:
        """Whether a WITH query is still being analyzed: a reference is to itself."""
        state: ParseState | None = self
        while state is not None:
            if state.recursive_cte is cte:
                return True
            state = state.parent
        return False

    def adopt(self, query: Any) -> None:
        """Stand in the place of an analyzed query, to look at its expressions."""
        self.rtable = query.rtable
        self.ctes = query.cteList
        for index, rte in enumerate(query.rtable, 1):
            names = rte.eref.colnames if rte.eref is not None else []
            columns = [Column(name.sval, 0) for name in names]
            self.items[index] = Namespace(rte, index, columns)

    def row_fields(self, node: Any, target: str) -> list[Any]:
        """The columns of a whole-row Var, which is to become a ``target``, as expressions."""
        if not isinstance(node, Var) or node.varattno != 0:
            raise SqlError(f"cannot cast type record to {target}", "42846",
                           position=expr_location(node) + 1 or None)  # fmt: skip
        item = self.level(node.varlevelsup).items[node.varno]
        out = []
        for number, column in enumerate(item.columns, 1):
            if not column.dropped:
                out.append(make_var(item, number, column, node.varlevelsup, node.location))
        return out

    def returns_set(self, node: Any) -> bool:
        """Whether an expression returns a set anywhere outside of subqueries."""
        if isinstance(node, list):
            return any(self.returns_set(item) for item in node)
        if not isinstance(node, Node) or type(node).__name__ == "Query":
            return False
        if getattr(node, "funcretset", False) or getattr(node, "opretset", False):
            return True
        return any(self.returns_set(child) for child in node.children())


def make_var(item: Namespace, number: int, column: Column, level: int, location: int) -> Var:
    """A reference to column ``number`` (from 1) of a range table entry."""
    return Var(
        varno=item.index, varattno=number, vartype=column.typid, vartypmod=column.typmod,
        varcollid=column.collation, varlevelsup=level, varnosyn=item.index, varattnosyn=number,
        varreturningtype=item.returning, location=location,
    )  # fmt: skip


def is_join(item: Namespace) -> bool:
    """Whether an item is a join."""
    return item.rte.rtekind == RTEKind.RTE_JOIN
