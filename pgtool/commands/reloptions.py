"""Storage parameters: WITH (name = value) of tables, indexes, views and columns.

What each kind of relation takes is a table: name → how its value is checked. The text that
the user wrote is what pg_class.reloptions keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from pgtool.errors import SqlError
from pgtool.sql.define import definition_text

__all__ = ["changed_options", "read_options"]

INVALID_PARAMETER_VALUE = "22023"


class _Spec(NamedTuple):
    kind: str
    low: float = 0
    high: float = 0
    values: tuple[str, ...] = ()


_BOOL = _Spec("bool")
_INT_MAX = 2**31 - 1
_AUTOVACUUM = {
    "autovacuum_enabled": _BOOL, "vacuum_truncate": _BOOL,
    "autovacuum_vacuum_threshold": _Spec("int", 0, _INT_MAX),
    "autovacuum_vacuum_max_threshold": _Spec("int", -1, _INT_MAX),
    "autovacuum_vacuum_insert_threshold": _Spec("int", -1, _INT_MAX),
    "autovacuum_vacuum_cost_delay": _Spec("real", 0, 100),
    "autovacuum_vacuum_cost_limit": _Spec("int", 1, 10000),
    "autovacuum_freeze_min_age": _Spec("int", 0, 1000000000),
    "autovacuum_freeze_max_age": _Spec("int", 100000, 2000000000),
    "autovacuum_freeze_table_age": _Spec("int", 0, 2000000000),
    "autovacuum_multixact_freeze_min_age": _Spec("int", 0, 1000000000),
    "autovacuum_multixact_freeze_max_age": _Spec("int", 10000, 2000000000),
    "autovacuum_multixact_freeze_table_age": _Spec("int", 0, 2000000000),
    "autovacuum_vacuum_scale_factor": _Spec("real", 0, 100),
    "autovacuum_vacuum_insert_scale_factor": _Spec("real", 0, 100),
    "log_autovacuum_min_duration": _Spec("int", -1, _INT_MAX),
    "vacuum_index_cleanup": _Spec(
        "enum", values=("auto", "on", "off", "true", "false", "yes", "no", "1", "0")),
    "vacuum_max_eager_freeze_failure_rate": _Spec("real", 0, 1),
}  # fmt: skip
_HEAP = {
    "fillfactor": _Spec("int", 10, 100), "toast_tuple_target": _Spec("int", 128, 8160),
    "parallel_workers": _Spec("int", 0, 1024), "user_catalog_table": _BOOL,
    "autovacuum_analyze_threshold": _Spec("int", 0, _INT_MAX),
    "autovacuum_analyze_scale_factor": _Spec("real", 0, 100), **_AUTOVACUUM,
}  # fmt: skip
#: Kind of thing → its parameters.
PARAMETERS: dict[str, dict[str, _Spec]] = {
    "heap": _HEAP, "toast": _AUTOVACUUM, "partitioned": {},
    "view": {
        "security_barrier": _BOOL, "security_invoker": _BOOL,
        "check_option": _Spec("enum", values=("local", "cascaded")),
    },
    "btree": {"fillfactor": _Spec("int", 10, 100), "deduplicate_items": _BOOL},
    "hash": {"fillfactor": _Spec("int", 10, 100)},
    "gist": {"fillfactor": _Spec("int", 10, 100),
             "buffering": _Spec("enum", values=("on", "off", "auto"))},
    "gin": {"fastupdate": _BOOL, "gin_pending_list_limit": _Spec("int", 64, _INT_MAX // 1024)},
    "brin": {"pages_per_range": _Spec("int", 1, 131072), "autosummarize": _BOOL},
    "attribute": {"n_distinct": _Spec("real", -1, float("inf")),
                  "n_distinct_inherited": _Spec("real", -1, float("inf"))},
}  # fmt: skip
_TRUE = ("true", "on", "yes", "1")
_FALSE = ("false", "off", "no", "0")


def _check(name: str, spec: _Spec, text: str) -> None:
    if spec.kind == "bool":
        word = text.lower()
        words = [w for w in (*_TRUE, *_FALSE) if word and w.startswith(word)]
        if not words or word == "o":
            raise SqlError(f'invalid value for boolean option "{name}": {text}',
                           INVALID_PARAMETER_VALUE)  # fmt: skip
        return
    if spec.kind == "enum":
        if text.lower() not in spec.values:
            shown = {"vacuum_index_cleanup": '"on", "off", and "auto"',
                     "check_option": '"local" and "cascaded"',
                     "buffering": '"on", "off", and "auto"'}[name]  # fmt: skip
            raise SqlError(f'invalid value for enum option "{name}": {text}',
                           INVALID_PARAMETER_VALUE, f"Valid values are {shown}.")  # fmt: skip
        return
    integer = spec.kind == "int"
    try:
        value = int(text, 0) if integer else float(text)
    except ValueError:
        what = "integer" if integer else "floating point"
        raise SqlError(f'invalid value for {what} option "{name}": {text}',
                       INVALID_PARAMETER_VALUE) from None  # fmt: skip
    if not spec.low <= value <= spec.high:
        low, high = (
            (f"{spec.low}", f"{spec.high}") if integer
            else (f"{spec.low:f}", f"{min(spec.high, 1.7976931348623157e308):f}")
        )  # fmt: skip
        raise SqlError(f'value {text} out of bounds for option "{name}"',
                       INVALID_PARAMETER_VALUE,
                       f'Valid values are between "{low}" and "{high}".')  # fmt: skip


def read_options(nodes: Sequence[Any], kind: str, namespace: str | None = None) -> (
    tuple[str, ...] | None
):  # fmt: skip
    """The reloptions of new things; ``namespace`` picks those of ``toast.``."""
    return changed_options(None, nodes, kind, namespace)


def changed_options(
    old: tuple[str, ...] | None, nodes: Sequence[Any], kind: str, namespace: str | None = None,
    reset: bool = False,
) -> tuple[str, ...] | None:  # fmt: skip
    """reloptions after SET or RESET of some."""
    out = list(old or ())
    for node in nodes:
        if node.defnamespace not in (None, "toast"):
            raise SqlError(f'unrecognized parameter namespace "{node.defnamespace}"',
                           INVALID_PARAMETER_VALUE)  # fmt: skip
        if (node.defnamespace or None) != namespace:
            continue
        name = str(node.defname)
        if kind == "partitioned" and not reset:
            raise SqlError("cannot specify storage parameters for a partitioned table", "42809",
                           hint="Specify storage parameters for its leaf partitions instead.")
        spec = PARAMETERS[kind].get(name)
        out = [item for item in out if item.partition("=")[0] != name]
        if reset:
            if node.arg is not None:
                raise SqlError("RESET must not include values for parameters", "42601")
            continue
        if spec is None:
            raise SqlError(f'unrecognized parameter "{name}"', INVALID_PARAMETER_VALUE)
        text = definition_text(node)
        _check(name, spec, text)
        out.append(f"{name}={text}")
    return tuple(out) or None
