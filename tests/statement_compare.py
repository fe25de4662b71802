r"""Scripts of statements run by pgtool and by a real server: all that a client is told.

Beside tags, rows and errors (:mod:`tests.dml_compare`) these are column names, notices, the
place of an error in the text, its context, and COPY's data both ways. A statement ends with a
semicolon at the end of a line; the data of COPY … FROM STDIN stand behind it up to a line
``\.!``.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import psycopg

from pgtool.catalog.cluster import Cluster
from pgtool.errors import SqlError
from pgtool.functions.session import Session
from pgtool.sql.engine import Engine
from tests.dml_compare import rows_of
from tests.servers import Server

__all__ = ["Ours", "Theirs", "differences", "read_script"]

_FIELD, _STATUS = psycopg.pq.DiagnosticField, psycopg.pq.ExecStatus
_ERROR = (_FIELD.SQLSTATE, _FIELD.MESSAGE_PRIMARY, _FIELD.MESSAGE_DETAIL, _FIELD.MESSAGE_HINT)
_COPY_IN = re.compile(r"copy\b.*\bfrom stdin", re.I)
Told = tuple[tuple[Any, ...], list[tuple[Any, ...]]]


def read_script(path: Path) -> list[tuple[str, bytes | None]]:
    """(statement, COPY's data) of a script."""
    lines = iter(path.read_text().split("\n"))
    out: list[tuple[str, bytes | None]] = []
    waiting: list[str] = []
    for line in lines:
        if not waiting and (not line.strip() or line.startswith("--")):
            continue
        waiting.append(line)
        if not line.endswith(";"):
            continue
        text, waiting = "\n".join(waiting).removesuffix(";"), []
        data = None
        if _COPY_IN.match(text):
            data = "".join(f"{row}\n" for row in iter(lines.__next__, "\\.!")).encode()
        out.append((text, data))
    return out


class Ours:
    """pgtool's side."""

    def __init__(self, path: Path) -> None:
        self.engine = Engine(Session.open(Cluster(str(path)), "postgres"))

    def run(self, text: str, data: bytes | None) -> Told:
        """What a client is told: the last outcome, and all notices."""
        last: tuple[Any, ...] = ()
        notices: list[Any] = []
        self.engine.copy_in = None if data is None else lambda: iter([data])
        try:
            for outcome in self.engine.run(text):
                answer, rows, sent = outcome.answer, None, b""
                if answer is not None:
                    rows = [tuple(row) for row in answer.texts()]
                if outcome.copy_out is not None:
                    sent = b"".join(outcome.copy_out)
                tag = outcome.tag
                if rows is not None and tag == "SELECT":
                    tag = f"SELECT {len(rows)}"
                last = (tag, rows, sent, None if answer is None else answer.names)
                notices += outcome.notices
        except SqlError as error:
            place = error.position
            if place is not None:  # ours counts bytes
                place -= sum(byte & 0xC0 == 0x80 for byte in text.encode()[: place - 1])
            last = ("ERROR", error.sqlstate, error.message, error.detail, error.hint,
                    place, error.context)  # fmt: skip
            notices += error.notices
        return last, [(n.severity, n.sqlstate, n.message, n.detail, n.hint) for n in notices]


def _part(result: Any, which: Any) -> str | None:
    value = result.error_field(which)
    return None if value is None else value.decode()


class Theirs:
    """The server's side."""

    def __init__(self, connection: Any) -> None:
        self.libpq = connection.pgconn
        self.libpq.notice_handler = self._note
        self.notices: list[tuple[Any, ...]] = []

    def _note(self, result: Any) -> None:
        parts = (_FIELD.SEVERITY, *_ERROR)
        self.notices.append(tuple(_part(result, part) for part in parts))

    def in_block(self) -> bool:
        """Whether a transaction block is open."""
        return self.libpq.transaction_status != psycopg.pq.TransactionStatus.IDLE

    def run(self, text: str, data: bytes | None) -> Told:
        """See :class:`Ours`."""
        self.notices = []
        self.libpq.send_query(text.encode())
        last: tuple[Any, ...] = ()
        sent = b""
        while (result := self.libpq.get_result()) is not None:
            status = _STATUS(result.status)
            if status == _STATUS.FATAL_ERROR:
                place = _part(result, _FIELD.STATEMENT_POSITION)
                last = ("ERROR", *(_part(result, part) for part in _ERROR),
                        None if place is None else int(place),
                        _part(result, _FIELD.CONTEXT))  # fmt: skip
            elif status == _STATUS.COPY_IN:
                self.libpq.put_copy_data(data)
                self.libpq.put_copy_end()
            elif status == _STATUS.COPY_OUT:
                while (found := self.libpq.get_copy_data(0))[0] > 0:
                    sent += bytes(found[1])
            else:
                last = ((result.command_status or b"").decode(), *self._rows(result, sent))
        return last, self.notices

    @staticmethod
    def _rows(result: Any, sent: bytes) -> tuple[Any, bytes, Any]:
        if result.status != _STATUS.TUPLES_OK:
            return None, sent, None
        return rows_of(result), sent, [result.fname(c).decode() for c in range(result.nfields)]


def differences(
    server: Server, script: list[tuple[str, bytes | None]], path: Path
) -> list[str]:
    """Run a script by both from the server's present files, ours being copied to ``path``."""
    server.stop()
    shutil.copytree(server.data, path)
    server.start()
    ours = Ours(path)
    out = []
    try:
        with server.connect() as connection:
            connection.autocommit = True
            theirs = Theirs(connection)
            for text, data in script:
                real, mine = theirs.run(text, data), ours.run(text, data)
                if real != mine:
                    out.append(f"{text}\n  server: {real}\n  ours:   {mine}")
    finally:
        ours.engine.close()
    return out
