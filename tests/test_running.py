"""Running sums of floats: compiled, plain and row by row give the same bits, as the server does."""

from __future__ import annotations

import random
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pgtool.errors import SqlError
from pgtool.functions import running
from pgtool.functions.aggstats import float8_step, regr_step
from tests.differential.selects import both_sides, ours, theirs
from tests.servers import cluster

SOURCE = Path(running.__file__).with_name("running.py")
ODD = [0.0, -0.0, 1e308, -1e308, 1e-320, float("inf"), float("-inf"), float("nan"), 1e200]


def plain() -> ModuleType:
    """The loops as Python, whether or not they are compiled."""
    module = ModuleType("running_plain")
    code = SOURCE.read_text().replace("import cython\n", "raise ImportError\n")
    exec(compile(code, str(SOURCE), "exec"), module.__dict__)
    return module


def values(random_: random.Random, odd: bool) -> list[float]:
    return [
        random_.choice(ODD) if odd and random_.random() < 0.1 else random_.gauss(5, 1e3)
        for _ in range(random_.randrange(1, 200))
    ]


def row_by_row(step: Any, size: int, ids: list[int], rows: list[tuple[float, ...]]) -> Any:
    states = [[0.0] * size for _ in range(3)]
    for number, (group, row) in enumerate(zip(ids, rows)):
        try:
            step(states[group], *row)
        except SqlError:
            return number
    return np.array(states).tobytes()


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize(("name", "step", "size"), [("spread", float8_step, 3),
                                                    ("regress", regr_step, 6)])  # fmt: skip
def test_the_loops_take_the_same_steps(seed: int, name: str, step: Any, size: int) -> None:
    random_ = random.Random(seed)
    first = values(random_, odd=seed % 2 == 1)
    columns = [first] if size == 3 else [first, [random_.choice(first) for _ in first]]
    ids = [random_.randrange(3) for _ in first]
    expected = row_by_row(step, size, ids, list(zip(*columns)))
    for module in (running, plain()):
        sums = [np.zeros(3) for _ in range(size)]
        with np.errstate(all="ignore"):
            done = getattr(module, name)(
                np.array(ids), *[np.array(column) for column in columns], *sums
            )
        found = np.array(sums).T.tobytes() if done == len(ids) else done
        if isinstance(expected, int):
            assert done == expected
        else:
            one, other = np.frombuffer(found), np.frombuffer(expected)
            assert np.array_equal(one, other, equal_nan=True)
            assert np.array_equal(np.signbit(one[one == one]), np.signbit(other[other == other]))


QUERIES = [
    "SELECT stddev(a), variance(a), var_pop(a), stddev_pop(a), avg(a), sum(a) FROM f",
    "SELECT g, stddev(a), variance(b), var_pop(b), avg(b), sum(b) FROM f GROUP BY g ORDER BY g",
    "SELECT g, corr(a, b), covar_samp(a, b), regr_slope(b, a), regr_intercept(a, b),"
    " regr_r2(a, b), regr_sxx(a, b), regr_syy(a, b), regr_avgx(a, b) FROM f"
    " GROUP BY g ORDER BY g",
    "SELECT g, stddev(r), var_pop(r), avg(r) FROM f GROUP BY g ORDER BY g",
    "SELECT stddev(a * 1e300) FROM f",
    *[f"SELECT n, {call} OVER (ORDER BY n) FROM f ORDER BY n" for call in (
        "sum(a)", "sum(b)", "avg(b)", "count(*)", "count(b)", "sum(g)", "avg(g)", "sum(n)",
        "avg(n)", "sum(m)", "avg(m)", "min(g)", "max(n)", "max(day)", "sum(m) FILTER (WHERE g > 5)",
        "count(*) FILTER (WHERE b > 0)", "sum(a * 1e304)", "sum(1.50)", "sum(r)",
        "sum(n * 4611686018427387)", "sum(CASE WHEN n > 40 THEN m END)", "avg(m / 3)",
    )],
    "SELECT n, sum(m) OVER w, avg(g) OVER w, min(day) OVER w FROM f"
    " WINDOW w AS (PARTITION BY g % 3 ORDER BY n % 500) ORDER BY n",
    "SELECT n, sum(m) OVER (ORDER BY n ROWS 3 PRECEDING), sum(a) OVER (ORDER BY n ROWS BETWEEN"
    " UNBOUNDED PRECEDING AND 2 FOLLOWING) FROM f ORDER BY n",
]  # fmt: skip


@pytest.mark.server
def test_digits_are_the_servers(tmp_path: Path) -> None:
    """To the last digit: the other comparisons of floats leave room."""
    text = """
    CREATE TABLE f AS SELECT (g * 7919 % 13 + g / 700)::int AS g, sin(g) * 10 ^ (g % 9) AS a,
      CASE WHEN g % 11 > 0 THEN cos(g * 3) + g END AS b, (ln(g) * 100)::float4 AS r,
      g::int8 AS n, CASE WHEN g % 7 > 0 THEN round(g * 1.37, 2) END AS m,
      date '2000-01-01' + g * 37 % 1000 AS day
      FROM generate_series(1, 5000) g;
    ANALYZE;
    """
    with cluster(18) as server:
        engine, connection = both_sides(server, tmp_path / "data", text=text)
        for query in QUERIES:
            mine, real = ours(engine, query), theirs(connection, query)
            assert (mine.error, mine.rows) == (real.error, real.rows), query

