"""jsonpath as functions and operators: exists, match, query and their time zone kin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgtool.errors import SqlError
from pgtool.functions import jsonbtree as tree
from pgtool.functions.jsonpath import Evaluator, node_of_value
from pgtool.functions.jsonpatherror import PathError
from pgtool.functions.jsonpathtree import path_of
from pgtool.functions.registry import Call, builtin

__all__ = ["path_exists", "path_values"]


def _evaluator(
    call: Call, data: bytes, path: bytes, variables: bytes | None, use_tz: bool
) -> Evaluator:
    return Evaluator(call.session, path_of(path), data, variables, use_tz)


def path_values(
    call: Call, data: bytes, path: bytes, variables: bytes | None, silent: bool, use_tz: bool
) -> list[Any]:
    """All values; with ``silent``, those before an error."""
    found: list[Any] = []
    try:
        found.extend(_evaluator(call, data, path, variables, use_tz).run())
    except PathError:
        if not silent:
            raise
    return found


def path_exists(
    call: Call, data: bytes, path: bytes, variables: bytes | None, silent: bool, use_tz: bool
) -> bool | None:
    """Whether there is a value; None for a silenced error."""
    evaluator = _evaluator(call, data, path, variables, use_tz)
    try:
        if not evaluator.lax:
            return bool(list(evaluator.run()))
        evaluator.only_exists = True
        return any(True for _ in evaluator.run())
    except PathError:
        if not silent:
            raise
        return None


def _match(
    call: Call, data: bytes, path: bytes, variables: bytes | None, silent: bool, use_tz: bool
) -> bool | None:
    found = path_values(call, data, path, variables, silent, use_tz)
    if len(found) == 1 and (found[0] is None or isinstance(found[0], bool)):
        return found[0]
    if not silent:
        raise SqlError("single boolean result is expected", "22038")
    return None


def _query(
    call: Call, data: bytes, path: bytes, variables: bytes | None, silent: bool, use_tz: bool
) -> Iterator[bytes]:
    for value in path_values(call, data, path, variables, silent, use_tz):
        yield tree.pack(node_of_value(value))


def _query_array(
    call: Call, data: bytes, path: bytes, variables: bytes | None, silent: bool, use_tz: bool
) -> bytes:
    found = path_values(call, data, path, variables, silent, use_tz)
    return tree.pack([node_of_value(value) for value in found])


def _query_first(
    call: Call, data: bytes, path: bytes, variables: bytes | None, silent: bool, use_tz: bool
) -> bytes | None:
    found = path_values(call, data, path, variables, silent, use_tz)
    return tree.pack(node_of_value(found[0])) if found else None


def _register() -> None:
    for name, compute in (
        ("exists", path_exists), ("match", _match), ("query", _query),
        ("query_array", _query_array), ("query_first", _query_first),
    ):  # fmt: skip
        for use_tz in (False, True):
            builtin(f"jsonb_path_{name}{'_tz' * use_tz}", call=True, returns_set=name == "query")(
                lambda call, data, path, variables, silent, compute=compute, use_tz=use_tz:
                compute(call, data, path, variables, silent, use_tz)
            )  # fmt: skip


_register()


@builtin("jsonb_path_exists_opr", call=True)
def jsonb_path_exists_opr(call: Call, data: bytes, path: bytes) -> bool | None:
    return path_exists(call, data, path, None, True, False)


@builtin("jsonb_path_match_opr", call=True)
def jsonb_path_match_opr(call: Call, data: bytes, path: bytes) -> bool | None:
    return _match(call, data, path, None, True, False)
