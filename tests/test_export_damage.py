"""Damage: one clear error without salvage, every other row and a full account with it."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from formats.units import BLCKSZ
from pgtool.catalog.cluster import Cluster
from pgtool.catalog.names import find_relation
from pgtool.storage.smgr import relation_path
from tests import servers
from tests.conftest import need

pytestmark = pytest.mark.server

ROOT = Path(__file__).resolve().parent.parent
FILL = """
create table t (id int primary key, v text);
insert into t select g, 'value ' || g from generate_series(1, 5000) g;
create table bare as select g as id, 'bare ' || g as v from generate_series(1, 5000) g;
create table toasted (id int, v text);
alter table toasted alter v set storage external;
insert into toasted select g, repeat(md5(g::text), 100 + g) from generate_series(1, 200) g;
create table nothing (a int);
vacuum;
create table unhinted as select g as id from generate_series(1, 1000) g;
checkpoint;
"""


class Site:
    """A cluster at rest that every test gets a copy of."""

    def __init__(self, data: Path, copies: Path) -> None:
        self.data = data
        self.copies = copies
        database = Cluster(str(data)).database("postgres")
        self.files: dict[str, str] = {}
        for name in ("t", "bare", "toasted", "unhinted"):
            relation = find_relation(database, name)
            assert relation.locator is not None
            self.files[name] = relation_path(relation.locator, 18)
            if relation.reltoastrelid:
                toast = database.relation(relation.reltoastrelid)
                assert toast.locator is not None
                self.files[f"{name} toast"] = relation_path(toast.locator, 18)

    def copy(self) -> Path:
        target = self.copies / f"copy{len(list(self.copies.iterdir()))}"
        shutil.copytree(self.data, target, symlinks=True)
        return target


@pytest.fixture(scope="module", params=[True, False], ids=["checksums", "no-checksums"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    need(18)
    argument = "--data-checksums" if request.param else "--no-data-checksums"
    with servers.cluster(18, initdb_args=[argument]) as server:
        server.psql(FILL)
        server.stop()
        yield Site(server.data, tmp_path_factory.mktemp("copies"))


def export(data: Path, table: str, *options: str) -> tuple[int, list[str], str]:
    """(exit code, lines, messages) of one export command."""
    done = subprocess.run(
        [sys.executable, "-m", "pgtool", "export", "-D", str(data), "-d", "postgres",
         "-t", table, *options],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout.splitlines(), done.stderr


def salvage(data: Path, table: str) -> tuple[list[str], list[dict[str, object]]]:
    """(rows, losses), after making sure that the plain export refuses."""
    code, _lines, message = export(data, table)
    assert code == 2 and message.count("\n") == 1 and "error" in message, message
    report = data.parent / f"{data.name}.jsonl"
    code, lines, _message = export(data, table, "--salvage", "--report", str(report))
    assert code == 2
    losses = [json.loads(line) for line in report.read_text().splitlines()]
    assert losses and all(loss["message"] and loss["file"] for loss in losses)
    return lines, losses


def whole(site: Site, table: str) -> list[str]:
    code, lines, message = export(site.data, table)
    assert code == 0, message
    return lines


def patch(data: Path, path: str, at: int, new: bytes) -> None:
    with open(data / path, "r+b") as file:
        file.seek(at)
        file.write(new)


@pytest.mark.parametrize("table", ["t", "bare"])
def test_a_zeroed_page_is_missed(site: Site, table: str) -> None:
    data = site.copy()
    patch(data, site.files[table], 3 * BLCKSZ, bytes(BLCKSZ))
    lines, losses = salvage(data, table)
    assert [loss["block"] for loss in losses] == [3]
    assert set(lines) < set(whole(site, table))
    assert len(whole(site, table)) - len(lines) in range(100, 300)


def test_a_zeroed_page_that_nothing_knows_of_is_suspected(site: Site) -> None:
    """No map, no index: every other row comes out, with a warning and exit code 2."""
    data = site.copy()
    patch(data, site.files["unhinted"], BLCKSZ, bytes(2 * BLCKSZ))
    expected = whole(site, "unhinted")
    code, lines, message = export(data, "unhinted")
    assert code == 2 and "rows may have been lost" in message and "block 1" in message
    assert "2 pages" in message and set(lines) < set(expected)
    report = data.parent / "suspected.jsonl"
    assert export(data, "unhinted", "--salvage", "--report", str(report))[1] == lines
    losses = [json.loads(line) for line in report.read_text().splitlines()]
    assert losses[0]["block"] == 1 and all(loss["suspected"] for loss in losses)
    patch(data, site.files["unhinted"], BLCKSZ, bytes(20 * BLCKSZ))  # the end may be zeroes
    code, fewer, message = export(data, "unhinted")
    assert code == 0 and "pages of zeroes" in message and set(fewer) < set(lines)


def test_a_zeroed_page_of_a_catalog_is_missed(site: Site) -> None:
    data = site.copy()
    locator = find_relation(Cluster(str(data)).database("postgres"), "pg_class").locator
    assert locator is not None
    path = relation_path(locator, 18)
    patch(data, path, 0, bytes(BLCKSZ))
    code, _lines, message = export(data, "t")
    assert code == 2 and "all zeroes" in message and path in message and "Traceback" not in message


def test_a_shortened_relation_is_missed(site: Site) -> None:
    data = site.copy()
    size = (data / site.files["bare"]).stat().st_size
    with open(data / site.files["bare"], "r+b") as file:
        file.truncate(size - 5 * BLCKSZ)
    lines, losses = salvage(data, "bare")
    assert losses[0]["block"] == size // BLCKSZ - 5
    assert lines == whole(site, "bare")[: len(lines)]
    with open(data / site.files["bare"], "r+b") as file:
        file.truncate(size - 6 * BLCKSZ + 100)
    assert "inside a block" in str(salvage(data, "bare")[1])


def test_a_missing_file_is_missed(site: Site) -> None:
    data = site.copy()
    (data / site.files["t"]).unlink()
    lines, losses = salvage(data, "t")
    assert lines == [] and losses[0]["file"] == site.files["t"]


def test_a_broken_header_costs_a_page(site: Site) -> None:
    data = site.copy()
    patch(data, site.files["t"], 2 * BLCKSZ + 12, b"\xff\xff")
    lines, losses = salvage(data, "t")
    assert [loss["block"] for loss in losses] == [2]
    assert set(lines) < set(whole(site, "t"))


def test_a_lost_chunk_becomes_null(site: Site) -> None:
    data = site.copy()
    path = site.files["toasted toast"]
    patch(data, path, 4 * BLCKSZ, bytes(BLCKSZ))
    lines, losses = salvage(data, "toasted")
    expected = whole(site, "toasted")
    assert len(lines) == len(expected)
    changed = [line for line, was in zip(lines, expected) if line != was]
    assert 0 < len(changed) < 5 and all(line.endswith("\t\\N") for line in changed)
    assert sum(loss["field"] == "v" for loss in losses) == len(changed)
    assert all("pg_toast table" in str(loss["message"]) for loss in losses if loss["field"] == "v")


def test_truncated_pg_xact(site: Site) -> None:
    data = site.copy()
    with open(data / "pg_xact" / "0000", "r+b") as file:
        file.truncate(0)
    lines, losses = salvage(data, "unhinted")
    losses = [
        loss for loss in losses
        if loss["relation"] == "public.unhinted" and not loss["suspected"]
    ]  # fmt: skip
    assert lines == [] and len(losses) == 1000
    assert all("could not access status of transaction" in str(x["message"]) for x in losses)


def test_random_damage_gives_errors_and_no_wrong_kind_of_end(site: Site) -> None:
    """In this process: only pgtool's own errors may come out, whatever the bytes are."""
    import io

    from pgtool.commands.copy.export import Exporter, Options
    from pgtool.errors import PgtoolError

    random_ = random.Random(8)
    data = site.copy()
    names = [n for n in site.files if (site.data / site.files[n]).stat().st_size]
    for round_ in range(40):
        name = random_.choice(names)
        good = (site.data / site.files[name]).read_bytes()
        bad = bytearray(good)
        for _ in range(random_.randrange(1, 12)):
            bad[random_.randrange(len(bad))] ^= 1 << random_.randrange(8)
        (data / site.files[name]).write_bytes(bad)
        for salvaging in (False, True):
            options = Options(salvage=salvaging, dirty=round_ % 3 == 0)
            cluster = Cluster(str(data), verify_checksums=round_ % 2 == 0)
            database = cluster.database("postgres")
            relation = find_relation(database, name.split()[0])
            try:
                Exporter(database, options).run(database.relation(relation.oid), io.BytesIO())
            except PgtoolError:
                assert not salvaging
        (data / site.files[name]).write_bytes(good)
