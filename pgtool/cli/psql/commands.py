r"""Backslash commands: their arguments, and what they do.

A command is a function of the script and the arguments, in a table by name; it returns False
after an error that it has told, or SEND where the query buffer is to be sent. \d and its kin
are in :mod:`.describe`, conditions in :mod:`.loop`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pgtool.cli.psql import results
from pgtool.cli.psql.help import HELP
from pgtool.cli.psql.loop import SEND, Script, run_file
from pgtool.cli.psql.printing import open_output
from pgtool.cli.psql.pset import pset, show_all, truth
from pgtool.cli.psql.slash import Arguments
from pgtool.cli.psql.variables import Refused
from pgtool.errors import Unsupported, UserError

__all__ = ["COMMANDS", "run_command"]

Command = Callable[[Script, Arguments, str], "bool | str"]

#: Commands of psql that are not here.
UNSUPPORTED = (
    "bind", "bind_named", "close_prepared", "e", "edit", "ef", "ev", "endpipeline", "flush",
    "flushrequest", "getresults", "h", "help", "lo_export", "lo_import", "lo_unlink", "parse",
    "password", "sendpipeline", "startpipeline", "syncpipeline",
)  # fmt: skip


def run_command(script: Script, name: str, args: Arguments) -> bool | str:
    """Run one backslash command."""
    runner = script.runner
    if runner.restricted is not None and name != "unrestrict":
        raise UserError("backslash commands are restricted; only \\unrestrict is allowed")
    command = COMMANDS.get(name)
    if command is not None:
        return command(script, args, name)
    if name in UNSUPPORTED:
        raise Unsupported(f"\\{name}")
    if name[:1] in ("d", "l", "z"):
        from pgtool.cli.psql.describe import run_describe

        if run_describe(runner, name, args):
            return True
    hint = "\nTry \\? for help." if runner.interactive else ""
    raise UserError(f"invalid command \\{name}{hint}")


# -- the query buffer ----------------------------------------------------------------------


def _go(script: Script, args: Arguments, name: str) -> bool | str:
    """\\g and \\gx, with options of output in parentheses, and a file or a command."""
    runner = script.runner
    options: list[str] = []
    word = args.file()
    if word is not None and word.startswith("("):
        options, word = _in_parentheses(args, word)
    once = runner.once
    if options or name == "gx":
        once.style = replace(runner.style)
        if name == "gx":
            once.style.expanded = "on"
        for option in options:
            key, found, value = option.partition("=")
            pset(once.style, key, value if found else None)
    once.file = word
    return SEND


def _in_parentheses(args: Arguments, word: str) -> tuple[list[str], str | None]:
    options = []
    word = word[1:]
    while True:
        closed = word.endswith(")")
        text = word[:-1] if closed else word
        if text:
            options.append(text)
        if closed:
            return options, args.file()
        following = args.word()
        if following is None:
            raise UserError("\\g: missing right parenthesis")
        word = following


def _store(script: Script, args: Arguments, _name: str) -> bool | str:
    script.runner.once.store = args.word() or ""
    return SEND


def _execute(script: Script, _args: Arguments, _name: str) -> bool | str:
    script.runner.once.execute = True
    return SEND


def _describe(script: Script, _args: Arguments, _name: str) -> bool | str:
    script.runner.once.describe = True
    return SEND


def _crosstab(script: Script, args: Arguments, _name: str) -> bool | str:
    script.runner.once.crosstab = args.words()[:4]
    return SEND


def _watch(script: Script, args: Arguments, _name: str) -> bool | str:
    from pgtool.cli.psql.watch import watch

    text = script.scanner.buffer or script.runner.previous
    try:
        return watch(script.runner, text, args.words())
    finally:
        script.runner.previous = text
        script.scanner.reset()


def _print(script: Script, _args: Arguments, _name: str) -> bool:
    text = script.scanner.buffer or script.runner.previous
    if text:
        print(text, flush=True)
    else:
        script.runner.tell("Query buffer is empty.")
    return True


def _reset(script: Script, _args: Arguments, _name: str) -> bool:
    script.scanner.reset()
    script.runner.tell("Query buffer reset (cleared).")
    return True


def _write(script: Script, args: Arguments, name: str) -> bool:
    text = script.scanner.buffer or script.runner.previous
    if not text and not script.runner.places:
        raise UserError("no query buffer")
    file = open_output(results.need(args.file(), name))
    file.write(text + "\n" if text else "")
    file.close()
    return True


def _history(script: Script, args: Arguments, _name: str) -> bool:
    name = args.word()
    try:
        import readline
    except ImportError:
        raise UserError("history is not supported by this installation") from None
    lines = [readline.get_history_item(i + 1) for i in range(readline.get_current_history_length())]
    text = "".join(f"{line}\n" for line in lines)
    if name is None:
        print(text, end="", flush=True)
        return True
    with open(os.path.expanduser(name), "w", encoding="utf-8") as file:
        file.write(text)
    script.runner.tell(f'Wrote history to file "{name}".')
    return True


# -- input and output ----------------------------------------------------------------------


def _echo(script: Script, args: Arguments, name: str) -> bool:
    runner = script.runner
    words, end = [], "\n"
    first = True
    while (word := args.word()) is not None:
        if first and word == "-n" and not args.quoted:
            end = ""
        else:
            words.append(word)
        first = False
    text = " ".join(words) + end
    if name == "qecho":
        runner.out.write(text)
        runner.out.flush()
    else:
        print(text, end="", file=sys.stderr if name == "warn" else sys.stdout, flush=True)
    return True


def _include(script: Script, args: Arguments, name: str) -> bool:
    relative = name in ("ir", "include_relative")
    return run_file(script.runner, results.need(args.word(), name), relative)


def _output(script: Script, args: Arguments, _name: str) -> bool:
    runner = script.runner
    name = args.file()
    opened = open_output(name) if name else sys.stdout
    before, runner.out = runner.out, opened
    if before is not sys.stdout:
        before.close()
        status = getattr(before, "status", None)
        if status is not None:
            results.set_shell(runner, status)
    return True


def _copy(script: Script, args: Arguments, _name: str) -> bool:
    from pgtool.cli.psql.copycmd import client_copy

    return client_copy(script.runner, args.line())


def _quit(script: Script, _args: Arguments, _name: str) -> bool:
    script.runner.stopped = True
    return True


def _help(script: Script, args: Arguments, _name: str) -> bool:
    script.runner.out.write(HELP[args.word() or "commands"])
    return True


def _copyright(_script: Script, _args: Arguments, _name: str) -> bool:
    print("pgtool is distributed under the MIT licence; see pgtool/LICENSE.")
    return True


def _error_again(script: Script, _args: Arguments, _name: str) -> bool:
    from pgtool.cli.psql.errors import error_lines

    last = script.runner.last_error
    if last is None:
        print("There is no previous error.")
    else:
        script.runner.say("\n".join(error_lines(*last, verbosity="verbose")), "error")
    return True


# -- the form of output --------------------------------------------------------------------


def _pset(script: Script, args: Arguments, _name: str) -> bool:
    runner = script.runner
    name, value = args.word(), args.word()
    if name is None:
        for option, shown in show_all(runner.style):
            print(f"{option:<24} {shown}")
        return True
    runner.tell(pset(runner.style, name, value))
    return True


def _set_option(option: str) -> Command:
    def command(script: Script, args: Arguments, _name: str) -> bool:
        script.runner.tell(pset(script.runner.style, option, args.word()))
        return True

    return command


def _align(script: Script, _args: Arguments, _name: str) -> bool:
    style = script.runner.style
    script.runner.tell(pset(style, "format", "unaligned" if style.format == "aligned" else
                            "aligned"))  # fmt: skip
    return True


def _html(script: Script, _args: Arguments, _name: str) -> bool:
    style = script.runner.style
    script.runner.tell(pset(style, "format", "aligned" if style.format == "html" else "html"))
    return True


def _timing(script: Script, args: Arguments, _name: str) -> bool:
    runner, value = script.runner, args.word()
    try:
        runner.timing = not runner.timing if value is None else truth("\\timing", value)
    except UserError as error:
        runner.complain(str(error))
    runner.tell(f"Timing is {'on' if runner.timing else 'off'}.")
    return True


# -- connection, system --------------------------------------------------------------------


def _connect(script: Script, args: Arguments, _name: str) -> bool:
    from pgtool.cli.psql.connect import connect

    words = [args.word(name="keep") for _number in range(4)]
    return connect(script.runner, [word for word in words if word is not None])


def _connection(script: Script, _args: Arguments, _name: str) -> bool:
    session = script.runner.engine.session
    cluster = session.database.cluster
    facts = [("Database", session.database.name), ("User", session.user),
             ("Directory", str(cluster.root)), ("Major version", str(session.cache.major)),
             ("Superuser", "on" if session.is_superuser else "off")]  # fmt: skip
    script.runner.rows(["Parameter", "Value"], [25, 25], facts, title="Connection Information")
    return True


def _encoding(script: Script, args: Arguments, _name: str) -> bool:
    wanted = args.word()
    if wanted is None:
        print(script.runner.variables["ENCODING"], flush=True)
    elif wanted.upper().replace("-", "").replace("_", "") not in ("UTF8", "UNICODE"):
        raise Unsupported(f"\\encoding {wanted}")
    return True


def _change_directory(_script: Script, args: Arguments, _name: str) -> bool:
    place = args.word() or os.path.expanduser("~")
    try:
        os.chdir(place)
    except OSError as error:
        raise UserError(f'\\cd: could not change directory to "{place}": '
                        f"{error.strerror}") from None  # fmt: skip
    return True


def _shell(script: Script, args: Arguments, _name: str) -> bool:
    command = args.line()
    results.flush()
    program = command or os.environ.get("SHELL", "/bin/sh")
    status = subprocess.run(program, shell=True, check=False).returncode
    results.set_shell(script.runner, status)
    return True


def _get_environment(script: Script, args: Arguments, name: str) -> bool:
    variable, wanted = args.word(), args.word()
    value = os.environ.get(results.need(wanted, name))
    if value is not None:
        _assign(script.runner, results.need(variable, name), value)
    return True


def _set_environment(_script: Script, args: Arguments, name: str) -> bool:
    variable, value = results.need(args.word(), name), args.word()
    if "=" in variable:
        raise UserError('\\setenv: environment variable name must not contain "="')
    if value is None:
        os.environ.pop(variable, None)
    else:
        os.environ[variable] = value
    return True


# -- variables -----------------------------------------------------------------------------


def _assign(runner: Any, name: str, value: str) -> None:
    try:
        runner.variables.assign(name, value)
    except Refused as refused:
        raise UserError(str(refused)) from None


def _set(script: Script, args: Arguments, _name: str) -> bool:
    runner, name = script.runner, args.word()
    if name is None:
        for key, value in sorted(runner.variables.items()):
            print(f"{key} = '{value}'")
        return True
    _assign(runner, name, "".join(args.words()))
    return True


def _unset(script: Script, args: Arguments, name: str) -> bool:
    variable = results.need(args.word(), name)
    try:
        script.runner.variables.remove(variable)
    except Refused as refused:
        raise UserError(str(refused)) from None
    return True


def _prompt(script: Script, args: Arguments, name: str) -> bool:
    first, second = args.word(), args.word()
    variable = results.need(first, name) if second is None else second
    print(first if second is not None else "", end="", flush=True)
    _assign(script.runner, variable, sys.stdin.readline().rstrip("\n"))
    return True


def _restrict(script: Script, args: Arguments, name: str) -> bool:
    key = results.need(args.word(), name)
    runner = script.runner
    if name == "restrict":
        runner.restricted = key
        return True
    if runner.restricted is None:
        raise UserError("\\unrestrict: not currently in restricted mode")
    if runner.restricted != key:
        raise UserError("\\unrestrict: wrong key")
    runner.restricted = None
    return True


def _definition(script: Script, args: Arguments, name: str) -> bool:
    from pgtool.cli.psql.describe.source import show_source

    return show_source(script.runner, name, args.line(semicolon=True))


COMMANDS: dict[str, Command] = {
    "g": _go, "gx": _go, "gset": _store, "gexec": _execute, "gdesc": _describe,
    "crosstabview": _crosstab, "watch": _watch, "p": _print, "print": _print, "r": _reset,
    "reset": _reset, "w": _write, "write": _write, "s": _history, "echo": _echo, "qecho": _echo,
    "warn": _echo, "i": _include, "include": _include, "ir": _include,
    "include_relative": _include, "o": _output, "out": _output, "copy": _copy, "q": _quit,
    "quit": _quit, "?": _help, "copyright": _copyright, "errverbose": _error_again,
    "pset": _pset, "a": _align, "C": _set_option("title"), "f": _set_option("fieldsep"),
    "H": _html, "html": _html, "t": _set_option("tuples_only"), "T": _set_option("tableattr"),
    "x": _set_option("expanded"), "timing": _timing, "c": _connect, "connect": _connect,
    "conninfo": _connection, "encoding": _encoding, "cd": _change_directory, "!": _shell,
    "getenv": _get_environment, "setenv": _set_environment, "set": _set, "unset": _unset,
    "prompt": _prompt, "restrict": _restrict, "unrestrict": _restrict, "sf": _definition,
    "sf+": _definition, "sv": _definition, "sv+": _definition,
}  # fmt: skip
