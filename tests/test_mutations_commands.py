"""The commands on damaged files: one clear line on stderr, exit status 0, 1 or 2, no traceback.

The same seeds and sizes as `test_mutations`, a smaller number: a command costs more than a
function. Everything runs in this process, through the entry point that a user calls.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import struct
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from formats.derive import offset_of
from formats.page import PageHeaderData
from pgtool.cli.main import main
from pgtool.storage.checksum import page_checksum
from tests.fixture_wal import with_wal
from tests.fixtures import PAGE, ROOT, Scenario
from tests.mutations import ANY_SIZE, SAME_SIZE, damaged

COUNT = max(20, int(os.environ.get("PGTOOL_FUZZ", "3000")) // 100)
LONGEST_SECONDS = 30.0


def run(*args: object) -> tuple[int, str, str]:
    """(exit status, stdout, stderr) of a command; an exception would come through."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="surrogateescape")
    err = io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(a) for a in args])
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        out.flush()
    return code, out.buffer.getvalue().decode(errors="replace"), err.getvalue()


def check(what: str, *args: object) -> None:
    began = time.monotonic()
    try:
        code, _, err = run(*args)
    except Exception as error:
        raise AssertionError(f"{what}: {args}: {type(error).__name__}: {error}") from error
    assert code in (0, 1, 2), (what, args, code)
    assert code == 0 or err.strip() or code == 2, (what, args, "fails without a word")
    assert time.monotonic() - began < LONGEST_SECONDS, (what, args)


@pytest.fixture(scope="module")
def cluster_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("cluster")
    with tarfile.open(ROOT / "18" / "quickstart.tar.xz") as tar:
        tar.extractall(where, filter="fully_trusted")
    return where / "quickstart"


def checksummed(data: bytes) -> bytes:
    """The same pages with the checksums that they should have: damage that nothing else finds."""
    at = offset_of(PageHeaderData, "pd_checksum")
    out = bytearray(data)
    for block, start in enumerate(range(0, len(data) - PAGE + 1, PAGE)):
        page = data[start:start + PAGE]
        if any(page):
            out[start + at:start + at + 2] = page_checksum(page, block).to_bytes(2, "little")
    return bytes(out)


@contextlib.contextmanager
def damage(path: Path, rng: random.Random) -> Iterator[None]:
    """A file is damaged for a while."""
    whole = path.read_bytes()
    bad = damaged(whole, rng, ANY_SIZE)
    try:
        path.write_bytes(checksummed(bad) if path.name.isdigit() and rng.random() < 0.8 else bad)
        yield
    finally:
        path.write_bytes(whole)


#: What is damaged (a glob) → the commands that read it.
READERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "global/pg_control": (("controldata",), ("checksums",), ("ls",)),
    "PG_VERSION": (("controldata",), ("ls",)),
    "global/pg_filenode.map": (("relmap",), ("ls",), ("ls", "-d", "demo")),
    "base/16384/pg_filenode.map": (("relmap",), ("ls", "-d", "demo")),
    "pg_xact/0000": (("slru", "xact", "0-900"), ("ls", "-d", "demo")),
    "base/16384/1249": (("ls", "-d", "demo"),),
    "base/16384/1259": (("ls", "-d", "demo"), ("ls", "-d", "demo", "-S")),
    "base/16384/2615": (("ls", "-d", "demo"),),
    "global/1262": (("ls",), ("ls", "-d", "demo")),
    "base/16384/16385": (
        ("pageinspect", "heap_page_items", "--file", "base/16384/16385", "--block", "all"),
        ("pageinspect", "--explain", "--file", "base/16384/16385", "--block", "all"),
        ("pageinspect", "heap_page_item_attrs", "-d", "demo", "--relation", "customer",
         "--block", "all"),
    ),
    "base/16384/16385_vm": (("vm", "--file", "base/16384/16385"),
                            ("vm", "--file", "base/16384/16385", "--summary")),
    "base/16384/16395_fsm": (("fsm", "--file", "base/16384/16395"),),
}


@pytest.mark.parametrize("path", READERS)
def test_cluster(path: str, cluster_files: Path) -> None:
    for number in range(max(10, COUNT // 4)):
        rng = random.Random(f"{path} {number}")
        with damage(cluster_files / path, rng):
            command = rng.choice(READERS[path])
            check(f"{path} {number}", *command, "-D", cluster_files)


WALDUMP: tuple[tuple[str, ...], ...] = ((), ("-b",), ("--stats",), ("--stats=record",),
                                        ("--format", "jsonl"), ("-w",), ("-x", "755"))


def _wal(scenario: Scenario, rng: random.Random, directory: Path) -> list[str]:
    """Some segments of a scenario, one of them damaged."""
    for old in directory.iterdir():
        old.unlink()
    wal = scenario.wal(rng.choice(scenario.wal_tags()))
    names = sorted(n for n in wal if n.startswith("00000001"))[-2:]
    for name in names:
        (directory / name).write_bytes(wal[name])
    victim = directory / rng.choice(names)
    whole = victim.read_bytes()
    place = rng.choice((8192, 65536, len(whole)))
    victim.write_bytes(damaged(whole[:place], rng, SAME_SIZE) + whole[place:])
    return names


def test_waldump(tmp_path: Path) -> None:
    small = [s for s in with_wal() if s.name in ("heap", "torn", "images", "standby", "xact")]
    for number in range(COUNT):
        rng = random.Random(f"waldump {number}")
        names = _wal(rng.choice(small), rng, tmp_path)
        options: Callable[[], tuple[str, ...]] = lambda r=rng: r.choice(WALDUMP)  # noqa: E731
        check(f"waldump {number}", "waldump", "-p", tmp_path, *options(), names[0], names[-1])


def test_not_a_data_directory(tmp_path: Path) -> None:
    """Every command says so in one line and exits with 1."""
    (tmp_path / "file").write_text("x")
    for where in (tmp_path, tmp_path / "missing", tmp_path / "file"):
        for command in (["controldata"], ["ls"], ["checksums"], ["relmap"], ["slru", "xact"],
                        ["vm", "--file", "base/1/1"], ["fsm", "--file", "base/1/1"]):
            code, out, err = run(*command, "-D", where)
            assert code == 1, (command, where, out, err)
            lines = err.strip().split("\n")
            assert re.match(r"(pgtool|pg_\w+): ", lines[0]), (command, err)
            assert out == "", (command, out)


def test_neither_fish_nor_fowl(cluster_files: Path, tmp_path: Path) -> None:
    """PG_VERSION and pg_control that do not make a data directory: one line, exit 1."""
    control = (cluster_files / "global/pg_control").read_bytes()
    other = control[:8] + struct.pack("<II", 1300, 202007201) + control[16:]
    (tmp_path / "global").mkdir()
    for version, bytes_, said in (
        (b"17\n", control, 'PG_VERSION says "17", but pg_control belongs to PostgreSQL 18'),
        (b"13\n", other, 'says "13"; what can be read is 14 to 18'),
        (b"\x1b[2J\xff\n18", control, 'says "?[2J?"'),
        (b"18\n", other, "catalog version 202007201 with pg_control version 1300 is not known"),
        (b"18\n", b"", "read 0 of 296"),
        (b"18\n", control[:200], "read 200 of 296"),
        (b"18\n", None, "no global/pg_control"),
        (None, control, "no PG_VERSION"),
    ):
        for name, data in (("PG_VERSION", version), ("global/pg_control", bytes_)):
            path = tmp_path / name
            path.unlink(missing_ok=True)
            if data is not None:
                path.write_bytes(data)
        for command in (["ls"], ["recover"], ["query", "-d", "demo", "-c", "create table t()"]):
            code, out, err = run(*command, "-D", tmp_path)
            assert (code, out, err.count("\n")) == (1, "", 1) and said in err, (command, err)
