"""Which function or operator a call means (manual, chapter 10.2 and 10.3), and its node.

Candidates are all functions of the name that the search path shows; of two with the same
argument types the one in the earlier schema counts. An exact match of types wins; else
those whose arguments can be converted implicitly compete (:func:`best_candidate`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError
from pgtool.sql.analyze.coerce import Context, Path, can_coerce, find_path

if TYPE_CHECKING:
    from pgtool.sql.analyze.state import ParseState

__all__ = ["Candidate", "Found", "best_candidate", "find_function", "func_candidates"]

UNDEFINED_FUNCTION = "42883"
AMBIGUOUS_FUNCTION = "42725"
MAX_ARGS = 100


@dataclass(slots=True)
class Candidate:
    """A function that a call could mean.

    ``args`` are the declared types as the call sees them: named arguments reordered,
    VARIADIC expanded, defaults filled. ``order[i]`` is the parameter position of call
    argument i where names are used; ``variadic`` counts the expanded elements; ``defaults``
    the parameters that take their default.
    """

    oid: int
    row: Any
    path: int
    args: tuple[int, ...]
    order: tuple[int, ...] | None = None
    variadic: int = 0
    defaults: int = 0


@dataclass(slots=True)
class Found:
    """The chosen function, or ``coercion_type`` where the call is a cast in disguise."""

    candidate: Candidate | None = None
    coercion_type: int = 0
    ambiguous: bool = False
    candidates: list[Candidate] = field(default_factory=list)


def func_candidates(
    state: ParseState, names: list[str], nargs: int, argnames: list[str],
    *, expand_variadic: bool, expand_defaults: bool,
) -> list[Candidate]:  # fmt: skip
    """Every function of this name that takes ``nargs`` arguments (any number: -1)."""
    schema, name = state.split_name(names)
    spaces = [state.namespace_oid(schema)] if schema else state.search_path
    rank = {oid: i for i, oid in enumerate(spaces)}
    found: list[Candidate] = []
    for row in state.cache.lookup("pg_proc", "proname", name):
        if row.pronamespace not in rank:
            continue
        made = _candidate(
            row, rank[row.pronamespace], nargs, argnames, expand_variadic, expand_defaults
        )
        if made is not None:
            found.append(made)
    return _without_shadowed(found)


def _candidate(
    row: Any, rank: int, nargs: int, argnames: list[str], expand_variadic: bool,
    expand_defaults: bool,
) -> Candidate | None:  # fmt: skip
    declared = tuple(row.proargtypes)
    count = len(declared)
    if nargs < 0:
        return Candidate(row.oid, row, rank, declared)
    if argnames:
        return _named(row, rank, nargs, argnames, declared, expand_defaults)
    if expand_variadic and row.provariadic and nargs >= count - 1 and _use_variadic(
        row, nargs, count
    ):
        extra = nargs - count + 1
        if extra >= 1:
            args = declared[:-1] + (row.provariadic,) * extra
            return Candidate(row.oid, row, rank, args, None, extra)
    if count == nargs:
        return Candidate(row.oid, row, rank, declared)
    if expand_defaults and count > nargs >= count - row.pronargdefaults:
        return Candidate(row.oid, row, rank, declared, None, 0, count - nargs)
    return None


def _use_variadic(row: Any, nargs: int, count: int) -> bool:
    return row.provariadic != t.ANYOID or nargs >= count


def _input_names(row: Any) -> list[str]:
    names = row.proargnames or ()
    modes = row.proargmodes
    if modes is None:
        return list(names)
    return [name for name, mode in zip(names, modes) if mode in ("i", "b", "v")]


def _named(
    row: Any, rank: int, nargs: int, argnames: list[str], declared: tuple[int, ...],
    expand_defaults: bool,
) -> Candidate | None:  # fmt: skip
    """Mixed notation: positional arguments first, the rest by name."""
    if row.provariadic or not row.proargnames:
        return None
    count = len(declared)
    if nargs > count or (nargs < count and not expand_defaults):
        return None
    parameters = _input_names(row)
    positional = nargs - len(argnames)
    order = list(range(positional))
    for name in argnames:
        try:
            at = parameters.index(name)
        except ValueError:
            return None
        if at in order:
            return None
        order.append(at)
    missing = [at for at in range(count) if at not in order]
    if any(at < count - row.pronargdefaults for at in missing):
        return None
    order += missing
    args = tuple(declared[at] for at in order)
    return Candidate(row.oid, row, rank, args, tuple(order), 0, len(missing))


def _without_shadowed(found: list[Candidate]) -> list[Candidate]:
    """Of candidates with the same effective arguments, keep the one found first.

    An exact count beats a variadic expansion, and an earlier schema a later one. Two that
    rely on defaults in the same way stay: the call is ambiguous.
    """
    best: dict[tuple[int, ...], list[Candidate]] = {}
    for candidate in found:
        used = candidate.args[: len(candidate.args) - candidate.defaults]
        best.setdefault(used, []).append(candidate)
    out = []
    for group in best.values():
        group.sort(key=lambda c: (c.path, bool(c.variadic)))
        first = group[0]
        key = (first.path, bool(first.variadic))
        out += [c for c in group if (c.path, bool(c.variadic)) == key]
    return out


def find_function(
    state: ParseState, names: list[str], argtypes: list[int], argnames: list[str],
    *, expand_variadic: bool = True, expand_defaults: bool = True, single: Any = None,
) -> Found:  # fmt: skip
    """The function that a call with these argument types means.

    ``single`` is the argument expression of a one-argument call: it may be a cast that is
    written as a function.
    """
    candidates = func_candidates(
        state, names, len(argtypes), argnames, expand_variadic=expand_variadic,
        expand_defaults=expand_defaults,
    )  # fmt: skip
    for candidate in candidates:
        if _same_types(candidate, argtypes):
            others = [c for c in candidates if c is not candidate and _same_types(c, argtypes)]
            return Found(candidate, ambiguous=bool(others), candidates=candidates)
    if len(argtypes) == 1 and not argnames and single is not None:
        target = _cast_in_disguise(state, names, argtypes[0])
        if target:
            return Found(coercion_type=target, candidates=candidates)
    matching = [
        c for c in candidates
        if can_coerce(state, argtypes, list(c.args[: len(argtypes)]), Context.implicit)
    ]  # fmt: skip
    if len(matching) == 1:
        return Found(matching[0], candidates=candidates)
    if matching:
        chosen = best_candidate(state, argtypes, matching)
        if chosen is not None:
            return Found(chosen, candidates=candidates)
        return Found(ambiguous=True, candidates=candidates)
    return Found(candidates=candidates)


def _same_types(candidate: Candidate, argtypes: list[int]) -> bool:
    return candidate.args[: len(argtypes)] == tuple(argtypes)


def _cast_in_disguise(state: ParseState, names: list[str], source: int) -> int:
    """The type that ``type(x)`` casts to, where it is a cast that needs no function; or 0."""
    target = state.lookup_type_oid(names)
    if not target or state.types.row(target).typrelid:
        return 0
    if source == t.UNKNOWNOID:
        return target
    path, _function = find_path(state, target, source, Context.explicit)
    if path is Path.relabel:
        return target
    if path is Path.io:
        # Rows to strings only by CAST: too easy to want a column and get this.
        if (source == t.RECORDOID or state.types.is_complex(source)) and state.types.category(
            target
        ) == "S":
            return 0
        return target
    return 0


def best_candidate(
    state: ParseState, argtypes: list[int], candidates: list[Any]
) -> Any | None:
    """The one candidate that fits best; None where several fit alike (manual, 10.3 step 4)."""
    types = state.types
    base = [types.base_type(typid) if typid != t.UNKNOWNOID else typid for typid in argtypes]
    known = [i for i, typid in enumerate(base) if typid != t.UNKNOWNOID]
    unknown = [i for i, typid in enumerate(base) if typid == t.UNKNOWNOID]
    kept = _keep_most(candidates, lambda c: sum(c.args[i] == base[i] for i in known))
    if len(kept) == 1:
        return kept[0]

    def preferred_count(candidate: Any) -> int:
        count = 0
        for i in known:
            typid = candidate.args[i]
            exact = typid == base[i]
            category = types.category(base[i])
            count += exact or (types.category(typid) == category and types.preferred(typid))
        return count

    kept = _keep_most(kept, preferred_count)
    if len(kept) == 1:
        return kept[0]
    if not unknown:
        return None
    kept = _by_unknown_category(state, kept, unknown)
    if len(kept) == 1:
        return kept[0]
    # Last resort: take unknown arguments to be of the type that all known ones have.
    if known and len({base[i] for i in known}) == 1:
        guess = base[known[0]]
        fitting = [
            c for c in kept
            if can_coerce(state, [guess] * len(base), list(c.args[: len(base)]), Context.implicit)
        ]  # fmt: skip
        if len(fitting) == 1:
            return fitting[0]
    return None


def _keep_most(candidates: list[Any], score: Any) -> list[Any]:
    scores = [score(candidate) for candidate in candidates]
    top = max(scores)
    return [candidate for candidate, value in zip(candidates, scores) if value == top]


def _by_unknown_category(
    state: ParseState, candidates: list[Any], unknown: list[int]
) -> list[Any]:
    """Decide by what the candidates want where the call has unknown literals.

    Strings win over everything; otherwise all candidates must agree on a category, in
    which a preferred type counts more.
    """
    types = state.types
    wanted: dict[int, tuple[str, bool]] = {}
    for i in unknown:
        categories = [types.category(c.args[i]) for c in candidates]
        if "S" in categories:
            category = "S"
        elif len(set(categories)) == 1:
            category = categories[0]
        else:
            return candidates
        has_preferred = any(
            types.category(c.args[i]) == category and types.preferred(c.args[i])
            for c in candidates
        )  # fmt: skip
        wanted[i] = (category, has_preferred)

    def fits(candidate: Any) -> bool:
        for i, (category, has_preferred) in wanted.items():
            typid = candidate.args[i]
            if types.category(typid) != category:
                return False
            if has_preferred and not types.preferred(typid):
                return False
        return True

    fitting = [candidate for candidate in candidates if fits(candidate)]
    return fitting or candidates


def signature(state: ParseState, names: list[str], argtypes: list[int], argnames: list[str]) -> str:
    """``name(type, …)`` as error messages show a call."""
    shown = [state.types.name(typid) for typid in argtypes]
    positional = len(argtypes) - len(argnames)
    for i, name in enumerate(argnames):
        shown[positional + i] = f"{name} => {shown[positional + i]}"
    return f"{'.'.join(names)}({', '.join(shown)})"


def not_found(
    state: ParseState, names: list[str], argtypes: list[int], argnames: list[str], location: int
) -> SqlError:
    """The error for a call that no function fits."""
    return SqlError(
        f"function {signature(state, names, argtypes, argnames)} does not exist",
        UNDEFINED_FUNCTION,
        hint="No function matches the given name and argument types. "
        "You might need to add explicit type casts.",
        position=location + 1 if location >= 0 else None,
    )


def not_unique(
    state: ParseState, names: list[str], argtypes: list[int], argnames: list[str], location: int
) -> SqlError:
    """The error for a call that several functions fit."""
    return SqlError(
        f"function {signature(state, names, argtypes, argnames)} is not unique",
        AMBIGUOUS_FUNCTION,
        hint="Could not choose a best candidate function. "
        "You might need to add explicit type casts.",
        position=location + 1 if location >= 0 else None,
    )
