"""Utility statements: which parse node is run by which command.

Commands stand above this layer, so they are named by dotted path and imported when first
run. A command is ``function(engine, raw, text) -> Outcome``; it runs in a transaction of a
session that writes, unless the row says that it only reads.
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

from pgtool.sql.answer import Outcome

__all__ = ["COMMANDS", "Command", "command_of", "run_command"]


class Command(NamedTuple):
    """Where a command is, and whether running it writes."""

    path: str
    writes: bool = True


#: Parse node's class → its command.
COMMANDS: dict[str, Command] = {
    "CopyStmt": Command("pgtool.commands.copy.statement:copy", False),
    "ConstraintsSetStmt": Command("pgtool.sql.constraints_set:set_constraints", False),
    "LockStmt": Command("pgtool.sql.locktable:lock_table", False),
}


SELECT_INTO = Command("pgtool.commands.createas:select_into")
#: Whose table says which further commands there are.
_CATALOG_COMMANDS = "pgtool.commands.dispatch"


def command_of(kind: str) -> Command | None:
    """The command of a parse node's class, None where there is none."""
    found = COMMANDS.get(kind)
    if found is not None:
        return found
    others = importlib.import_module(_CATALOG_COMMANDS)
    return Command(f"{_CATALOG_COMMANDS}:run") if kind in others.COMMANDS else None


def run_command(engine: Any, command: Command, raw: Any, text: str) -> Outcome:
    """Run the command of a utility statement."""
    module, _, name = command.path.partition(":")
    if command.writes:
        engine.writer(raw)
    outcome: Outcome = getattr(importlib.import_module(module), name)(engine, raw, text)
    return outcome
