"""What a scenario leaves behind: files of the data directory and what the real tools say of them.

Files keep their path inside the data directory (`base/5/16384`), so that a fixture unpacks to a
part of one; an other moment of the same file gets a suffix (`global/pg_control@crashed`).
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

from construct import ConstructError

from formats.wal.page import XLogLongPageHeaderData, parse_segment_name
from tests import pageinspect_queries
from tests.installs import run_as
from tests.servers import Server

FORKS = {"main": "", "fsm": "_fsm", "vm": "_vm", "init": "_init"}
WALDUMP = {
    "waldump.txt": (),
    "waldump-b.txt": ("-b",),
    "waldump-stats.txt": ("--stats",),
    "waldump-stats-record.txt": ("--stats=record",),
}


def in_use(path: Path) -> bool:
    """Whether a WAL file holds its own WAL, not what it held before it was recycled."""
    data = path.read_bytes()
    try:
        header = XLogLongPageHeaderData.parse(data)
    except ConstructError:
        return False
    tli, segno = parse_segment_name(path.name, len(data))
    return header.std.xlp_tli <= tli and int(header.std.xlp_pageaddr) == segno * len(data)


class Capture:
    """The files and expected outputs of one scenario of one major."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.files: dict[str, bytes] = {}
        self.about: dict[str, dict[str, Any]] = {}
        self.expected: dict[str, bytes] = {}
        self.commands: list[dict[str, Any]] = []
        self.inspected: list[dict[str, Any]] = []

    # -- files ------------------------------------------------------------

    def add(self, name: str, data: bytes, kind: str, **about: Any) -> None:
        self.files[name] = data
        self.about[name] = {"path": name, "kind": kind, **about, "size": len(data),
                            "sha256": hashlib.sha256(data).hexdigest()}

    def file(self, pattern: str, kind: str, suffix: str = "") -> None:
        """Files of the data directory, by a glob pattern."""
        found = sorted(p for p in self.server.data.glob(pattern) if p.is_file())
        assert found, f"no file {pattern}"
        for path in found:
            name = str(path.relative_to(self.server.data)) + (f"@{suffix}" if suffix else "")
            self.add(name, path.read_bytes(), kind)

    def control(self, moment: str) -> None:
        """pg_control of this moment, and what pg_controldata says of it."""
        name = f"global/pg_control@{moment}"
        self.add(name, (self.server.data / "global/pg_control").read_bytes(), "control")
        if self.server.has_tool("pg_controldata"):
            text = self.server.run_tool("pg_controldata", "-D", self.server.data)
            self.expect(f"controldata-{moment}.txt", text, "pg_controldata", file=name)

    def relations(self, names: list[str], db: str) -> None:
        """All forks of these relations as a checkpoint left them, and what extensions say."""
        server = self.server
        has = {e: server.extension(e, db)
               for e in ("pageinspect", "pg_visibility", "pg_freespacemap")}
        server.psql("CHECKPOINT", db)
        with server.connect(db) as connection, server.connect(db) as plain:
            pageinspect_queries.TextLoader.install(connection)
            for name in names:
                kind, filepath, oid, node = plain.execute(
                    "SELECT coalesce(amname, CASE relkind WHEN 'S' THEN 'sequence' "
                    "ELSE 'heap' END), pg_relation_filepath(c.oid), c.oid::int8, "
                    "pg_relation_filenode(c.oid)::int8 "
                    "FROM pg_class c LEFT JOIN pg_am a ON a.oid = relam AND relkind <> 'S' "
                    "WHERE c.oid = %s::regclass", (name,)).fetchone()
                for fork, suffix in FORKS.items():
                    self._fork(connection if has["pageinspect"] else None, name, fork,
                               kind if fork == "main" else fork, filepath + suffix,
                               {"oid": oid, "filenode": node, "am": kind})
                if kind == "heap":
                    seen = [n for n in self.files if n.partition("@")[0] == filepath]
                    self._maps(connection, name, seen[-1], has)

    def _fork(self, connection: Any, name: str, fork: str, kind: str, path: str,
              about: dict[str, Any]) -> None:
        source = self.server.data / path
        if not source.exists():
            return
        data = source.read_bytes()
        stored = self._moment(path)
        self.add(stored, data, kind, relation=name, fork=fork, **about)
        if connection is not None and kind != "init":
            for entry in pageinspect_queries.answers(connection, name, fork, path, kind,
                                                     len(data) // 8192):
                self.inspected.append({"file": stored, **entry})

    def _moment(self, path: str) -> str:
        """A name for a file that may have been captured before: `path@2` is the second time."""
        times = 1 + sum(1 for name in self.files if name.partition("@")[0] == path)
        return path if times == 1 else f"{path}@{times}"

    def _maps(self, connection: Any, name: str, path: str, has: dict[str, bool]) -> None:
        literal = "'" + name + "'"
        queries = {
            "pg_visibility": f"pg_visibility({literal}::regclass)",
            "pg_visibility_map": f"pg_visibility_map({literal}::regclass)",
            "pg_visibility_map_summary": f"pg_visibility_map_summary({literal}::regclass)",
            "pg_freespace": f"pg_freespace({literal}::regclass)",
        }
        for function, call in queries.items():
            if has["pg_freespacemap" if function == "pg_freespace" else "pg_visibility"]:
                cursor = connection.execute(f"SELECT * FROM {call}")
                rows = [[None if v is None else v.decode() for v in row]
                        for row in cursor.fetchall()]
                self.inspected.append({
                    "relation": name, "file": path, "function": function, "fork": "main",
                    "kind": "heap", "columns": [d.name for d in cursor.description],
                    "rows": rows})

    # -- expected outputs ---------------------------------------------------

    def expect(self, name: str, data: bytes, command: str, **about: Any) -> None:
        self.expected[name] = data
        self.commands.append({"name": name, "command": command, **about})

    def wal(self, directory: Path, first: str, tag: str = "") -> None:
        """The WAL of a directory from a segment on, with what pg_waldump prints of it."""
        names = sorted(p.name for p in directory.iterdir()
                       if len(p.name) == 24 and p.name[8:] >= first[8:] and in_use(p))
        for name in names:
            data = (directory / name).read_bytes()
            self.add(f"pg_wal/{name}" + (f"@{tag}" if tag else ""), data, "wal")
        for path in sorted(directory.glob("*.history")):
            self.add(f"pg_wal/{path.name}", path.read_bytes(), "history")
        if self.server.has_tool("pg_waldump"):
            self._waldump(directory, names, tag)

    def _waldump(self, directory: Path, names: list[str], tag: str) -> None:
        timelines = sorted({n[:8] for n in names})
        for tli in timelines:
            mine = [n for n in names if n[:8] == tli]
            for name, options in WALDUMP.items():
                done = subprocess.run(
                    [self.server.tool("pg_waldump"), *options, mine[0], mine[-1]],
                    cwd=directory, env=self.server.install.env(), capture_output=True,
                    check=False, **run_as())  # type: ignore[call-overload]
                stem, dot, end = name.partition(".")
                part = "".join(f"-{x}" for x in (tag, tli if len(timelines) > 1 else "") if x)
                self.expect(f"{stem}{part}{dot}{end}", done.stdout, "pg_waldump",
                            options=list(options), first=mine[0], last=mine[-1],
                            returncode=done.returncode, tag=tag, stderr=done.stderr.decode())

    def finish(self) -> None:
        if self.inspected:
            lines = [json.dumps(e, sort_keys=True, ensure_ascii=False) + "\n"
                     for e in self.inspected]
            self.expect("pageinspect.jsonl", "".join(lines).encode(), "pageinspect")
