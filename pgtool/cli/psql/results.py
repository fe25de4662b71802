r"""A statement's outcome: printed, stored by \gset, run by \gexec, described by \gdesc."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pgtool.cli.psql.printing import BINARY, open_output, print_rows, write_binary
from pgtool.errors import PgtoolError, UserError

__all__ = ["describe", "set_shell", "show", "succeeded"]

#: Variables that \gset leaves alone: what they mean is checked or computed.
_KEPT = ("DBNAME", "USER", "HOST", "PORT", "ENCODING")
_WRITES = ("INSERT", "UPDATE", "DELETE", "MERGE")


def succeeded(runner: Any, count: int) -> None:
    """What a statement's end leaves in variables."""
    runner.variables |= {"ERROR": "false", "SQLSTATE": "00000", "ROW_COUNT": str(max(count, 0))}


def show(runner: Any, outcome: Any, last: bool) -> int:
    """One outcome as it was asked for; how many rows it is about."""
    if outcome.copy_out is not None:
        _copy(runner, outcome)
        return _count(outcome)
    answer = outcome.answer
    if answer is None:
        _tag(runner, outcome.tag)
        return _count(outcome)
    told = outcome.count is not None and (last or runner.variables.on("SHOW_ALL_RESULTS"))
    try:
        count = _rows(runner, answer, last)
    except Stopped:
        if told:
            _tag(runner, outcome.tag)
        raise
    if told:
        _tag(runner, outcome.tag)
    return count if outcome.count is None else int(outcome.count)


def _rows(runner: Any, answer: Any, last: bool) -> int:
    """The rows of an answer, as they were asked for; how many."""
    once = runner.once
    if last and once.store is not None:
        return _store(runner, answer, once.store)
    if last and once.execute:
        rows = list(answer.texts())
        once.texts = [text for row in rows for text in row if text is not None]
        return len(rows)
    if last and once.crosstab is not None:
        from pgtool.cli.psql.crosstab import crosstab

        return crosstab(runner, answer, once.crosstab)
    if not last and not runner.variables.on("SHOW_ALL_RESULTS"):
        return sum(1 for _row in answer.texts())
    return _print(runner, answer)


def _count(outcome: Any) -> int:
    if outcome.count is not None:
        return int(outcome.count)
    number = outcome.tag.rpartition(" ")[2]
    return int(number) if number.isdigit() else 0


def _tag(runner: Any, tag: str, out: Any = None) -> None:
    """The command tag, where it is wanted; ``out``: another output than that of rows."""
    if runner.quiet:
        return
    if runner.style.format == "html":
        tag = f"<p>{tag}</p>"
    file = out or runner.out
    file.write(tag + "\n")
    file.flush()


@contextmanager
def redirected(runner: Any, name: str | None) -> Iterator[None]:
    """Output to what \\g named, for once."""
    if not name:
        yield
        return
    before, runner.out = runner.out, open_output(name)
    try:
        yield
    finally:
        opened, runner.out = runner.out, before
        opened.close()
        if name.startswith("|"):
            set_shell(runner, opened.status)


def set_shell(runner: Any, status: int) -> None:
    """What a command of the shell left behind."""
    code = status if status >= 0 else 128 - status
    runner.variables |= {"SHELL_ERROR": "true" if code else "false", "SHELL_EXIT_CODE": str(code)}


def _print(runner: Any, answer: Any) -> int:
    once = runner.once
    style = once.style or runner.style
    with redirected(runner, once.file):
        if style.format in BINARY:
            return write_binary(runner, answer, style.format)
        return print_rows(runner, answer.names, answer.types, answer.texts(), style,
                          typmods=answer.typmods)  # fmt: skip


def _copy(runner: Any, outcome: Any) -> None:
    """What COPY sends goes to the output as it is; to a file or command, the tag to ours."""
    usual = runner.copying_to_file or (runner.out if runner.once.file else None)
    with redirected(runner, runner.once.file):
        runner.out.flush()
        binary = getattr(runner.out, "buffer", None)
        for piece in outcome.copy_out:
            if binary is not None:
                binary.write(piece)
            else:
                runner.out.write(piece.decode("utf-8", "surrogateescape"))
        if usual is not None:
            _tag(runner, outcome.tag, usual)
        elif binary is not None:
            binary.flush()


def _store(runner: Any, answer: Any, prefix: str) -> int:
    r"""\gset: the one row's values into variables."""
    from pgtool.cli.psql.variables import SPECIAL, Refused

    rows = list(answer.texts())
    if len(rows) != 1:
        what = "no rows returned" if not rows else "more than one row returned"
        runner.complain(f"{what} for \\gset")
        raise Stopped
    for name, value in zip(answer.names, rows[0]):
        target = prefix + name
        if target in SPECIAL:
            runner.warn(f'attempt to \\gset into specially treated variable "{target}" ignored')
            continue
        try:
            if value is None:
                runner.variables.remove(target)
            else:
                runner.variables.assign(target, value)
        except Refused as refused:
            runner.complain(str(refused))
            raise Stopped from None
    return 1


class Stopped(Exception):
    """The statement ran, but what was asked of its result failed; that has been told."""


def execute(runner: Any, texts: list[str]) -> bool:
    r"""\gexec: each value as a statement."""
    from pgtool.cli.psql.run import Once

    done = True
    for text in texts:
        if runner.variables.word("ECHO") == "all":
            print(text, flush=True)
        runner.once = Once()
        if not runner.send(text):
            done = False
            if runner.variables.on("ON_ERROR_STOP"):
                break
    return done


def columns_of(engine: Any, text: str) -> list[tuple[str, int, int]]:
    """(name, type, typmod) of each column that a statement would give."""
    from pgtool.sql.answer import Answer
    from pgtool.sql.executor.run import execute as execute_plan

    statements = engine.parse(text)
    kind = type(statements[0].stmt).__name__ if statements else ""
    if kind == "ExplainStmt":
        return [("QUERY PLAN", 25, -1)]
    if kind == "VariableShowStmt":
        outcome = next(iter(engine.run(text)))
        return [(name, 25, -1) for name in outcome.answer.names]
    if not kind.endswith(("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")):
        return []
    planned, _types = engine.plan(statements[0], text, None)
    result = execute_plan(planned, engine.session, ())
    answer = Answer(result, lambda: None)
    return list(zip(answer.names, answer.types, answer.typmods))


def describe(runner: Any, text: str) -> bool:
    r"""\gdesc: the columns of a statement that is not run."""
    try:
        columns = columns_of(runner.engine, text)
    except PgtoolError as error:
        runner.failed(error, text)
        return False
    succeeded(runner, len(columns))
    if not columns:
        print("The command has no result, or the result has no columns.")
        return True
    registry = runner.engine.session.types
    rows = [(name, registry.format_type(typid, typmod)) for name, typid, typmod in columns]
    with redirected(runner, runner.once.file):
        print_rows(runner, ["Column", "Type"], [25, 25], rows, runner.once.style or runner.style)
    return True


def need(value: str | None, command: str) -> str:
    """An argument that a command cannot do without."""
    if value is None:
        raise UserError(f"\\{command}: missing required argument")
    return value


def flush() -> None:
    """Let go of what was printed, before somebody else prints."""
    sys.stdout.flush()


def kept(style: Any, **changes: Any) -> Any:
    """A copy of a style with changes."""
    return replace(style, **changes)
