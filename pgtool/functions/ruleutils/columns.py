"""What a query's range table entries and their columns are called when it is written out.

Names must be found again when the text is read: tables get numbers where names repeat
(also in outer queries), columns where they repeat within their table, and the columns that
USING merges get one name on both sides. Names are those of today's catalogs, not of the
day when the query was stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pgtool.functions.ruleutils.names import Names
from pgtool.nodes.base import strings
from pgtool.nodes.enums import RTEKind
from pgtool.nodes.exprs import Var
from pgtool.nodes.query import FromExpr, JoinExpr, RangeTblRef

__all__ = ["ColumnNames", "Namespace"]

NAMEDATALEN = 64


def unique(name: str, taken: Callable[[str], bool], first: int = 1) -> tuple[str, int]:
    """The name with ``_<number>`` added such that it is not taken, and the number."""
    number, kept = first, name
    while True:
        made = f"{kept}_{number}"
        while len(made.encode()) >= NAMEDATALEN:
            kept = kept[:-1]
            made = f"{kept}_{number}"
        if not taken(made):
            return made, number
        number += 1


class ColumnNames:
    """The columns of one range table entry."""

    def __init__(self) -> None:
        #: By attribute number less one; None where dropped or not yet named.
        self.names: list[str | None] = []
        #: Those that a reader would see now, and whether they came after the query was stored.
        self.current: list[tuple[str, bool]] = []
        self.using: list[str] = []
        self.parent_using: list[str] = []
        self.left = self.right = 0
        self.left_columns: list[int] = []
        self.right_columns: list[int] = []
        self.print_aliases = False

    def widen(self, count: int) -> None:
        """Have room for so many columns."""
        self.names += [None] * (count - len(self.names))

    def push(self, number: int, name: str) -> None:
        """A name given from above; system columns keep theirs."""
        if number > 0:
            self.widen(number)
            self.names[number - 1] = name


class Namespace:
    """The range table of one query level with its names."""

    def __init__(
        self, names: Names, query: Any, parents: Iterable[Namespace] = (), *,
        rtable: list[Any] | None = None,
    ) -> None:  # fmt: skip
        self.names = names
        self.query = query
        self.rtable: list[Any] = query.rtable if rtable is None else rtable
        self.ctes: list[Any] = query.cteList if query is not None else []
        self.old_alias = (query.returningOldAlias if query is not None else None) or "old"
        self.new_alias = (query.returningNewAlias if query is not None else None) or "new"
        self.tables = self._table_names(parents)
        self.columns = [ColumnNames() for _rte in self.rtable]
        self.unique_using = False
        self.using: list[str] = []
        #: A function whose body is written: its name and its arguments' names.
        self.function = ""
        self.arguments: list[str] = []
        jointree = query.jointree if query is not None else None
        if jointree is not None:
            self.unique_using = self._dangerous(jointree)
            self._name_using(jointree, [])
        for rte, columns in zip(self.rtable, self.columns):
            if rte.rtekind == RTEKind.RTE_JOIN and query is not None:
                self._name_join(rte, columns)
            elif rte.rtekind != RTEKind.RTE_JOIN:
                self._name_table(rte, columns)

    # -- tables --------------------------------------------------------------------------

    def _table_names(self, parents: Iterable[Namespace]) -> list[str | None]:
        counters = {name: 0 for parent in parents for name in parent.tables if name is not None}
        out: list[str | None] = []
        for rte in self.rtable:
            name = self._own_name(rte)
            if name is not None and name in counters:
                made, number = unique(name, counters.__contains__, counters[name] + 1)
                counters[name] = number
                name = made
            if name is not None:
                counters[name] = 0
            out.append(name)
        return out

    def _own_name(self, rte: Any) -> str | None:
        if rte.alias is not None:
            return str(rte.alias.aliasname)
        if rte.rtekind == RTEKind.RTE_RELATION:
            return self.names.bare_relation(rte.relid)
        return None if rte.rtekind == RTEKind.RTE_JOIN else str(rte.eref.aliasname)

    # -- USING ---------------------------------------------------------------------------

    def _dangerous(self, node: Any) -> bool:
        """Whether a merged column is an expression, whose name must be unique in the query."""
        if isinstance(node, FromExpr):
            return any(self._dangerous(item) for item in node.fromlist)
        if not isinstance(node, JoinExpr):
            return False
        if node.alias is None and node.usingClause:
            rte = self.rtable[node.rtindex - 1]
            merged = rte.joinaliasvars[: rte.joinmergedcols]
            if any(not isinstance(item, Var) for item in merged):
                return True
        return self._dangerous(node.larg) or self._dangerous(node.rarg)

    def _name_using(self, node: Any, above: list[str]) -> None:
        if isinstance(node, FromExpr):
            for item in node.fromlist:
                self._name_using(item, above)
        if not isinstance(node, JoinExpr):
            return
        rte, mine = self.rtable[node.rtindex - 1], self.columns[node.rtindex - 1]
        self._sides(node, rte, mine)
        left, right = self.columns[mine.left - 1], self.columns[mine.right - 1]
        if rte.alias is None:
            for i, name in enumerate(mine.names):
                if name is not None:
                    left.push(mine.left_columns[i], name)
                    right.push(mine.right_columns[i], name)
        if node.usingClause:
            above = list(above)
            mine.widen(len(node.usingClause))
            for i, item in enumerate(node.usingClause):
                name = mine.names[i] or self._using_name(rte, mine, i, item.sval)
                mine.using.append(name)
                above.append(name)
                left.push(mine.left_columns[i], name)
                right.push(mine.right_columns[i], name)
        left.parent_using = right.parent_using = above
        self._name_using(node.larg, above)
        self._name_using(node.rarg, above)

    def _using_name(self, rte: Any, mine: ColumnNames, i: int, name: str) -> str:
        if rte.alias is not None and i < len(rte.alias.colnames):
            name = rte.alias.colnames[i].sval
        name = self._unique(name, mine)
        if self.unique_using:
            self.using.append(name)
        mine.names[i] = name
        return name

    @staticmethod
    def _sides(node: Any, rte: Any, mine: ColumnNames) -> None:
        """Which column of which side each column of a join is."""
        mine.left, mine.right = (
            int(side.rtindex) if isinstance(side, (RangeTblRef, JoinExpr)) else 0
            for side in (node.larg, node.rarg)
        )
        count = len(rte.joinaliasvars)
        mine.left_columns = [*rte.joinleftcols, *[0] * (count - len(rte.joinleftcols))]
        merged = rte.joinmergedcols
        rest = rte.joinrightcols[merged:]
        gap = len(rte.joinleftcols) - merged
        mine.right_columns = [*rte.joinrightcols[:merged], *[0] * gap, *rest]

    # -- columns -------------------------------------------------------------------------

    def _unique(self, name: str, mine: ColumnNames) -> str:
        seen = {*mine.names, *(n for n, _new in mine.current), *mine.parent_using, *self.using}
        if name not in seen:
            return name
        return unique(name, seen.__contains__)[0]

    def _real_names(self, rte: Any) -> list[str | None]:
        if rte.rtekind == RTEKind.RTE_RELATION:
            return self.names.columns(rte.relid)
        return [name or None for name in strings(rte.eref.colnames)]

    def _name_table(self, rte: Any, mine: ColumnNames) -> None:
        real = self._real_names(rte)
        mine.widen(len(real))
        old = len(rte.eref.colnames)
        given = strings(rte.alias.colnames) if rte.alias is not None else []
        changed = False
        current = []
        for i, name in enumerate(real):
            if name is None:
                continue
            if mine.names[i] is None:
                mine.names[i] = self._unique(given[i] if i < len(given) else name, mine)
            current.append((str(mine.names[i]), i >= old))
            changed = changed or mine.names[i] != name
        mine.current = current
        if rte.rtekind == RTEKind.RTE_FUNCTION:
            mine.print_aliases = True
        elif rte.rtekind == RTEKind.RTE_TABLEFUNC:
            mine.print_aliases = False
        elif rte.rtekind != RTEKind.RTE_RELATION and given:
            mine.print_aliases = True
        else:
            mine.print_aliases = changed

    def _name_join(self, rte: Any, mine: ColumnNames) -> None:
        left, right = self.columns[mine.left - 1], self.columns[mine.right - 1]
        old = len(rte.eref.colnames)
        mine.widen(old)
        given = strings(rte.alias.colnames) if rte.alias is not None else []
        changed = False
        for i in range(len(mine.using), old):
            if mine.left_columns[i] > 0:
                real = left.names[mine.left_columns[i] - 1]
            elif mine.right_columns[i] > 0:
                real = right.names[mine.right_columns[i] - 1]
            else:
                real = rte.eref.colnames[i].sval
            if real is None or rte.alias is None:
                mine.names[i] = real
                continue
            if mine.names[i] is None:
                mine.names[i] = self._unique(given[i] if i < len(given) else real, mine)
            changed = changed or mine.names[i] != real
        changed = self._current_of_join(rte, mine, left, right) or changed
        mine.print_aliases = changed and rte.alias is not None

    def _current_of_join(
        self, rte: Any, mine: ColumnNames, left: ColumnNames, right: ColumnNames
    ) -> bool:
        """The columns that the join would have now: merged ones, then each side's others."""
        merged = 0
        while (merged < len(mine.left_columns) and mine.left_columns[merged]
               and mine.right_columns[merged]):  # fmt: skip
            merged += 1
        mine.current = [(str(mine.names[i]), False) for i in range(merged)]
        following = iter([name for name in mine.names[merged:] if name is not None])
        changed = False
        for side, numbers in ((left, mine.left_columns), (right, mine.right_columns)):
            used = {number for number in numbers[:merged] if number > 0}
            stored = (i for i, name in enumerate(side.names, 1) if name is not None)
            for name, is_new in side.current:
                if not is_new:
                    if next(stored, 0) in used:
                        continue
                    mine.current.append((next(following, name), False))
                    continue
                made = self._unique(name, mine) if rte.alias is not None else name
                changed = changed or made != name
                mine.current.append((made, True))
        return changed
