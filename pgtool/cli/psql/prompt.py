"""The interactive loop: prompts, history, completion of keywords and relation names."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

from pgtool.cli.psql.loop import Script
from pgtool.cli.psql.run import Runner

__all__ = ["interactive", "prompt_text"]

HISTORY = "~/.pgtool_history"
MAX_HISTORY = 2000
_KEYWORDS = re.findall(r"\w+", """
ALL ANALYZE AND AS ASC BEGIN BETWEEN BY CASE CAST COALESCE COMMIT CROSS DEALLOCATE DESC DISTINCT
ELSE END EXCEPT EXECUTE EXISTS EXPLAIN FALSE FETCH FILTER FIRST FROM FULL GROUP HAVING ILIKE IN
INNER INTERSECT IS JOIN LAST LATERAL LEFT LIKE LIMIT NATURAL NOT NULL NULLS OFFSET ON OR ORDER
OUTER OVER PARTITION PREPARE RECURSIVE RESET RIGHT ROLLBACK ROWS SELECT SET SHOW SOME TABLE THEN
TRUE UNION USING VALUES WHEN WHERE WINDOW WITH
""")
#: Commands that describe something, by what stands behind \\d.
_DESCRIBED = (
    "", "a", "A", "Ac", "Af", "Ao", "Ap", "b", "c", "C", "config", "d", "D", "dp", "E", "es", "et",
    "eu", "ew", "f", "F", "Fd", "Fp", "Ft", "g", "i", "l", "L", "m", "n", "o", "O", "p", "P", "rds",
    "rg", "Rp", "Rs", "s", "t", "T", "u", "v", "x", "X", "y",
)  # fmt: skip


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
            return [name for name in _commands() if name.startswith(line)]
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


def _commands() -> list[str]:
    """The names of all backslash commands."""
    from pgtool.cli.psql.commands import COMMANDS
    from pgtool.cli.psql.loop import CONDITIONS

    described = [f"d{letters}" for letters in _DESCRIBED]
    return sorted(f"\\{name}" for name in {*COMMANDS, *CONDITIONS, *described, "l", "z"})


def _values(script: Script) -> dict[str, Callable[[], str]]:
    """What the letters of a prompt stand for."""
    runner = script.runner
    session = runner.engine.session
    database = session.database.name

    def block() -> str:
        if runner.engine.transactions.failed:
            return "!"
        return "*" if session.in_transaction else ""

    return {
        "/": lambda: database, "~": lambda: "~" if database == session.user else database,
        "n": lambda: session.user, "#": lambda: "#" if session.is_superuser else ">",
        "R": lambda: "@" if not script.active else script.scanner.mark, "x": block,
        "m": lambda: "[local]", "M": lambda: "[local]", ">": lambda: "", "p": lambda: "",
        "l": lambda: str(script.line + 1), "%": lambda: "%", "[": lambda: "\x01",
        "]": lambda: "\x02",
    }  # fmt: skip


_ESCAPE = re.compile(r"%(?::(?P<variable>[^:]*):|`(?P<command>[^`]*)`|(?P<octal>0[0-7]*)|(?P<c>.))")


def prompt_text(script: Script, shown: str) -> str:
    """A prompt with what its percent signs stand for."""
    values = _values(script)

    def put(match: re.Match[str]) -> str:
        if match["variable"] is not None:
            return str(script.runner.variables.get(match["variable"], ""))
        if match["command"] is not None:
            done = subprocess.run(match["command"], shell=True, stdout=subprocess.PIPE, text=True,
                                  check=False)  # fmt: skip
            return done.stdout.rstrip("\n")
        if match["octal"] is not None:
            return chr(int(match["octal"], 8) & 255)
        found = values.get(match["c"])
        return found() if found is not None else match[0]

    return _ESCAPE.sub(put, shown)


def _word(script: Script, line: str) -> str | None:
    """Words that are no SQL: how to leave, and how to get help. None: the line is used up."""
    word = line.strip().lower().rstrip(";").rstrip()
    if word not in ("help", "exit", "quit"):
        return line
    inside = bool(script.scanner.buffer.strip())
    if not inside:
        if word == "help":
            print("Type \\? for the backslash commands, \\q to leave.")
        else:
            script.runner.stopped = True
        return None
    if script.scanner.state or script.scanner.depth:
        print("Use control-D to quit.")
    elif word == "help":
        print("Use \\? for help or press control-C to clear the input buffer.")
    else:
        print("Use \\q to quit.")
    return line


def interactive(runner: Runner) -> int:
    """Read statements from the terminal until \\q or the end of input."""
    runner.interactive = True
    runner.variables.setdefault("PROMPT1", "%/%R%x%# ")
    runner.variables.setdefault("PROMPT2", "%/%R%x%# ")
    save = _history(runner)
    if not runner.variables.on("QUIET"):
        print('Type "\\?" for help.\n')
    script = Script(runner)
    runner.engine.copy_in = _typed_data
    try:
        while not runner.stopped:
            begun = bool(script.scanner.buffer) or bool(script.scanner.state)
            shown = prompt_text(script, runner.variables["PROMPT2" if begun else "PROMPT1"])
            try:
                line = _word(script, input(shown))
                if line is not None:
                    script.feed(line)
            except EOFError:
                print("\\q")
                break
            except KeyboardInterrupt:
                print()
                script = Script(runner)
            runner.out.flush()
    finally:
        save()
    return 0
