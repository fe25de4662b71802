"""Random statements that write and define: the same script run by pgtool and by a real server.

The generator asks the server which objects there are (so most statements mean something, and
some do not), and makes one statement at a time. What a client is told is compared statement by
statement, the catalogs, the rows and the server's opinion of our files at the end.

    python -m tests.differential.writes --count 1500 --seed 7
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.differential.write_keys import SCHEMA, KeyWriter
from tests.differential.write_statements import Writer
from tests.servers import Server

__all__ = ["SETUP", "Outcome", "Writer", "run"]

SETUP = """
CREATE ROLE r1; CREATE ROLE r2 SUPERUSER; CREATE SCHEMA s1;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (x int, y text);
CREATE DOMAIN posint AS int CHECK (VALUE > 0);
CREATE DOMAIN word AS varchar(8) NOT NULL DEFAULT 'none';
"""
#: What is written about → (how it begins, who makes statements).
PROFILES: dict[str, tuple[str, Any]] = {"all": (SETUP, Writer), "keys": (SCHEMA, KeyWriter)}


@dataclass
class Outcome:
    """What came out of a run."""

    same: int = 0
    differ: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    after: list[str] = field(default_factory=list)
    script: list[str] = field(default_factory=list)


def run(
    server: Server, path: Path, count: int, seed: int, profile: str = "all"
) -> Outcome:
    """``count`` statements by both; ours in ``path``, a copy of the server's files."""
    from pgtool.errors import Unsupported
    from tests.statement_compare import Ours, Theirs

    schema, made = PROFILES[profile]
    server.psql(schema)
    server.stop()
    shutil.copytree(server.data, path)
    server.start()
    out = Outcome()
    ours = Ours(path)
    try:
        with server.connect() as connection:
            connection.autocommit = True
            theirs, writer = Theirs(connection), made(connection, seed)
            while sum(out.kinds.values()) < count:
                kind, text = writer.statement()
                out.kinds[kind] += 1
                out.script.append(text)
                try:
                    mine = ours.run(text, None)
                except Unsupported as refusal:
                    out.refused[f"{kind}: {refusal}"] += 1
                    if theirs.in_block():
                        theirs.run("select 1 / 0", None)
                    continue
                real = theirs.run(text, None)
                if real == mine:
                    out.same += 1
                else:
                    out.differ.append(f"{text}\n  server: {real}\n  ours:   {mine}")
                writer.look()
            theirs.run("rollback", None)
            ours.run("rollback", None)
    finally:
        ours.engine.close()
    out.after = _afterwards(server, path)
    return out


def _afterwards(server: Server, ours: Path) -> list[str]:
    """Catalogs, rows, and what the server thinks of our files."""
    from pgtool.catalog.cluster import Cluster
    from pgtool.functions.session import Session
    from tests.catalog_dump import difference, dump
    from tests.dml_check import content, open_with, problems

    with server.connect() as connection:
        theirs = content(connection)
    server.stop()
    sides = [Session.open(Cluster(str(root)), "postgres") for root in (server.data, ours)]
    out = [f"catalog: {line}" for line in difference(*(dump(s.cache) for s in sides))]
    open_with(server, ours)
    with server.connect() as connection:
        connection.autocommit = True
        mine = content(connection)
        out += [
            f"rows of {name} differ"
            for name in sorted({*mine, *theirs})
            if mine.get(name) != theirs.get(name)
        ]
        out += problems(connection)
    return out


def main() -> None:
    """Run against a fresh 18."""
    from tests.servers import cluster

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--profile", choices=list(PROFILES), default="all")
    parser.add_argument("--script", help="write the statements to this file")
    options = parser.parse_args()
    with cluster(18) as server, tempfile.TemporaryDirectory() as place:
        out = run(server, Path(place) / "data", options.count, options.seed,
                  options.profile)  # fmt: skip
    if options.script:
        Path(options.script).write_text(";\n".join(out.script))
    print("\n".join([*out.differ, *out.after]))
    for what, times in out.refused.most_common():
        print(f"{times:5d} refused  {what}")
    print(
        f"{out.same} the same, {len(out.differ)} differ, {out.refused.total()} refused; "
        f"afterwards {len(out.after)}"
    )


if __name__ == "__main__":
    main()
