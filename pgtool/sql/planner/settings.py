"""The planner's settings: cost constants and enable_* switches of a session, with defaults."""

from __future__ import annotations

from typing import Any

#: Name → PostgreSQL's default. Sizes are in the units of the setting (kB or blocks).
DEFAULTS: dict[str, Any] = {
    "seq_page_cost": 1.0, "random_page_cost": 4.0, "cpu_tuple_cost": 0.01,
    "cpu_index_tuple_cost": 0.005, "cpu_operator_cost": 0.0025, "work_mem": 4096,
    "hash_mem_multiplier": 2.0, "effective_cache_size": 524288, "cursor_tuple_fraction": 0.1,
    "recursive_worktable_factor": 10.0, "geqo_threshold": 12, "jit": False,
    "constraint_exclusion": "partition", "plan_cache_mode": "auto",
    **{f"enable_{name}": True for name in (
        "seqscan", "indexscan", "indexonlyscan", "bitmapscan", "tidscan", "sort",
        "incremental_sort", "hashagg", "nestloop", "material", "memoize", "mergejoin", "hashjoin",
        "partition_pruning", "presorted_aggregate", "self_join_elimination",
        "distinct_reordering", "group_by_reordering",
    )},
}  # fmt: skip

DISABLE_COST = 1.0e10


class Costs:
    """The settings as attributes, read from the session once."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._known: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in DEFAULTS:
            raise AttributeError(name)
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = _setting(self._session, name)
        return found

    @property
    def hash_mem(self) -> float:
        """Bytes that one hash table may take."""
        return float(self.work_mem) * 1024 * float(self.hash_mem_multiplier)


def _setting(session: Any, name: str) -> Any:
    default = DEFAULTS[name]
    get = getattr(session, "setting", None)
    value = get(name) if callable(get) else None
    if value is None:
        return default
    if isinstance(default, bool):
        return value if isinstance(value, bool) else str(value) in ("on", "true", "1", "yes")
    if isinstance(default, (int, float)) and isinstance(value, str):
        return type(default)(_number(value))
    return value


_UNITS = {"kB": 1, "MB": 1024, "GB": 1 << 20, "TB": 1 << 30}


def _number(text: str) -> float:
    for unit, factor in _UNITS.items():
        if text.endswith(unit):
            return float(text[: -len(unit)]) * factor
    return float(text)
