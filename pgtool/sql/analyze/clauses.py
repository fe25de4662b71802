"""ORDER BY, GROUP BY, DISTINCT, LIMIT, WINDOW: clauses over the target list."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError
from pgtool.nodes.enums import LimitOption
from pgtool.nodes.query import SortGroupClause, TargetEntry, WindowClause
from pgtool.nodes.raw_enums import SortByDir, SortByNulls
from pgtool.sql.analyze import names
from pgtool.sql.analyze.calls import to_target
from pgtool.sql.analyze.expressions import transform_expr
from pgtool.sql.analyze.levels import variables_of_level
from pgtool.sql.analyze.nodetypes import expr_location, expr_type
from pgtool.sql.analyze.operators import find_operator
from pgtool.sql.analyze.state import ParseState

__all__ = [
    "add_to_sort_list", "assign_ref", "distinct_clause", "distinct_on_clause", "find_entry",
    "group_item", "limit_clause", "sort_clause", "sort_group_operators", "window_clauses",
]  # fmt: skip

BTREE_AM, HASH_AM = 403, 405


# -- finding the target entry that a clause means ----------------------------------------


def _match_expression(
    state: ParseState, node: Any, entries: list[TargetEntry], kind: str
) -> TargetEntry:
    """The entry for an expression: an equal one, or a new one that is not shown."""
    expr = transform_expr(state, node, kind)
    for entry in entries:
        if entry.expr == expr:
            return entry
    made = TargetEntry(expr=expr, resno=len(entries) + 1, resjunk=True)
    entries.append(made)
    return made


def find_entry(
    state: ParseState, node: Any, entries: list[TargetEntry], kind: str
) -> TargetEntry:
    """SQL92 rules: an output name, a position, or any expression."""
    kind_name = type(node).__name__
    if kind_name == "ColumnRef" and len(node.fields) == 1 and hasattr(node.fields[0], "sval"):
        name = node.fields[0].sval
        # GROUP BY prefers an input column of the name.
        shadowed = kind == "GROUP BY" and names.find_column(state, name, node.location) is not None
        if not shadowed:
            found = _by_name(entries, name, kind, node.location)
            if found is not None:
                return found
    elif kind_name == "A_Const" and not node.isnull:
        if type(node.val).__name__ != "ValueInteger":
            raise SqlError(f"non-integer constant in {kind}", "42601", position=node.location + 1)
        position = node.val.ival
        for entry in entries:
            if not entry.resjunk and entry.resno == position:
                return entry
        raise SqlError(f"{kind} position {position} is not in select list", "42P10",
                       position=node.location + 1)  # fmt: skip
    return _match_expression(state, node, entries, kind)


def _by_name(
    entries: list[TargetEntry], name: str, kind: str, location: int
) -> TargetEntry | None:
    found: TargetEntry | None = None
    for entry in entries:
        if entry.resjunk or entry.resname != name:
            continue
        if found is not None and found.expr != entry.expr:
            raise SqlError(f'{kind} "{name}" is ambiguous', "42702", position=location + 1)
        found = found or entry
    return found


# -- operators for sorting and grouping --------------------------------------------------


def sort_group_operators(
    state: ParseState, typid: int, need_lt: bool, need_eq: bool, location: int
) -> tuple[int, int, int, bool]:
    """(less-than, equality, greater-than, hashable) operators of a type's default classes."""
    base = state.types.base_type(typid)
    lt, eq, gt = _default_operators(state, base)
    if (need_lt and not lt) or (need_eq and not eq):
        what = "an ordering" if need_lt else "an equality"
        raise SqlError(
            f"could not identify {what} operator for type {state.types.name(typid)}", "42883",
            hint="Use an explicit ordering operator or modify the query." if need_lt else None,
            position=location + 1 if location >= 0 else None,
        )  # fmt: skip
    return lt, eq, gt, _hashable(state, base, eq)


def _default_operators(state: ParseState, base: int) -> tuple[int, int, int]:
    typ = _class_type(state, base)
    family = _default_family(state, BTREE_AM, typ)
    if family:
        if not _comparable(state, base):
            return 0, 0, 0
        pick = {row.amopstrategy: row.amopopr for row in state.cache.lookup(
            "pg_amop", ("amopfamily", "amoplefttype", "amoprighttype"), (family, typ, typ)
        )}  # fmt: skip
        return pick.get(1, 0), pick.get(3, 0), pick.get(5, 0)
    family = _default_family(state, HASH_AM, typ)
    if not family:
        return 0, 0, 0
    rows = state.cache.lookup(
        "pg_amop", ("amopfamily", "amoplefttype", "amoprighttype"), (family, typ, typ)
    )
    return 0, rows[0].amopopr if rows else 0, 0


def _class_type(state: ParseState, base: int) -> int:
    """The type under which a type's operator class is registered."""
    row = state.types.row(base)
    if _default_family(state, BTREE_AM, base) or _default_family(state, HASH_AM, base):
        return base
    by_kind = {"e": t.ANYENUMOID, "r": t.ANYRANGEOID, "m": t.ANYMULTIRANGEOID, "c": t.RECORDOID}
    if row.typtype in by_kind:
        return by_kind[row.typtype]
    if state.types.element_type(base):
        return t.ANYARRAYOID
    if base == t.VARCHAROID:
        return t.TEXTOID
    # Binary compatible types use the class of the type they relabel to.
    for cast in state.cache.lookup("pg_cast", "castsource", base):
        if cast.castmethod == "b" and cast.castcontext == "i" and _default_family(
            state, BTREE_AM, cast.casttarget
        ):
            return int(cast.casttarget)
    return base


def _default_family(state: ParseState, method: int, typid: int) -> int:
    key = ("opcmethod", "opcintype", "opcdefault")
    row = state.cache.one("pg_opclass", key, (method, typid, True))
    return int(row.opcfamily) if row is not None else 0


def _comparable(state: ParseState, base: int) -> bool:
    """Arrays compare if their elements do, rows if their columns do."""
    element = state.types.element_type(base)
    if element:
        return bool(_default_operators(state, state.types.base_type(element))[1])
    row = state.types.row(base)
    if row.typtype == "c":
        return all(
            _default_operators(state, state.types.base_type(a.atttypid))[1]
            for a in state.types.attributes(base) if not a.attisdropped
        )  # fmt: skip
    return True


def _hashable(state: ParseState, base: int, eq: int) -> bool:
    if not eq or base == t.RECORDOID or not state.cache.operator(eq).oprcanhash:
        return False
    element = state.types.element_type(base)
    if element:
        inner = state.types.base_type(element)
        return _hashable(state, inner, _default_operators(state, inner)[1])
    if state.types.row(base).typtype == "c":
        for a in state.types.attributes(base):
            inner = state.types.base_type(a.atttypid)
            if not a.attisdropped and not _hashable(
                state, inner, _default_operators(state, inner)[1]
            ):
                return False
    return True


# -- sorting -----------------------------------------------------------------------------


def assign_ref(entry: TargetEntry, entries: list[TargetEntry]) -> int:
    """The entry's sort/group reference, given one if it has none."""
    if not entry.ressortgroupref:
        entry.ressortgroupref = max((e.ressortgroupref for e in entries), default=0) + 1
    return entry.ressortgroupref


def sort_clause(
    state: ParseState, items: list[Any], entries: list[TargetEntry], kind: str,
    sql99: bool = False,
) -> list[SortGroupClause]:  # fmt: skip
    """An ORDER BY list. ``sql99``: expressions over the input only (windows, aggregates)."""
    out: list[SortGroupClause] = []
    for item in items:
        finder = _match_expression if sql99 else find_entry
        entry = finder(state, item.node, entries, kind)
        add_to_sort_list(state, entry, out, entries, item)
    return out


def _as_known(state: ParseState, entry: TargetEntry) -> int:
    """The entry's type; an unknown literal becomes text first."""
    from pgtool.sql.analyze.target import resolve_unknowns

    resolve_unknowns(state, [entry])
    return expr_type(entry.expr)


def add_to_sort_list(
    state: ParseState, entry: TargetEntry, clauses: list[SortGroupClause],
    entries: list[TargetEntry], item: Any,
) -> None:  # fmt: skip
    """Add one sort key, unless it is there already."""
    typid = _as_known(state, entry)
    location = item.location if item.location >= 0 else expr_location(item.node)
    reverse = item.sortby_dir == SortByDir.SORTBY_DESC
    if item.sortby_dir == SortByDir.SORTBY_USING:
        op_names = [name.sval for name in item.useOp]
        row = find_operator(state, op_names, typid, typid, location)
        sort_op = row.oid
        eq_op, reverse = _equality_for(state, sort_op, op_names, location)
        hashable = state.cache.operator(eq_op).oprcanhash
    else:
        lt, eq_op, gt, hashable = sort_group_operators(state, typid, True, True, location)
        sort_op = gt if reverse else lt
    nulls_first = {
        SortByNulls.SORTBY_NULLS_FIRST: True, SortByNulls.SORTBY_NULLS_LAST: False
    }.get(item.sortby_nulls, reverse)  # fmt: skip
    if any(clause.tleSortGroupRef == entry.ressortgroupref for clause in clauses) and (
        entry.ressortgroupref
    ):
        return
    clauses.append(
        SortGroupClause(
            tleSortGroupRef=assign_ref(entry, entries), eqop=eq_op, sortop=sort_op,
            reverse_sort=reverse, nulls_first=nulls_first, hashable=hashable,
        )
    )  # fmt: skip


def _equality_for(
    state: ParseState, sort_op: int, op_names: list[str], location: int
) -> tuple[int, bool]:
    """The equality operator of the btree family in which an operator sorts."""
    for row in state.cache.lookup("pg_amop", "amopopr", sort_op):
        if row.amopmethod == BTREE_AM and row.amopstrategy in (1, 5):
            key = ("amopfamily", "amoplefttype", "amoprighttype", "amopstrategy")
            value = (row.amopfamily, row.amoplefttype, row.amoprighttype, 3)
            equal = state.cache.one("pg_amop", key, value)
            if equal is not None:
                return int(equal.amopopr), row.amopstrategy == 5
    raise SqlError(
        f"operator {'.'.join(op_names)} is not a valid ordering operator", "42809",
        hint='Ordering operators must be "<" or ">" members of btree operator families.',
        position=location + 1 if location >= 0 else None,
    )  # fmt: skip


# -- grouping and distinct ---------------------------------------------------------------


def group_item(
    state: ParseState, entry: TargetEntry, clauses: list[SortGroupClause],
    entries: list[TargetEntry], location: int,
) -> SortGroupClause:  # fmt: skip
    """Add one grouping key by its type's default operators."""
    typid = _as_known(state, entry)
    lt, eq, _gt, hashable = sort_group_operators(state, typid, False, True, location)
    made = SortGroupClause(
        tleSortGroupRef=assign_ref(entry, entries), eqop=eq, sortop=lt, nulls_first=False,
        hashable=hashable,
    )  # fmt: skip
    clauses.append(made)
    return made


def distinct_clause(
    state: ParseState, entries: list[TargetEntry], sorts: list[SortGroupClause],
    in_aggregate: bool = False,
) -> list[SortGroupClause]:  # fmt: skip
    """SELECT DISTINCT: every column, those of ORDER BY first."""
    by_ref = {entry.ressortgroupref: entry for entry in entries if entry.ressortgroupref}
    out: list[SortGroupClause] = []
    for clause in sorts:
        entry = by_ref[clause.tleSortGroupRef]
        if entry.resjunk:
            message = (
                "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list"
                if in_aggregate else
                "for SELECT DISTINCT, ORDER BY expressions must appear in select list"
            )  # fmt: skip
            raise SqlError(message, "42P10", position=expr_location(entry.expr) + 1 or None)
        out.append(clause.copy())
    used = {clause.tleSortGroupRef for clause in out}
    for entry in entries:
        if not entry.resjunk and (not entry.ressortgroupref or entry.ressortgroupref not in used):
            group_item(state, entry, out, entries, expr_location(entry.expr))
    if not out:
        what = "an aggregate with DISTINCT must have at least one argument" if in_aggregate else (
            "SELECT DISTINCT must have at least one column"
        )
        raise SqlError(what, "42601")
    return out


def distinct_on_clause(
    state: ParseState, items: list[Any], entries: list[TargetEntry],
    sorts: list[SortGroupClause],
) -> list[SortGroupClause]:  # fmt: skip
    """SELECT DISTINCT ON: its expressions must be the first of ORDER BY, in any order."""
    refs = []
    for item in items:
        entry = find_entry(state, item, entries, "DISTINCT ON")
        refs.append(assign_ref(entry, entries))
    places = [expr_location(item) for item in items]

    def mismatch(ref: int) -> SqlError:
        return SqlError(
            "SELECT DISTINCT ON expressions must match initial ORDER BY expressions", "42P10",
            position=places[refs.index(ref)] + 1 or None,
        )  # fmt: skip

    out: list[SortGroupClause] = []
    skipped = False
    for clause in sorts:
        if clause.tleSortGroupRef in refs:
            if skipped:
                raise mismatch(clause.tleSortGroupRef)
            out.append(clause.copy())
        else:
            skipped = True
    for ref in refs:
        if any(clause.tleSortGroupRef == ref for clause in out):
            continue
        if skipped:
            raise mismatch(ref)
        entry = next(e for e in entries if e.ressortgroupref == ref)
        group_item(state, entry, out, entries, expr_location(entry.expr))
    return out


# -- limit and windows -------------------------------------------------------------------


def limit_clause(state: ParseState, node: Any, kind: str, option: LimitOption) -> Any:
    """LIMIT or OFFSET as a bigint expression without columns."""
    if node is None:
        return None
    made = transform_expr(state, node, kind)
    made = to_target(
        state, made, t.INT8OID,
        f"argument of {kind} must be type bigint, not type {state.types.name(expr_type(made))}",
    )  # fmt: skip
    _no_variables(made, kind)
    if kind == "LIMIT" and option == LimitOption.LIMIT_OPTION_WITH_TIES and (
        type(made).__name__ == "Const" and made.constisnull
    ):
        raise SqlError("row count cannot be null in FETCH FIRST ... WITH TIES clause", "2201W")
    return made


FRAMEOPTION_RANGE, FRAMEOPTION_ROWS, FRAMEOPTION_GROUPS = 0x2, 0x4, 0x8
FRAMEOPTION_DEFAULTS = 0x2 | 0x20 | 0x400


def window_clauses(
    state: ParseState, definitions: list[Any], entries: list[TargetEntry]
) -> list[WindowClause]:
    """WINDOW definitions, named ones and those of OVER, resolved against each other."""
    out: list[WindowClause] = []
    for number, definition in enumerate(definitions, 1):
        if definition.name and any(made.name == definition.name for made in out):
            raise SqlError(f'window "{definition.name}" is already defined', "42P20",
                           position=definition.location + 1)  # fmt: skip
        out.append(_window(state, definition, number, out, entries))
    return out


def _window(
    state: ParseState, definition: Any, number: int, done: list[WindowClause],
    entries: list[TargetEntry],
) -> WindowClause:  # fmt: skip
    at = definition.location + 1
    base = None
    if definition.refname:
        base = next((made for made in done if made.name == definition.refname), None)
        if base is None:
            raise SqlError(f'window "{definition.refname}" does not exist', "42704", position=at)
    order = sort_clause(state, definition.orderClause, entries, "WINDOW", sql99=True)
    partition: list[SortGroupClause] = []
    for item in definition.partitionClause:
        entry = _match_expression(state, item, entries, "WINDOW")
        if not any(entry.ressortgroupref == c.tleSortGroupRef for c in partition
                   if entry.ressortgroupref):  # fmt: skip
            group_item(state, entry, partition, entries, expr_location(item))
    made = WindowClause(name=definition.name, refname=definition.refname, winref=number,
                        frameOptions=definition.frameOptions)  # fmt: skip
    if base is not None:
        if partition:
            raise SqlError(
                f'cannot override PARTITION BY clause of window "{definition.refname}"', "42P20",
                position=at,
            )  # fmt: skip
        partition = [clause.copy() for clause in base.partitionClause]
        if order and base.orderClause:
            raise SqlError(f'cannot override ORDER BY clause of window "{definition.refname}"',
                           "42P20", position=at)  # fmt: skip
        if not order:
            order = [clause.copy() for clause in base.orderClause]
            made.copiedOrder = True
        if base.frameOptions != FRAMEOPTION_DEFAULTS:
            raise SqlError(
                f'cannot copy window "{definition.refname}" because it has a frame clause',
                "42P20", position=at,
                hint=None if definition.name or order
                or definition.frameOptions != FRAMEOPTION_DEFAULTS
                else "Omit the parentheses in this OVER clause.",
            )  # fmt: skip
    made.partitionClause, made.orderClause = partition, order
    _frame(state, definition, made, order, entries)
    return made


def _frame(
    state: ParseState, definition: Any, made: WindowClause, order: list[SortGroupClause],
    entries: list[TargetEntry],
) -> None:  # fmt: skip
    """Frame offsets, and what RANGE with an offset and GROUPS ask of the ordering."""
    options = definition.frameOptions
    at = definition.location + 1
    offsets = (definition.startOffset, definition.endOffset)
    if options & FRAMEOPTION_GROUPS and not order:
        raise SqlError("GROUPS mode requires an ORDER BY clause", "42P20", position=at)
    if options & FRAMEOPTION_RANGE and any(offset is not None for offset in offsets):
        if len(order) != 1:
            raise SqlError("RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY "
                           "column", "42P20", position=at)  # fmt: skip
        from pgtool.sql.analyze.frames import range_offsets

        range_offsets(state, definition, made, order[0], entries)
        return
    word = "ROWS" if options & FRAMEOPTION_ROWS else "GROUPS"
    made.startOffset = _count_offset(state, offsets[0], word)
    made.endOffset = _count_offset(state, offsets[1], word)


def _count_offset(state: ParseState, node: Any, word: str) -> Any:
    if node is None:
        return None
    made = transform_expr(state, node, f"WINDOW {word}")
    made = to_target(
        state, made, t.INT8OID,
        f"argument of {word} must be type bigint, not type {state.types.name(expr_type(made))}",
    )  # fmt: skip
    _no_variables(made, word)
    return made


def _no_variables(node: Any, word: str) -> None:
    for found in variables_of_level(node):
        raise SqlError(f"argument of {word} must not contain variables", "42P10",
                       position=found.location + 1)  # fmt: skip
