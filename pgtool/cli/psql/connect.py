r"""\connect: another database of the directory, another role."""

from __future__ import annotations

from typing import Any

from pgtool.errors import PgtoolError, Unsupported

__all__ = ["connect", "note_connection"]


def connect(runner: Any, words: list[str]) -> bool:
    """Open a session; without words only tell which there is."""
    if len(words) > 2 and any(word != "-" for word in words[2:]):
        raise Unsupported("\\connect to a host: there is a directory only")
    if words and ("=" in words[0] or words[0].startswith(("postgresql://", "postgres://"))):
        raise Unsupported("\\connect with a connection string")
    session = runner.engine.session
    name = words[0] if words and words[0] != "-" else session.database.name
    user = words[1] if len(words) > 1 and words[1] != "-" else (
        None if session.user_oid == 10 else session.user)  # fmt: skip
    if words:
        try:
            _open(runner, name, user)
        except PgtoolError as error:
            return _failed(runner, str(error))
        note_connection(runner)
    session = runner.engine.session
    runner.tell(f'You are now connected to database "{session.database.name}" as user '
                f'"{session.user}".')  # fmt: skip
    return True


def _open(runner: Any, name: str, user: str | None) -> None:
    from pgtool.catalog.cluster import Cluster
    from pgtool.functions.session import Session
    from pgtool.sql.engine import Engine

    before = runner.engine
    cluster = before.session.database.cluster
    options = {"application_name": "pgtool"}
    session = Session.open(cluster, name, user, options)
    if before.session.xact is not None:
        before.close()
        session = Session.open(Cluster(cluster.root), name, user, options)
    runner.engine = Engine(session, read_only=before.read_only)
    runner.engine.copy_in = before.copy_in
    runner.connected = True


def _failed(runner: Any, message: str) -> bool:
    """A script must not go on in the wrong database."""
    if runner.interactive:
        runner.complain(f"FATAL:  {message}\nPrevious connection kept")
        return False
    runner.complain(f"\\connect: FATAL:  {message}")
    runner.connected = False
    runner.engine.close()
    return False


def note_connection(runner: Any) -> None:
    """The variables that tell about the connection."""
    from pgtool import __version__

    session = runner.engine.session
    runner.variables |= {
        "DBNAME": session.database.name, "USER": session.user, "ENCODING": "UTF8",
        "SERVER_VERSION_NAME": str(session.setting("server_version")),
        "SERVER_VERSION_NUM": str(session.setting("server_version_num")),
        "VERSION": f"pgtool {__version__}", "VERSION_NAME": __version__,
    }  # fmt: skip
