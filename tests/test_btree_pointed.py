"""Statements about one row go from page to page by compiled steps: as the general way would."""

from __future__ import annotations

import random
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pgtool.access.btree import insert as btree_insert
from pgtool.access.btree import lookup, numberpage, pointed
from pgtool.catalog.cluster import Cluster
from pgtool.functions.session import Session
from pgtool.sql.engine import Engine
from tests.own_cluster import own_cluster

SOURCE = Path(numberpage.__file__).with_name("numberpage.py")
TABLES = {
    "two": "smallint", "four": "int", "eight": "bigint",
}  # fmt: skip


def plain() -> ModuleType:
    """The module as it is where nothing is compiled."""
    module = ModuleType("numberpage_plain")
    exec(compile(SOURCE.read_text(), str(SOURCE), "exec"), module.__dict__)
    return module


def workload(rng: random.Random) -> list[str]:
    out = []
    for name in TABLES:
        low = -900
        keys = list(range(low, 900, 3))
        rng.shuffle(keys)
        out += [f"INSERT INTO {name} VALUES ({key}, 0)" for key in keys]
        for _ in range(90):
            key = rng.randrange(low, 900)
            out.append(rng.choice([
                f"UPDATE {name} SET k = k + 1, other = {key} WHERE id = {key}",
                f"DELETE FROM {name} WHERE id = {key}",
                f"INSERT INTO {name} VALUES ({key}, 1)",
                f"SELECT k FROM {name} WHERE id = {key}",
            ]))  # fmt: skip
    return out


def run(engine: Engine, text: str) -> Any:
    from pgtool.errors import SqlError

    try:
        return [
            (outcome.tag, list(outcome.answer.texts()) if outcome.answer is not None else None)
            for outcome in engine.run(text)
        ]
    except SqlError as error:
        return error.sqlstate


@pytest.mark.server
def test_as_the_general_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same answers as by searching in general, each step also as plain Python takes it."""
    steps = plain()
    asked = {"child_of": 0, "tids_of": 0, "place_of": 0}
    for name in asked:
        def both(*args: Any, name: str = name) -> Any:
            found = getattr(numberpage, name)(*args)
            assert found == getattr(steps, name)(*args)
            asked[name] += found not in (None, numberpage.ASK)
            return found

        monkeypatch.setattr(pointed, name, both)
    with own_cluster(start=False) as server:
        engine = Engine(Session.open(Cluster(str(server.data)), "postgres"))
        engine.points.eager = True
        for name, kind in TABLES.items():
            run(engine, f"CREATE TABLE {name} (id {kind} PRIMARY KEY, k int, other int)")
            run(engine, f"CREATE INDEX ON {name} (other)")
        statements = workload(random.Random(8))
        quick = [run(engine, "BEGIN"), *(run(engine, text) for text in statements[:400])]
        run(engine, "COMMIT")
        quick += [run(engine, text) for text in statements[400:]]
        assert min(asked.values()) > 200
        monkeypatch.setattr(lookup.pointed, "entries", lambda *_: None)
        monkeypatch.setattr(btree_insert.pointed, "insert", lambda *_: None)
        for name in TABLES:
            run(engine, f"TRUNCATE {name}")
        slow = [run(engine, "BEGIN"), *(run(engine, text) for text in statements[:400])]
        run(engine, "COMMIT")
        slow += [run(engine, text) for text in statements[400:]]
        assert quick == slow
        engine.close()


def test_damage_is_left_to_the_general_way() -> None:
    """Pages of random bytes give no answer, and no crash."""
    rng = random.Random(3)
    for module in (numberpage, plain()):
        for _ in range(300):
            page = bytearray(rng.randbytes(8192))
            lower = 24 + 4 * rng.randrange(50)
            page[12:18] = b"".join(n.to_bytes(2, "little") for n in (lower, 4000, 8176))
            page[8176:8192] = bytes(12) + rng.choice([b"\1\0\0\0", b"\0\0\0\0"])
            module.child_of(page, 0, False, 5, -4)
            module.tids_of(page, False, 5, -4)
            module.place_of(page, False, True, 5, -4, 77)
