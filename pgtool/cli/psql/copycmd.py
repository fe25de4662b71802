r"""\copy: COPY whose file is the client's: read here, or written here."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from typing import Any

from pgtool.cli.psql.printing import open_output
from pgtool.errors import UserError

__all__ = ["client_copy"]

_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[(),]|[^\s(),'"]+""")
_STDIN = ("stdin", "pstdin")
_STDOUT = ("stdout", "pstdout")
PIECE = 1 << 20


def _parts(text: str) -> tuple[str, str, bool, str, str]:
    """(what, from or to, whether a program, its name, the rest)."""
    depth = 0
    tokens = list(_TOKEN.finditer(text))
    for number, token in enumerate(tokens):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        way = token[0].lower()
        if depth == 0 and way in ("from", "to") and number and number + 1 < len(tokens):
            what = text[: token.start()].strip()
            following = tokens[number + 1]
            program = following[0].lower() == "program"
            if program:
                if number + 2 >= len(tokens):
                    break
                following = tokens[number + 2]
                if not following[0].startswith("'"):
                    raise UserError(f'\\copy: parse error at "{following[0]}"')
            name, end = _name(text, following)
            return what, way, program, name, text[end:]
    raise UserError("\\copy: parse error at end of line")


def _name(text: str, token: re.Match[str]) -> tuple[str, int]:
    """A file's name as it was written, and where it ends."""
    if token[0].startswith("'"):
        return token[0][1:-1].replace("''", "'"), token.end()
    match = re.compile(r"\S+").match(text, token.start())
    assert match is not None
    return match[0], match.end()


def client_copy(runner: Any, text: str) -> bool:
    """Run one; the file may be the standard input or output, or a program's."""
    if not text.strip():
        raise UserError("\\copy: arguments required")
    what, way, program, name, rest = _parts(text.rstrip().rstrip(";"))
    std = not program and name.lower() in (_STDIN if way == "from" else _STDOUT)
    if way == "from":
        statement = f"COPY {what} FROM STDIN {rest}"
        return _from(runner, statement, None if std else name, program, name.lower())
    statement = f"COPY {what} TO STDOUT {rest}"
    if std:
        return bool(runner.send(statement))
    file = open_output(f"|{name}" if program else name)
    runner.copying_to_file, runner.out = runner.out, file
    try:
        done = runner.send(statement)
    finally:
        runner.copying_to_file, runner.out = None, runner.copying_to_file
        file.close()
    return bool(done)


def _from(runner: Any, statement: str, name: str | None, program: bool, word: str) -> bool:
    before = runner.engine.copy_in
    if name is not None:
        path = os.path.expanduser(name)
        if not program:
            with open(path, "rb"):  # what cannot be opened is told before anything runs
                pass
        runner.engine.copy_in = lambda: _pieces(path, program)
    elif word == "pstdin":
        from pgtool.cli.psql.run import standard_input

        runner.engine.copy_in = standard_input
    try:
        return bool(runner.send(statement))
    finally:
        runner.engine.copy_in = before


def _pieces(name: str, program: bool) -> Iterator[bytes]:
    if not program:
        with open(name, "rb") as file:
            while piece := file.read(PIECE):
                yield piece
        return
    with subprocess.Popen(name, shell=True, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while piece := process.stdout.read(PIECE):
            yield piece
    if process.returncode:
        raise UserError(f"{name}: command failed with exit status {process.returncode}")
