r"""Reading input: lines to statements and backslash commands, conditions between them.

A :class:`Script` is one input, a file, the standard input or a terminal. It owns the scanner,
whose buffer is the query buffer, and the stack of ``\if``; where a condition is false text is
scanned, so that its end is found, and thrown away.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from pgtool.cli.psql.errors import facts_of
from pgtool.cli.psql.scan import Met, Scanner
from pgtool.cli.psql.slash import Arguments, command_name
from pgtool.errors import PgtoolError, SqlError, UserError

__all__ = ["Script", "one_command", "run_file", "run_script"]

#: States of a condition: its text counts, not yet, no more; after \else likewise.
TRUE, FALSE, IGNORED, ELSE_TRUE, ELSE_FALSE = "true", "false", "ignored", "else", "else ignored"
CONDITIONS = ("if", "elif", "else", "endif")
SEND = "send"


class Script:
    """One input: its scanner, its conditions, its place."""

    def __init__(self, runner: Any, name: str | None = None, path: str | None = None) -> None:
        self.runner = runner
        self.name = name
        #: The directory that \ir is relative to.
        self.directory = os.path.dirname(path) if path else ""
        self.line = 0
        self.scanner = Scanner(runner.variables, warn=runner.warn)
        #: (state, the buffer and the parentheses where the condition began) of each \if.
        self.conditions: list[tuple[str, str, int]] = []
        self.lines: Iterator[str] = iter(())

    @property
    def active(self) -> bool:
        """Whether text counts."""
        return all(state in (TRUE, ELSE_TRUE) for state, _text, _depth in self.conditions)

    # -- lines -------------------------------------------------------------------------

    def feed(self, line: str) -> bool:
        """Run what a line completes; False to stop."""
        self.line += 1
        runner, scanner = self.runner, self.scanner
        if not self.conditions and scanner.takes_whole(line):
            return self._statement() and not runner.stopped
        scanner.start(line)
        while True:
            scanner.active = self.active
            met = scanner.scan()
            if met is Met.BACKSLASH:
                if not self._command():
                    return False
            elif (met is Met.SEMICOLON or self._single_line()) and not self._statement():
                return False
            if met is Met.END:
                return not runner.stopped

    def _single_line(self) -> bool:
        """Whether the line's end ends the statement."""
        scanner = self.scanner
        return (not scanner.state and not scanner.depth and bool(scanner.buffer.strip())
                and self.runner.variables.on("SINGLELINE"))  # fmt: skip

    def finish(self) -> None:
        """The end of the input: what is left without a semicolon runs too."""
        if self.scanner.buffer and not self.runner.stopped and self.active:
            self._statement()
        if self.conditions and not self.runner.stopped:
            self.runner.complain("reached EOF without finding closing \\endif(s)")
            self._may_go_on(False)

    def _statement(self) -> bool:
        """Send the buffer; False to stop."""
        text = self.scanner.buffer
        self.scanner.reset()
        if not self.active:
            if self.runner.interactive:
                self.runner.complain(
                    "query ignored; use \\endif or Ctrl-C to exit current \\if block"
                )
            return True
        self.runner.previous = text
        return self._may_go_on(self.runner.send(text))

    def _may_go_on(self, done: bool) -> bool:
        runner = self.runner
        if not done and runner.variables.on("ON_ERROR_STOP") and not runner.interactive:
            runner.status = max(runner.status, 1)
            runner.stopped = True
        return not runner.stopped

    # -- backslash commands ------------------------------------------------------------

    def _command(self) -> bool:
        scanner = self.scanner
        name, at = command_name(scanner.text, scanner.at)
        args = Arguments(scanner.text, at, scanner.variables, self.runner.say, self.active)
        done = perform(self, name, args)
        scanner.at = args.at
        if done == SEND:
            return self._send()
        return self._may_go_on(bool(done))

    def _send(self) -> bool:
        """\\g and its kin: the buffer, or where it is empty what it held before."""
        if not self.scanner.buffer:
            self.scanner.buffer = self.runner.previous
        if not self.scanner.buffer:
            from pgtool.cli.psql.run import Once

            self.runner.once = Once()
            return True
        return self._statement()


def perform(script: Script, name: str, args: Arguments) -> bool | str:
    """Run one backslash command; its errors are told. SEND: the buffer is to be sent."""
    from pgtool.cli.psql.commands import run_command

    runner = script.runner
    done: bool | str = False
    try:
        if name in CONDITIONS:
            done = _condition(script, name, args)
            args.active = script.active
        elif not script.active:
            done = _ignored(script, name, args)
        else:
            done = run_command(script, name, args)
    except SqlError as error:
        runner.failed(error, "")
    except PgtoolError as error:
        runner.complain(facts_of(error)[0])
        runner.status = max(runner.status, error.exit_code)
    except BrokenPipeError:
        raise
    except OSError as error:
        place = f"{error.filename}: " if error.filename is not None else ""
        runner.complain(f"{place}{error.strerror or error}")
    if done is False:
        args.line()
    else:
        args.end(name)
    return done


def _ignored(script: Script, name: str, args: Arguments) -> bool:
    if name in ("copy", "!", "sf", "sv", "h", "help", "ef", "ev"):
        args.line()
    args.skip()
    if script.runner.interactive:
        script.runner.complain(
            f"\\{name} command ignored; use \\endif or Ctrl-C to exit current \\if block"
        )
    return True


def _truth(script: Script, args: Arguments, name: str) -> bool:
    from pgtool.cli.psql.variables import boolean

    text = " ".join(args.words())
    value = boolean(text)
    if value is None:
        script.runner.complain(
            f'unrecognized value "{text}" for "\\{name} expression": Boolean expected'
        )
    return bool(value)


def _condition(script: Script, name: str, args: Arguments) -> bool:
    r"""\if, \elif, \else, \endif."""
    stack, scanner = script.conditions, script.scanner
    if name == "if":
        before = script.active
        if not before:
            args.skip()
        state = (TRUE if _truth(script, args, name) else FALSE) if before else IGNORED
        stack.append((state, scanner.buffer, scanner.depth))
        return True
    if not stack:
        raise UserError(f"\\{name}: no matching \\if")
    state, text, depth = stack[-1]
    if name != "endif" and state in (ELSE_TRUE, ELSE_FALSE):
        raise UserError(f"\\{name}: cannot occur after \\else")
    if not script.active:
        # What was gathered in a branch that does not count is thrown away.
        scanner.buffer, scanner.depth = text, depth
    if name == "endif":
        stack.pop()
        return True
    if name == "else":
        stack[-1] = (ELSE_TRUE if state == FALSE else ELSE_FALSE, scanner.buffer, scanner.depth)
        return True
    if state == FALSE:
        args.active = all(s in (TRUE, ELSE_TRUE) for s, _t, _d in stack[:-1])
        state = TRUE if _truth(script, args, name) else FALSE
    else:
        args.skip()
        state = IGNORED
    stack[-1] = (state, scanner.buffer, scanner.depth)
    return True


# -- whole inputs --------------------------------------------------------------------------


def one_command(runner: Any, text: str) -> bool:
    """One backslash command on its own (-c)."""
    script = Script(runner)
    name, at = command_name(text, 1)
    done = perform(script, name, Arguments(text, at, runner.variables, runner.say))
    if done == SEND:
        return script._send()
    return bool(done)


def run_script(runner: Any, lines: Iterable[str], name: str | None, path: str | None = None) -> int:
    """Lines of a script, to their end; the exit code."""
    script = Script(runner, name, path)
    script.lines = iter(lines)
    before, runner.engine.copy_in = runner.engine.copy_in, partial(_data_lines, script)
    runner.places.append(script)
    echo = runner.variables
    try:
        with runner.catching():
            for line in script.lines:
                text = line[:-1] if line.endswith("\n") else line
                if script.line == 0:
                    text = text.removeprefix("\ufeff")
                if echo.word("ECHO") == "all":
                    print(text, flush=True)
                if not script.feed(text):
                    return int(runner.status)
            script.finish()
    finally:
        runner.places.pop()
        runner.engine.copy_in = before
    return int(runner.status)


def run_file(runner: Any, name: str, relative: bool = False) -> bool:
    r"""A file of statements (-f, \i, \ir); False after an error that stops."""
    if name == "-":
        run_script(runner, sys.stdin, "<stdin>")
        return not runner.stopped
    path = os.path.expanduser(name)
    if relative and not os.path.isabs(path) and runner.places:
        path = os.path.join(runner.places[-1].directory, path)
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        run_script(runner, file, path if relative else name, path)
    return not runner.stopped


def _data_lines(script: Script) -> Iterator[bytes]:
    """The data of COPY FROM STDIN: what follows in a script, up to a line of backslash-point."""
    ended = False
    lines = script.lines
    try:
        for line in lines:
            script.line += 1
            ended = line.rstrip("\r\n") == "\\."
            if ended:
                return
            yield line.encode("utf-8", "surrogateescape")
        ended = True
    finally:
        # After an error the rest is data all the same.
        while not ended:
            line = next(lines, "\\.")
            script.line += 1
            ended = line.rstrip("\r\n") == "\\."
