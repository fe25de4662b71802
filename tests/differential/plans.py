"""EXPLAIN on both sides: access paths and join methods of a list of plain queries.

Two measures: the same *shape* (node types and relations, in their places), and the same
text with costs.

``python -m tests.differential.plans``
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

__all__ = ["SETUP", "compare", "shape"]

SETUP = """
SELECT setseed(0.5);
CREATE TABLE big (id int PRIMARY KEY, k int, v float8, t text);
INSERT INTO big SELECT g, g % 100, random(), 'text ' || g FROM generate_series(1, 20000) g;
CREATE INDEX big_k ON big (k); CREATE INDEX big_t ON big (t);
CREATE TABLE mid (id int PRIMARY KEY, k int, d date);
INSERT INTO mid SELECT g, g % 50, date '2024-01-01' + g % 300 FROM generate_series(1, 2000) g;
CREATE TABLE small (id int PRIMARY KEY, n int);
INSERT INTO small SELECT g, g FROM generate_series(1, 100) g;
VACUUM ANALYZE;
"""
_COSTS = re.compile(r"  \(cost=.*$")


def shape(lines: list[str]) -> list[str]:
    """The node lines of a plan, without costs and without what is said of them."""
    kept = [_COSTS.sub("", line) for line in lines if "(cost=" in line]
    return [re.sub(r"^( *)(?:->  )?", r"\1", line) for line in kept]


def plan_lines(rows: Any) -> list[str]:
    """The text of EXPLAIN's rows."""
    return [row[0] for row in rows]


def compare(engine: Any, connection: Any) -> list[tuple[str, bool, bool, list[str], list[str]]]:
    """(statement, same shape, same text, our lines, the server's)."""
    from tests.differential.selects import handwritten

    out = []
    for _category, statement in handwritten("plans.sql"):
        other = plan_lines(connection.execute("EXPLAIN " + statement).fetchall())
        try:
            mine: list[str] = []
            for outcome in engine.run("EXPLAIN " + statement):
                mine = plan_lines(outcome.answer.texts())
        except Exception as error:
            mine = [repr(error)]
        out.append((statement, shape(mine) == shape(other), mine == other, mine, other))
    return out


def main() -> None:
    """Print what differs, and the shares."""
    import tempfile

    from tests.differential.selects import both_sides
    from tests.servers import cluster

    with cluster(18) as server, tempfile.TemporaryDirectory() as place:
        found = compare(*both_sides(server, Path(place) / "data", text=SETUP))
    for statement, same_shape, _same, mine, other in found:
        if not same_shape:
            print("\n".join([statement, "  ours", *mine, "  server", *other, ""]))
    shapes, texts = sum(f[1] for f in found), sum(f[2] for f in found)
    print(f"{len(found)} queries: {shapes} of the same shape, {texts} with the same text")


if __name__ == "__main__":
    main()
