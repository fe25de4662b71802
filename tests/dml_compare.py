"""One script run by pgtool and by a real server: tags, rows and errors side by side.

Both start from the same files. A statement's outcome is its command tag, its rows as text,
or its error: SQLSTATE, message, detail, hint. Statements are separated by a semicolon at the
end of a line; what cannot be the same (a ctid, a clock) does not belong into a script.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import psycopg

from pgtool.catalog.cluster import Cluster
from pgtool.errors import CorruptData, PgtoolError, SqlError, Unsupported
from pgtool.functions.session import Session
from pgtool.sql.engine import Engine
from tests.servers import Server

__all__ = ["differences", "ours", "statements", "theirs"]

Outcome = tuple[Any, ...]


def statements(text: str) -> list[str]:
    """The statements of a script."""
    found = [part.strip() for part in text.split(";\n")]
    return [part.rstrip(";") for part in found if part and not part.startswith("--")]


def ours(engine: Engine, statement: str) -> Outcome:
    """What pgtool makes of a statement."""
    out: list[Any] = []
    try:
        for outcome in engine.run(statement):
            rows = None
            if outcome.answer is not None:
                rows = [tuple(row) for row in outcome.answer.texts()]
            tag = outcome.tag
            if rows is not None and tag == "SELECT":
                tag = f"SELECT {len(rows)}"
            out.append((tag, rows))
    except SqlError as error:
        return "ERROR", error.sqlstate, error.message, error.detail, error.hint
    except (Unsupported, CorruptData, PgtoolError) as error:
        return type(error).__name__, str(error)
    return tuple(out[-1]) if out else ()


def theirs(connection: Any, statement: str) -> Outcome:
    """What the server makes of it."""
    cursor = psycopg.ClientCursor(connection)
    try:
        result = connection.pgconn.exec_(statement.encode())
    finally:
        cursor.close()
    status = psycopg.pq.ExecStatus(result.status)
    field = psycopg.pq.DiagnosticField
    if status == psycopg.pq.ExecStatus.FATAL_ERROR:
        def part(which: Any) -> str | None:
            value = result.error_field(which)
            return value.decode() if value is not None else None

        return ("ERROR", part(field.SQLSTATE), part(field.MESSAGE_PRIMARY),
                part(field.MESSAGE_DETAIL), part(field.MESSAGE_HINT))  # fmt: skip
    rows = None
    if status == psycopg.pq.ExecStatus.TUPLES_OK:
        rows = rows_of(result)
    return (result.command_status or b"").decode(), rows


def rows_of(result: Any) -> list[tuple[str | None, ...]]:
    """The rows of a result of libpq as text."""
    return [
        tuple(
            None if (value := result.get_value(r, c)) is None else value.decode()
            for c in range(result.nfields)
        ) for r in range(result.ntuples)
    ]  # fmt: skip


def differences(
    server: Server, script: str, path: Path, *, points: bool = False
) -> list[str]:
    """Run a script by both from the server's present files; what came out differently.

    The server is left running on its own files, ours are in ``path``. With ``points``
    statements about one row are run as those of a kept plan from the first on.
    """
    server.stop()
    shutil.copytree(server.data, path)
    server.start()
    engine = Engine(Session.open(Cluster(str(path)), "postgres"))
    engine.points.eager = points
    out: list[str] = []
    try:
        with server.connect() as connection:
            connection.autocommit = True
            for statement in statements(script):
                mine, real = ours(engine, statement), theirs(connection, statement)
                if mine != real:
                    out.append(f"{statement}\n  ours:   {mine}\n  server: {real}")
    finally:
        engine.close()
    return out
