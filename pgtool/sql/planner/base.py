"""What planning works on: query levels, relations, clauses, paths.

``Glob`` is one statement's planning, ``Root`` one query level of it. A ``Rel`` is a base
relation or a join of some; each has ``Path`` objects, ways to compute its rows with cost,
order (pathkeys) and the outer relations that it needs values from. Paths become plan nodes
in :mod:`pgtool.sql.planner.createplan`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pgtool.nodes.enums import JoinType
from pgtool.sql.analyze.typefacts import TypeFacts
from pgtool.sql.planner.settings import Costs

Relids = frozenset[int]
NONE: Relids = frozenset()


class Glob:
    """Planning of one statement: subplans, executor parameters, the final range table."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.cache = session.cache
        self.types = TypeFacts(session.cache, session.types)
        self.costs = Costs(session)
        self.subplans: list[Any] = []
        self.subroots: list[Any] = []
        self.param_types: list[int] = []
        self.rtable: list[Any] = []
        self.perminfos: list[Any] = []
        self.relation_oids: list[int] = []

    def new_param(self, typid: int) -> int:
        """A new executor parameter."""
        self.param_types.append(typid)
        return len(self.param_types) - 1


@dataclass(eq=False)
class Root:
    """One query level."""

    glob: Glob
    query: Any
    parent: Root | None
    has_recursion: bool = False
    wt_param: int = -1
    nonrecursive: Any = None
    plan_params: list[tuple[Any, Any, int]] = field(default_factory=list)
    init_plans: list[Any] = field(default_factory=list)
    cte_plan_ids: list[int] = field(default_factory=list)
    rels: dict[int, Rel] = field(default_factory=dict)
    join_rels: dict[Relids, Rel] = field(default_factory=dict)
    sjinfos: list[SpecialJoin] = field(default_factory=list)
    ecs: list[Any] = field(default_factory=list)
    ec_merging_done: bool = False
    canon: dict[Any, Any] = field(default_factory=dict)
    query_pathkeys: list[Any] = field(default_factory=list)
    append_parents: dict[int, Any] = field(default_factory=dict)
    gating: list[Any] = field(default_factory=list)
    tuple_fraction: float = 0.0
    limit_tuples: float = -1.0
    total_pages: float = 0.0
    all_rels: Relids = NONE
    outer_params: list[tuple[Any, Any, int]] = field(default_factory=list)
    nullable: Relids = NONE
    final_paths: list[Path] = field(default_factory=list)
    having: list[Any] = field(default_factory=list)
    column_origins: dict[int, Any] = field(default_factory=dict)
    lateral_vars: dict[int, list[Any]] = field(default_factory=dict)
    cte_roots: dict[int, Any] = field(default_factory=dict)
    attr_needed: dict[tuple[int, int], set[int]] = field(default_factory=dict)

    def rte(self, rti: int) -> Any:
        """A range table entry by its index."""
        return self.query.rtable[rti - 1]


@dataclass(eq=False)
class Rinfo:
    """One AND-ed clause and where it may be applied."""

    clause: Any
    required: Relids
    clause_relids: Relids
    pushed_down: bool = True
    outer_delayed: bool = False
    nullable: Relids = NONE
    outer_relids: Relids = NONE
    can_join: bool = False
    left: Relids = NONE
    right: Relids = NONE
    mergeops: tuple[int, ...] = ()
    hash_op: int = 0
    ec: Any = None
    left_ec: Any = None
    right_ec: Any = None
    cost: tuple[float, float] | None = None
    sel: dict[Any, float] = field(default_factory=dict)
    or_clauses: list[Any] | None = None
    pseudo: bool = False
    security: int = 0
    left_em: Any = None
    right_em: Any = None
    bucket: dict[Any, Any] = field(default_factory=dict)
    #: By what its selectivity in inner joins grows, since scans check a part of it.
    scale: float = 1.0


@dataclass(eq=False)
class SpecialJoin:
    """An outer, semi or anti join: what must be on each side of it."""

    min_left: Relids
    min_right: Relids
    syn_left: Relids
    syn_right: Relids
    jointype: JoinType
    lhs_strict: bool = False
    delay_upper: bool = False
    semi_ops: list[int] = field(default_factory=list)
    semi_rhs: list[Any] = field(default_factory=list)
    semi_can_btree: bool = False
    semi_can_hash: bool = False


@dataclass(eq=False)
class IndexInfo:
    """A btree index as the planner sees it."""

    oid: int
    pages: int
    tuples: float
    height: int
    keys: list[Any]
    ncols: int
    nkeys: int
    opfamilies: list[int]
    opcintypes: list[int]
    collations: list[int]
    reverse: list[bool]
    nulls_first: list[bool]
    unique: bool
    immediate: bool
    predicate: list[Any]
    pred_ok: bool
    exprs: list[Any]
    canreturn: bool
    rel: Any = None
    can_order: bool = True


@dataclass(eq=False)
class Rel:
    """A base relation (one range table index) or a join."""

    relids: Relids
    rows: float = 0.0
    target: list[Any] = field(default_factory=list)
    target_cost: float = 0.0
    width: int = 0
    paths: list[Path] = field(default_factory=list)
    cheapest: Path | None = None
    cheapest_startup: Path | None = None
    rti: int = 0
    rte: Any = None
    relation: Any = None
    pages: float = 0.0
    tuples: float = 0.0
    allvisfrac: float = 0.0
    baserestrict: list[Rinfo] = field(default_factory=list)
    joininfo: list[Rinfo] = field(default_factory=list)
    indexes: list[IndexInfo] = field(default_factory=list)
    has_ec_joins: bool = False
    lateral: Relids = NONE
    direct_lateral: Relids = NONE
    subroot: Any = None
    subplan_paths: list[Path] = field(default_factory=list)
    parent: Rel | None = None
    children: list[Rel] = field(default_factory=list)
    dummy: bool = False
    consider_startup: bool = False
    consider_param_startup: bool = False
    unique_path: Any = None
    unique_tried: bool = False
    unique_for: dict[Any, bool] = field(default_factory=dict)
    attr_widths: dict[int, int] = field(default_factory=dict)
    param_rows: dict[Relids, float] = field(default_factory=dict)
    param_clauses: dict[Relids, list[Rinfo]] = field(default_factory=dict)
    partitions: Any = None

    @property
    def base(self) -> bool:
        """Whether it is not a join."""
        return bool(self.rti)


class Path:
    """One way to compute a relation. ``kind`` names the plan node; details are attributes."""

    def __init__(
        self, kind: str, rel: Rel, rows: float, startup: float, total: float,
        pathkeys: list[Any] | None = None, required: Relids = NONE, **details: Any,
    ) -> None:  # fmt: skip
        self.kind = kind
        self.rel = rel
        self.rows = rows
        self.startup = startup
        self.total = total
        self.pathkeys = pathkeys or []
        self.required = required
        self.disabled = 0
        self.enforced: list[Rinfo] = []
        self.target: list[Any] = rel.target
        self.refs: list[int] | None = None
        self.width = rel.width
        self.__dict__.update(details)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{self.__dict__.get('kind')} path has no {name}")


FUZZ = 1.01


def compare_costs(a: Path, b: Path, fuzz: float = FUZZ) -> int:
    """-1, 0, 1 as PostgreSQL compares fuzzily; 2 where each wins in one cost."""
    if a.disabled != b.disabled:
        return -1 if a.disabled < b.disabled else 1
    startup = a.rel.consider_startup if not a.required else a.rel.consider_param_startup
    if a.total > b.total * fuzz:
        return 2 if startup and b.startup > a.startup * fuzz else 1
    if b.total > a.total * fuzz:
        return 2 if startup and a.startup > b.startup * fuzz else -1
    if a.startup > b.startup * fuzz:
        return 1
    if b.startup > a.startup * fuzz:
        return -1
    return 0


def compare_keys(a: list[Any], b: list[Any]) -> int:
    """0 equal, -1 a is better (longer), 1 b is better, 2 different."""
    for x, y in zip(a, b):
        if x is not y:
            return 2
    return 0 if len(a) == len(b) else (-1 if len(a) > len(b) else 1)


def _dominates(new: Path, old: Path) -> tuple[bool, bool]:
    """(the old one is dominated, the new one is dominated)."""
    costs = compare_costs(new, old)
    if costs == 2:
        return False, False
    new_keys = [] if new.required else new.pathkeys
    old_keys = [] if old.required else old.pathkeys
    keys = compare_keys(new_keys, old_keys)
    if keys == 2:
        return False, False
    if costs == 0:
        return _equal_cost(new, old, keys)
    if costs == -1:
        return keys != 1 and new.required <= old.required and new.rows <= old.rows, False
    return False, keys != -1 and old.required <= new.required and old.rows <= new.rows


def _equal_cost(new: Path, old: Path, keys: int) -> tuple[bool, bool]:
    fewer = new.required <= old.required and new.rows <= old.rows
    more = old.required <= new.required and old.rows <= new.rows
    if keys == -1:
        return fewer, False
    if keys == 1:
        return False, more
    if new.required == old.required:
        if new.rows < old.rows:
            return True, False
        if new.rows > old.rows:
            return False, True
        exact = compare_costs(new, old, 1.0000000001)
        return (True, False) if exact == -1 else (False, True)
    return fewer, more and not fewer


def add_path(rel: Rel, new: Path) -> None:
    """Keep a path if no other is as good in every respect; drop those that it beats."""
    kept: list[Path] = []
    accept = True
    for i, old in enumerate(rel.paths):
        remove_old, reject = _dominates(new, old) if accept else (False, False)
        if reject:
            accept = False
        if not remove_old:
            kept.append(old)
        if not accept:
            kept += rel.paths[i + 1 :]
            break
    rel.paths = kept
    if accept:
        at = next((i for i, p in enumerate(kept) if _order(new) < _order(p)), len(kept))
        kept.insert(at, new)


def _order(path: Path) -> tuple[int, float]:
    return (path.disabled, path.total)


def set_cheapest(rel: Rel) -> None:
    """Choose the cheapest paths of a finished relation."""
    free = [p for p in rel.paths if not p.required]
    pool = free or rel.paths
    best = pool[0]
    start = pool[0]
    for p in pool[1:]:
        if not free:
            if (len(p.required), *_order(p)) < (len(best.required), *_order(best)):
                best = p
            continue
        order = _total_order(p, best)
        if order < 0 or (order == 0 and compare_keys(p.pathkeys, best.pathkeys) == -1):
            best = p
        if (p.disabled, p.startup, p.total) < (start.disabled, start.startup, start.total):
            start = p
    rel.cheapest = best
    rel.cheapest_startup = start if free else None


def _total_order(a: Path, b: Path) -> int:
    one, two = (a.disabled, a.total, a.startup), (b.disabled, b.total, b.startup)
    return -1 if one < two else int(one > two)
