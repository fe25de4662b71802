r"""Patterns of \d and its kin, to conditions over names.

Letters fold, quotes keep them; ``*`` and ``?`` stand for characters, a dot divides schema and
name; what else a regular expression knows is passed on. A pattern without a schema asks for
what the search path shows.
"""

from __future__ import annotations

from dataclasses import dataclass

from pgtool.catalog.names import pattern_parts
from pgtool.errors import UserError

__all__ = ["Names", "NotFound", "conditions", "split"]

_SPECIAL = set("|*+?()[]{}.^$\\")


class NotFound(UserError):
    """There is nothing to list, which is told and no error."""


@dataclass(frozen=True)
class Names:
    """The expressions that a pattern is held against."""

    name: str
    schema: str = ""
    #: Another form of the name that may match instead.
    other: str = ""
    #: True for what the search path shows.
    visible: str = ""


def split(pattern: str) -> list[str]:
    """The parts of a pattern between dots, as regular expressions."""
    return pattern_parts(pattern)[0]


def _matches(expression: str, regex: str) -> str:
    quoted = "'" + f"^({regex})$".replace("'", "''") + "'"
    if "\\" in quoted:
        quoted = "E" + quoted.replace("\\", "\\\\")
    return f"{expression} OPERATOR(pg_catalog.~) {quoted} COLLATE pg_catalog.default"


def conditions(pattern: str | None, names: Names, dbname: str) -> list[str]:
    """What a pattern asks for."""
    if pattern is None:
        return [names.visible] if names.visible else []
    parts = split(pattern)
    if len(parts) - 1 > (2 if names.schema else 0):
        raise UserError(f"improper qualified name (too many dotted names): {pattern}")
    if len(parts) > (2 if names.schema else 1) and parts[0] != _plain(dbname):
        raise UserError(f"cross-database references are not implemented: {pattern}")
    found = []
    name = parts[-1]
    if name not in ("", ".*"):
        test = _matches(names.name, name)
        found.append(f"({test} OR {_matches(names.other, name)})" if names.other else test)
    if len(parts) > 1 and names.schema:
        if parts[-2] not in ("", ".*"):
            found.append(_matches(names.schema, parts[-2]))
    elif names.visible:
        found.append(names.visible)
    return found


def _plain(text: str) -> str:
    return "".join("\\" + c if c in _SPECIAL else c for c in text)
