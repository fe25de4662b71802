"""The interactive loop: prompts, history, completion of keywords and relation names."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from typing import Any

from pgtool.cli.psql.run import Runner
from pgtool.cli.psql.scan import Scanner

__all__ = ["interactive"]

HISTORY = "~/.pgtool_history"
MAX_HISTORY = 2000
_KEYWORDS = re.findall(r"\w+", """
ALL ANALYZE AND AS ASC BEGIN BETWEEN BY CASE CAST COALESCE COMMIT CROSS DEALLOCATE DESC DISTINCT
ELSE END EXCEPT EXECUTE EXISTS EXPLAIN FALSE FETCH FILTER FIRST FROM FULL GROUP HAVING ILIKE IN
INNER INTERSECT IS JOIN LAST LATERAL LEFT LIKE LIMIT NATURAL NOT NULL NULLS OFFSET ON OR ORDER
OUTER OVER PARTITION PREPARE RECURSIVE RESET RIGHT ROLLBACK ROWS SELECT SET SHOW SOME TABLE THEN
TRUE UNION USING VALUES WHEN WHERE WINDOW WITH
""")
_COMMANDS = ["\\d", "\\dt", "\\di", "\\dv", "\\dm", "\\ds", "\\df", "\\dn", "\\du", "\\l", "\\x",
             "\\timing", "\\i", "\\o", "\\q", "\\?", "\\c", "\\pset", "\\set", "\\unset",
             "\\echo", "\\g", "\\gx", "\\a", "\\t", "\\r"]  # fmt: skip


class Completer:
    """What Tab offers: relation names after FROM and its kin, else keywords, columns' tables."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.found: list[str] = []

    def __call__(self, text: str, state: int) -> str | None:
        if state == 0:
            import readline

            self.found = self.candidates(readline.get_line_buffer(), text)
        return self.found[state] if state < len(self.found) else None

    def candidates(self, line: str, text: str) -> list[str]:
        """The completions of the last word of a line."""
        if line.startswith("\\") and " " not in line:
            return [name for name in _COMMANDS if name.startswith(line)]
        before = line[: len(line) - len(text)].rstrip()
        last = re.split(r"[\s(,]+", before)[-1].upper() if before else ""
        if last in ("FROM", "JOIN", "TABLE") or before.startswith("\\d") or before.endswith(","):
            return self._relations(text)
        words = [word for word in _KEYWORDS if word.startswith(text.upper())]
        if text.islower():
            words = [word.lower() for word in words]
        return words or self._relations(text)

    def _relations(self, text: str) -> list[str]:
        relations = self.runner.engine.session.database.relations()
        if "." in text:
            names = {r.qualified for r in relations if r.relkind in "rpvmfS"}
        else:
            names = {r.relname for r in relations if r.relkind in "rpvmfS"}
            names |= {r.nspname + "." for r in relations}
        return sorted(name for name in names if name.startswith(text))


def _history(runner: Runner) -> Any:
    """Set up readline where there is one; returns what saves the history."""
    try:
        import readline
    except ImportError:
        return lambda: None
    path = os.path.expanduser(HISTORY)
    with contextlib.suppress(OSError):
        readline.read_history_file(path)
    readline.set_history_length(MAX_HISTORY)
    readline.set_completer_delims(" \t\n(),;=")
    readline.set_completer(Completer(runner))
    readline.parse_and_bind("tab: complete")

    def save() -> None:
        with contextlib.suppress(OSError):
            readline.write_history_file(path)

    return save


def _typed_data() -> Iterator[bytes]:
    """The data of COPY FROM STDIN at a terminal."""
    print("Enter data to be copied followed by a newline.\n"
          "End with a backslash and a period on a line by itself, or an EOF signal.")  # fmt: skip
    while True:
        # Not by input(): tabs are data here.
        print(">> ", end="", flush=True)
        line = sys.stdin.readline()
        if not line or line.rstrip("\r\n") == "\\.":
            return
        yield line.encode("utf-8", "surrogateescape")


def interactive(runner: Runner) -> int:
    """Read statements from the terminal until \\q or the end of input."""
    save = _history(runner)
    print('Type "\\?" for help.\n')
    scanner = Scanner(runner.variables)
    runner.engine.copy_in = _typed_data
    try:
        while not runner.stopped:
            session = runner.engine.session
            mark = "#" if session.is_superuser else ">"
            if runner.engine.transactions.failed:
                block = "!"
            else:
                block = "*" if session.in_transaction else ""
            try:
                line = input(f"{session.database.name}{scanner.prompt}{block}{mark} ")
            except EOFError:
                print("\\q")
                break
            except KeyboardInterrupt:
                print()
                scanner = Scanner(runner.variables)
                continue
            if not scanner.buffer and line.strip().lower() in ("exit", "quit"):
                break
            if not scanner.buffer and line.strip().lower() == "help":
                line = "\\?"
            runner._items(list(scanner.feed(line)), None)
            runner.out.flush()
    finally:
        save()
    return 0
