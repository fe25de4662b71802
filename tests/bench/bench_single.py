"""Single rows: one script, read by a psql session of a server of 18 and by ``pgtool query -f``.

Ten thousand statements (PGTOOL_BENCH_SINGLE) of each kind, in one transaction and one per
commit with fsync on, each side on a directory of its own; the best of PGTOOL_BENCH_ROUNDS, 3.
The script takes the time itself, by clock_timestamp() before and behind its statements, when
the session is open and has written already; what the whole command took, start-up and on our
side the opening and closing of the directory included, is in the note.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests import servers
from tests.bench import Result
from tests.differential.selects import both_sides
from tests.installs import client, run_as

SINGLE = int(os.environ.get("PGTOOL_BENCH_SINGLE", "10000"))
ROUNDS = int(os.environ.get("PGTOOL_BENCH_ROUNDS", "3"))
CONF = {"shared_buffers": "512MB", "max_wal_size": "4GB", "fsync": "on", "autovacuum": "off"}
SCHEMA = "CREATE TABLE single (id int PRIMARY KEY, k int, t text);"
_FILL = (
    f"INSERT INTO single SELECT g, g % 100, 'row number ' || g FROM generate_series(1, {SINGLE}) g;"
)
#: What comes before, and the statement itself.
WORK = {
    "inserts": ("", "INSERT INTO single (id, k, t) VALUES ({0}, {1}, 'row number {0}');"),
    "updates": (_FILL, "UPDATE single SET t = 'changed {0}', k = k + 1 WHERE id = {0};"),
    "deletes": (_FILL, "DELETE FROM single WHERE id = {0};"),
}
_STAMP = "SELECT extract(epoch FROM clock_timestamp()) AS {} \\gset\n"


def script(before: str, statement: str, block: bool) -> str:
    """The script of one kind of work: it prints the seconds that its statements took."""
    lines = [statement.format(number, number % 100) for number in range(1, SINGLE + 1)]
    if block:
        lines = ["BEGIN;", *lines, "COMMIT;"]
    return "\n".join([
        "TRUNCATE single;", before, _STAMP.format("began"), *lines, _STAMP.format("ended"),
        "SELECT :ended - :began;\n",
    ])  # fmt: skip


def run() -> Iterator[Result]:
    """Each kind of work, both ways, the sides taking turns."""
    with servers.cluster(18, conf=CONF) as server, tempfile.TemporaryDirectory() as place:
        engine, connection = both_sides(server, Path(place) / "data", text=SCHEMA)
        engine.close()
        connection.close()
        install, psql = client("psql", 18)
        sides = (
            _command([str(psql), "-h", str(server.base), "-p", str(server.port), "-U", "postgres",
                      "-d", "postgres"], env=install.env(), **run_as()),
            _command([sys.executable, "-m", "pgtool", "query", "-D", f"{place}/data"]),
        )  # fmt: skip
        for name, (before, statement) in WORK.items():
            for block, way in ((True, "one transaction"), (False, "one per commit")):
                text = script(before, statement, block)
                best = [min(taken) for taken in _turns(text, sides)]
                note = "whole command {:.0f} ms, ours {:.0f}".format(
                    *(whole * 1000 for _inside, whole in best)
                )
                yield Result(f"{SINGLE} {name}, {way}", best[0][0], best[1][0], note)


def _turns(
    text: str, sides: tuple[Callable[[bytes], tuple[float, float]], ...]
) -> list[list[tuple[float, float]]]:
    """What each side took, round by round."""
    spent: list[list[tuple[float, float]]] = [[] for _ in sides]
    for _ in range(ROUNDS):
        for side, times in zip(sides, spent, strict=True):
            times.append(side(text.encode()))
    return spent


def _command(argv: list[str], **options: object) -> Callable[[bytes], tuple[float, float]]:
    """An action that runs a script: the seconds it tells, and those of the whole command."""
    given: object = options.pop("env", os.environ)
    env = {n: v for n, v in dict(given).items() if n != "PYTHONDONTWRITEBYTECODE"}  # type: ignore[call-overload]

    def act(text: bytes) -> tuple[float, float]:
        with tempfile.NamedTemporaryFile(suffix=".sql") as file:
            file.write(text)
            file.flush()
            os.chmod(file.name, 0o644)
            begin = time.perf_counter()
            done = subprocess.run(
                [*argv, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", file.name],
                check=True, capture_output=True, env=env, **options,  # type: ignore[call-overload]
            )  # fmt: skip
            whole = time.perf_counter() - begin
        return float(done.stdout), whole

    return act
