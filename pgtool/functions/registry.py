"""The table of built-ins: ``pg_proc.prosrc`` → implementation.

An implementation works on *values* (:mod:`pgtool.functions.values`), one call at a time::

    @builtin("int4pl")
    def int4pl(a: int, b: int) -> int: ...

A strict function is never called with None (the executor knows from ``proisstrict``). A
function that needs to know how it is called (argument types, collation, session) says
``call=True`` and gets a :class:`Call` first. Set-returning functions are generators, of
values or of tuples for composite results.

Where it pays, the same name also gets a vectorised form::

    @vector("int4pl")
    def int4pl_v(a, b): ...      # numpy arrays of the rows where all arguments are non-null

which takes the arrays of fixed-width columns (or a VarColumn) and raises the same errors.

Aggregates and window functions have their own tables. Function modules are imported at
the first look-up only.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from formats.errors import Unsupported

if TYPE_CHECKING:
    Session = Any

F = TypeVar("F", bound=Callable[..., Any])

#: Modules that register built-ins; a new one is added here and nowhere else.
MODULES: tuple[str, ...] = (
    "int",
    "interval",
    "timestamp",
    "date",
    "datefields",
    "datecolumns",
    "dateformat",
    "dateparse",
    "json",
    "jsonb",
    "jsonbedit",
    "jsonbcolumns",
    "jsonbuild",
    "jsonpathfuncs",
    "jsonbmatch",
    "jsonrecord",
    "grouped",
    "groupedspread",
    "groupedfloat",
    "compare",
    "compare_text",
    "compare_containers",
    "textcolumns",
    "groupedtext",
    "hashing",
    "float",
    "floatmath",
    "numeric",
    "numericmath",
    "money",
    "identifiers",
    "inout",
    "aggregates",
    "aggstats",
    "aggintervals",
    "transitions",
    "orderedset",
    "windowfuncs",
    "text",
    "textformat",
    "textcase",
    "textcode",
    "bytea",
    "varbit",
    "uuid",
    "enums",
    "like",
    "regexp",
    "arrayfuncs",
    "ranges",
    "multiranges",
    "numformat",
    "tocharcolumns",
    "tonumber",
    "networks",
    "ruleutils.views",
    "ruleutils.indexes",
    "ruleutils.constraints",
    "ruleutils.triggers",
    "ruleutils.routines",
    "ruleutils.extstats",
    "ruleutils.partitions", "ruleutils.partconstraint",
    "sysfuncs.visibility",
    "sysfuncs.acl",
    "sysfuncs.privileges",
    "sysfuncs.session",
    "sysfuncs.sizes",
    "sysfuncs.sequences",
    "sysfuncs.atrest",
    "sysfuncs.stats",
    "sysfuncs.iostats",
    "sysfuncs.mcv",
    "sysfuncs.identity",
    "sysfuncs.publications",
    "sysfuncs.describe", "tsparser",
    "sysfuncs.keywords",
    "sysfuncs.objects",
    "sysfuncs.updatable",
    "sysfuncs.control",
    "sysfuncs.zones",
    "textvector",
    "geo",
    "geopaths",
    "geolines",
)


@dataclass(slots=True)
class Builtin:
    """One built-in function: its scalar form and how to call it."""

    prosrc: str
    scalar: Callable[..., Any]
    call: bool
    returns_set: bool


@dataclass(slots=True)
class Call:
    """How a function is called: what a function that asks for it may need to know.

    ``argtypes`` and ``rettype`` are type OIDs after polymorphism is resolved, ``collation``
    the input collation's OID, ``variadic`` whether the last argument is an explicit array,
    ``session`` the settings and catalogs. ``columns`` are (name, type, typmod) of a column
    definition list, for a function that returns record.
    """

    argtypes: tuple[int, ...]
    rettype: int
    collation: int
    session: Session
    variadic: bool = False
    typmod: int = -1
    columns: tuple[tuple[str, int, int], ...] = ()


BUILTINS: dict[str, Builtin] = {}
VECTORS: dict[str, Callable[..., Any]] = {}
#: Vectorised forms that get the :class:`Call` first; their scalar forms do too.
VECTOR_CALLS: set[str] = set()
#: Vectorised forms that cannot fail: they may be given rows whose value does not count.
TOTAL: set[str] = set()
#: Aggregates over many groups at once, under the same keys as AGGREGATES.
GROUPED: dict[tuple[str, str], type[GroupedAggregate]] = {}
AGGREGATES: dict[tuple[str, str], type[Aggregate]] = {}
WINDOWS: dict[str, type[WindowFunction]] = {}
_loaded = False


def builtin(*names: str, call: bool = False, returns_set: bool = False) -> Callable[[F], F]:
    """Register a scalar or set-returning implementation under one or more prosrc names."""

    def register(function: F) -> F:
        for name in names:
            assert name not in BUILTINS, f"{name} is registered twice"
            BUILTINS[name] = Builtin(name, function, call, returns_set)
        return function

    return register


def vector(*names: str, total: bool = False, call: bool = False) -> Callable[[F], F]:
    """Register the vectorised form of built-ins that have a scalar form too.

    ``total``: it raises no error whatever the values, so it may also see rows that are
    NULL or filtered out. ``call``: it gets the Call first. What arguments and results
    are, :mod:`pgtool.functions.columns` says.
    """

    def register(function: F) -> F:
        for name in names:
            assert name not in VECTORS, f"{name} is registered twice"
            VECTORS[name] = function
            if total:
                TOTAL.add(name)
            if call:
                VECTOR_CALLS.add(name)
        return function

    return register


class Aggregate:
    """One aggregate's state over one group. Subclasses hold the state in attributes.

    ``step`` gets the call's arguments (strict transition functions skip rows with NULL
    before it); ``final`` gives the result or None. ``call`` describes the call.
    """

    def __init__(self, call: Call) -> None:
        self.call = call

    def step(self, *args: Any) -> None:
        """Take in one row."""
        raise NotImplementedError

    def final(self) -> Any:
        """The group's result."""
        raise NotImplementedError


def aggregate(*keys: tuple[str, str]) -> Callable[[type[Aggregate]], type[Aggregate]]:
    """Register an aggregate under (transition function's prosrc, final function's or '')."""

    def register(kind: type[Aggregate]) -> type[Aggregate]:
        for key in keys:
            assert key not in AGGREGATES, f"{key} is registered twice"
            AGGREGATES[key] = kind
        return kind

    return register


class GroupedAggregate:
    """The states of one aggregate over many groups, as arrays.

    ``step`` gets each row's group (int64 ids below ``groups``) and the argument columns
    (stored or ScaledColumn; MixedColumn too if ``mixed``), NULL rows of strict transitions
    already left out; it returns False to decline (the executor then goes on with the scalar
    form: only before anything was taken in). ``final`` gives a list of values or a column,
    one for each group.
    """

    mixed = False

    def __init__(self, call: Call) -> None:
        self.call = call

    def step(self, ids: Any, groups: int, *columns: Any) -> bool:
        """Take in rows."""
        raise NotImplementedError

    def final(self, groups: int) -> Any:
        """One result a group."""
        raise NotImplementedError


def grouped(*keys: tuple[str, str]) -> Callable[[type[Any]], type[Any]]:
    """Register the many-groups form of an aggregate under its AGGREGATES keys."""

    def register(kind: type[Any]) -> type[Any]:
        for key in keys:
            assert key not in GROUPED, f"{key} is registered twice"
            GROUPED[key] = kind
        return kind

    return register


class WindowFunction:
    """A true window function (rank, lag …); ``evaluate`` gives a value for each row.

    ``rows`` are the partition's argument tuples in order, ``peers`` for each row the
    (first, last + 1) of its peer group, ``frames`` likewise its frame.
    """

    def __init__(self, call: Call) -> None:
        self.call = call

    def evaluate(
        self,
        rows: list[tuple[Any, ...]],
        peers: list[tuple[int, int]],
        frames: list[tuple[int, int]],
    ) -> list[Any]:
        """One value a row."""
        raise NotImplementedError


def window(*names: str) -> Callable[[type[WindowFunction]], type[WindowFunction]]:
    """Register a window function under its prosrc."""

    def register(kind: type[WindowFunction]) -> type[WindowFunction]:
        for name in names:
            WINDOWS[name] = kind
        return kind

    return register


def load() -> None:
    """Import every function module once."""
    global _loaded
    if not _loaded:
        _loaded = True
        for name in MODULES:
            importlib.import_module(f"pgtool.functions.{name}")


def find(prosrc: str) -> Builtin:
    """The built-in of that name; Unsupported where there is none."""
    load()
    try:
        return BUILTINS[prosrc]
    except KeyError:
        raise Unsupported(f"function {prosrc}") from None
