"""The options of VACUUM and ANALYZE, checked as the server checks them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pgtool.errors import SqlError
from pgtool.sql.define import definition_text, definition_truth

__all__ = ["VacuumParams", "parse_options"]

MAX_PARALLEL_WORKERS = 1024
MIN_BUFFER_USAGE_KB, MAX_BUFFER_USAGE_KB = 128, 16 * 1024 * 1024
SYNTAX, UNSUPPORTED, INVALID_VALUE = "42601", "0A000", "22023"
_UNITS = {"": 1, "kb": 1, "mb": 1 << 10, "gb": 1 << 20, "tb": 1 << 30}


@dataclass
class VacuumParams:
    """What a statement asks for; None: as settings and storage parameters say."""

    is_vacuum: bool = True
    verbose: bool = False
    skip_locked: bool = False
    analyze: bool = False
    freeze: bool = False
    full: bool = False
    disable_page_skipping: bool = False
    #: "auto", "on", "off" or None.
    index_cleanup: str | None = None
    process_main: bool = True
    process_toast: bool = True
    truncate: bool | None = None
    parallel: int = 0
    skip_database_stats: bool = False
    only_database_stats: bool = False
    buffer_usage_limit: int | None = None
    #: Set by the autovacuum decision, not by a statement.
    wraparound: bool = False
    auto: bool = False


def _text(option: Any) -> str:
    return definition_text(option).lower()


def _bool(option: Any) -> bool:
    truth = definition_truth(option)
    if truth is None:
        raise SqlError(f"{option.defname} requires a Boolean value", SYNTAX)
    return truth


def _index_cleanup(option: Any) -> str:
    if option.arg is not None and _text(option) == "auto":
        return "auto"
    return "on" if _bool(option) else "off"


def _parallel(option: Any) -> int:
    if option.arg is None:
        raise SqlError(
            f"parallel option requires a value between 0 and {MAX_PARALLEL_WORKERS}", SYNTAX,
            position=_position(option),
        )  # fmt: skip
    try:
        workers = int(_text(option))
    except ValueError:
        raise SqlError(f"{option.defname} requires an integer value", SYNTAX) from None
    if not 0 <= workers <= MAX_PARALLEL_WORKERS:
        raise SqlError(
            f"parallel workers for vacuum must be between 0 and {MAX_PARALLEL_WORKERS}", SYNTAX,
            position=_position(option),
        )  # fmt: skip
    return workers


def _buffer_usage_limit(option: Any) -> int:
    text = _text(option).strip() if option.arg is not None else ""
    digits = text.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = text[len(digits) :].strip()
    size = int(digits) * _UNITS[unit] if digits.isdigit() and unit in _UNITS else -1
    if size != 0 and not MIN_BUFFER_USAGE_KB <= size <= MAX_BUFFER_USAGE_KB:
        hint = None
        if unit not in _UNITS:
            hint = 'Valid units for this parameter are "B", "kB", "MB", "GB", and "TB".'
        raise SqlError(
            f"BUFFER_USAGE_LIMIT option must be 0 or between {MIN_BUFFER_USAGE_KB} kB and "
            f"{MAX_BUFFER_USAGE_KB} kB", INVALID_VALUE, hint=hint,
        )  # fmt: skip
    return size


_COMMON: dict[str, Callable[[Any], Any]] = {
    "verbose": _bool, "skip_locked": _bool, "buffer_usage_limit": _buffer_usage_limit,
}  # fmt: skip
_VACUUM: dict[str, Callable[[Any], Any]] = {
    **_COMMON, "analyze": _bool, "freeze": _bool, "full": _bool, "disable_page_skipping": _bool,
    "index_cleanup": _index_cleanup, "process_main": _bool, "process_toast": _bool,
    "truncate": _bool, "parallel": _parallel, "skip_database_stats": _bool,
    "only_database_stats": _bool,
}  # fmt: skip


def _position(option: Any) -> int | None:
    at = getattr(option, "location", -1)
    return at + 1 if at >= 0 else None


def parse_options(raw: Any) -> VacuumParams:
    """The parameters of a VacuumStmt; SqlError for what does not go together."""
    out = VacuumParams(is_vacuum=raw.is_vacuumcmd)
    known, name = (_VACUUM, "VACUUM") if raw.is_vacuumcmd else (_COMMON, "ANALYZE")
    given = set()
    for option in raw.options:
        read = known.get(option.defname)
        if read is None:
            raise SqlError(
                f'unrecognized {name} option "{option.defname}"', SYNTAX,
                position=_position(option),
            )  # fmt: skip
        setattr(out, option.defname, read(option))
        given.add(option.defname)
    if not raw.is_vacuumcmd:
        out.analyze = True
    _check(out, raw, given)
    return out


def _check(params: VacuumParams, raw: Any, given: set[str]) -> None:
    """Combinations that the server refuses."""
    if params.full and params.parallel > 0:
        raise SqlError("VACUUM FULL cannot be performed in parallel", UNSUPPORTED)
    if params.full and "buffer_usage_limit" in given and not params.analyze:
        raise SqlError("BUFFER_USAGE_LIMIT cannot be specified for VACUUM FULL", UNSUPPORTED)
    if not params.analyze and any(rel.va_cols for rel in raw.rels):
        raise SqlError(
            "ANALYZE option must be specified when a column list is provided", UNSUPPORTED
        )
    if params.full and params.disable_page_skipping:
        raise SqlError(
            "VACUUM option DISABLE_PAGE_SKIPPING cannot be used with FULL", UNSUPPORTED
        )
    if params.full and not params.process_toast:
        raise SqlError("PROCESS_TOAST required with VACUUM FULL", UNSUPPORTED)
    if params.only_database_stats:
        if raw.rels:
            raise SqlError(
                "ONLY_DATABASE_STATS cannot be specified with a list of tables", UNSUPPORTED
            )
        if given - {"only_database_stats", "verbose"}:
            raise SqlError(
                "ONLY_DATABASE_STATS cannot be specified with other VACUUM options", UNSUPPORTED
            )
