"""A real server opens what pgtool wrote, and finds nothing wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import psycopg

from tests.installs import NOBODY
from tests.servers import Server

__all__ = ["content", "open_with", "problems"]

_TABLES = """
select oid::regclass::text from pg_class
where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1
"""
_CONTENT = "select md5(coalesce(string_agg(x::text, ',' order by x::text), '')) from {} x"
_HEAPS = """
select c.oid::regclass::text, v.* from pg_class c, lateral verify_heapam(c.oid) v
where c.relkind in ('r', 't', 'm') and c.relpersistence = 'p'
"""
_INDEXES = """
select c.oid::regclass::text from pg_class c join pg_index i on i.indexrelid = c.oid
where c.relam = 403 and c.relkind = 'i' and i.indisvalid and c.relpersistence = 'p'
"""


def open_with(server: Server, path: Path) -> None:
    """Let a server run on (a copy of) a directory that pgtool has closed."""
    server.stop()
    conf = (server.data / "postgresql.conf").read_text()
    shutil.rmtree(server.data)
    shutil.copytree(path, server.data)
    (server.data / "postgresql.conf").write_text(conf)
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(server.data)], check=True)
    server.start()


def content(connection: Any) -> dict[str, str]:
    """Table → checksum of its rows as text."""
    tables = [name for (name,) in connection.execute(_TABLES).fetchall()]
    return {name: _checksum(connection, name) for name in tables}


def _checksum(connection: Any, name: str) -> str:
    try:
        return connection.execute(_CONTENT.format(name)).fetchone()[0]
    except psycopg.Error as error:  # a virtual column that cannot be computed
        connection.rollback()
        return str(error)


def problems(connection: Any) -> list[str]:
    """What amcheck has to say."""
    connection.execute("create extension if not exists amcheck")
    out = [str(row) for row in connection.execute(_HEAPS).fetchall()]
    for (name,) in connection.execute(_INDEXES).fetchall():
        try:
            connection.execute("select bt_index_parent_check(%s::regclass, true, true)", (name,))
        except Exception as error:
            out.append(f"{name}: {error}")
    return out
