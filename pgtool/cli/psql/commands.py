r"""Backslash commands: \d and kin, \x \timing \i \o \q \? \c \pset \set \unset \echo \g."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pgtool.cli.psql import describe
from pgtool.errors import PgtoolError, SqlError, UserError

__all__ = ["COMMANDS", "run_command"]

_HELP = r"""General
  \q                     quit
  \g [FILE], \gx         run the statement (result to FILE; expanded)
  \timing [on|off]       toggle timing of statements
Input/Output
  \i FILE                run statements from FILE
  \o [FILE]              send results to FILE
  \copy …                COPY from or to a file of the client
  \echo [TEXT]           write TEXT to the output
Informational
  \d [NAME]              describe a relation, or list relations
  \dt \di \dv \dm \ds [PATTERN]   list tables, indexes, views, materialized views, sequences
  \df [PATTERN]          list functions
  \dn [PATTERN]          list schemas
  \du [PATTERN]          list roles
  \l [PATTERN]           list databases
Formatting
  \a \t \x               toggle unaligned output, rows only, expanded output
  \pset [NAME [VALUE]]   border, expanded, format, null, tuples_only, fieldsep, footer
Connection
  \c [DBNAME]            open another database of the directory
Variables
  \set [NAME [VALUE]], \unset NAME"""


def run_command(runner: Any, text: str) -> None:
    """Run one backslash command; its error is printed."""
    try:
        _run(runner, text)
    except SqlError as error:
        print(f"ERROR:  {error.message}", file=sys.stderr)
        runner.status = max(runner.status, 1)
    except (PgtoolError, OSError) as error:
        print(str(error), file=sys.stderr)
        runner.status = max(runner.status, getattr(error, "exit_code", 1))


def _run(runner: Any, text: str) -> None:
    name, _, rest = text[1:].partition(" ")
    rest = rest.split("\\\\", 1)[0].strip()
    if name.endswith(";"):
        name = name[:-1]
    if name == "copy":
        from pgtool.cli.psql.copycmd import client_copy

        client_copy(runner, text[1:].partition(" ")[2])
        return
    bare = name.rstrip("+")
    args = _arguments(rest.rstrip(";"), runner.variables)
    handler = COMMANDS.get(bare) or COMMANDS.get(bare.rstrip("S"))
    if handler is not None:
        handler(runner, args)
        return
    kinds = bare.removeprefix("d").rstrip("S")
    if bare.startswith("d") and kinds and set(kinds) <= set("tivmsE"):
        describe.list_relations(runner, kinds, args[0] if args else None, "S" in bare)
        return
    raise UserError(f"invalid command \\{name}\nTry \\? for help.")


def _arguments(text: str, variables: dict[str, str]) -> list[str]:
    from pgtool.cli.psql.scan import substitute

    lexer = shlex.shlex(substitute(text, variables), posix=True)
    lexer.whitespace_split, lexer.commenters, lexer.quotes, lexer.escape = True, "", "'", ""
    try:
        return list(lexer)
    except ValueError:
        raise UserError("unterminated quoted string") from None


def _switch(runner: Any, attribute: str, args: list[str], label: str) -> None:
    value = not getattr(runner, attribute)
    if args:
        value = args[0].lower() in ("on", "true", "1", "yes")
    setattr(runner, attribute, value)
    _say(runner, f"{label} is {'on' if value else 'off'}.")


def _say(runner: Any, text: str) -> None:
    if not runner.quiet:
        runner.out.write(text + "\n")


def _expanded(runner: Any, args: list[str]) -> None:
    _switch(runner, "expanded", args, "Expanded display")


def _timing(runner: Any, args: list[str]) -> None:
    _switch(runner, "timing", args, "Timing")


def _tuples(runner: Any, args: list[str]) -> None:
    runner.style.tuples_only = not runner.style.tuples_only
    _say(runner, f"Tuples only is {'on' if runner.style.tuples_only else 'off'}.")


def _align(runner: Any, args: list[str]) -> None:
    runner.fmt = "unaligned" if runner.fmt == "table" else "table"
    _say(runner, f"Output format is {'aligned' if runner.fmt == 'table' else 'unaligned'}.")


def _include(runner: Any, args: list[str]) -> None:
    if not args:
        raise UserError("\\i: missing required argument")
    with open(args[0], encoding="utf-8") as file:
        runner.script(file, args[0])


def _output(runner: Any, args: list[str]) -> None:
    if runner.out is not sys.stdout:
        runner.out.close()
    runner.out = _opened(args[0]) if args else sys.stdout


def _opened(path: str) -> Any:
    """A file that stays open until the next \\o or the end."""
    return Path(path).open("w", encoding="utf-8")


def _quit(runner: Any, args: list[str]) -> None:
    runner.stopped = True


def _help(runner: Any, args: list[str]) -> None:
    runner.out.write(_HELP + "\n")


def _echo(runner: Any, args: list[str]) -> None:
    runner.out.write(" ".join(args) + "\n")


def _set(runner: Any, args: list[str]) -> None:
    if not args:
        for name, value in sorted(runner.variables.items()):
            runner.out.write(f"{name} = '{value}'\n")
        return
    runner.variables[args[0]] = "".join(args[1:])


def _unset(runner: Any, args: list[str]) -> None:
    if not args:
        raise UserError("\\unset: missing required argument")
    runner.variables.pop(args[0], None)


def _pset(runner: Any, args: list[str]) -> None:
    if not args:
        for name in ("border", "null", "tuples_only", "footer", "fieldsep"):
            runner.out.write(f"{name:<12} {getattr(runner.style, name)}\n")
        return
    name, value = args[0], args[1] if len(args) > 1 else None
    if name in ("expanded", "x"):
        _expanded(runner, args[1:])
    elif name == "border" and value in ("0", "1", "2"):
        runner.style.border = int(value)
        _say(runner, f"Border style is {value}.")
    elif name == "null":
        runner.style.null = value or ""
        _say(runner, f'Null display is "{runner.style.null}".')
    elif name == "fieldsep":
        runner.style.fieldsep = value or ""
        _say(runner, f'Field separator is "{runner.style.fieldsep}".')
    elif name in ("tuples_only", "t"):
        _tuples(runner, args)
    elif name == "footer":
        runner.style.footer = not runner.style.footer if value is None else value == "on"
        _say(runner, f"Default footer is {'on' if runner.style.footer else 'off'}.")
    elif name == "format" and value in ("aligned", "unaligned", "csv"):
        runner.fmt = "table" if value == "aligned" else value
        _say(runner, f"Output format is {value}.")
    else:
        raise UserError(f"\\pset: unknown option: {' '.join(args)}")


def _connect(runner: Any, args: list[str]) -> None:
    from pgtool.catalog.cluster import Cluster
    from pgtool.functions.session import Session
    from pgtool.sql.engine import Engine

    session = runner.engine.session
    if args:
        user = None if session.user_oid == 10 else session.user
        before, cluster = runner.engine, session.database.cluster
        if session.xact is not None:
            before.close()
            cluster = Cluster(cluster.root)
        session = Session.open(cluster, args[0], user)
        runner.engine = Engine(session, read_only=before.read_only)
        runner.engine.copy_in = before.copy_in
    _say(runner, f'You are now connected to database "{session.database.name}" as user '
                 f'"{session.user}".')  # fmt: skip


def _go(runner: Any, args: list[str], expanded: bool | None = None) -> None:
    runner.once = (expanded, args[0] if args else "")


def _go_expanded(runner: Any, args: list[str]) -> None:
    _go(runner, args, True)


def _reset(runner: Any, args: list[str]) -> None:
    _say(runner, "Query buffer reset (cleared).")


def _one(function: Callable[[Any, str | None], None]) -> Callable[[Any, list[str]], None]:
    return lambda runner, args: function(runner, args[0] if args else None)


COMMANDS: dict[str, Callable[[Any, list[str]], None]] = {
    "x": _expanded, "timing": _timing, "t": _tuples, "a": _align, "i": _include,
    "include": _include, "o": _output, "q": _quit, "quit": _quit, "?": _help, "echo": _echo,
    "set": _set, "unset": _unset, "pset": _pset, "c": _connect, "connect": _connect, "g": _go,
    "gx": _go_expanded, "r": _reset, "reset": _reset,
    "d": _one(describe.describe), "l": _one(describe.list_databases),
    "dn": _one(describe.list_schemas), "du": _one(describe.list_roles),
    "dg": _one(describe.list_roles), "df": _one(describe.list_functions),
}  # fmt: skip
