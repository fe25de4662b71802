"""Row assembly, escaping and quoting: numpy, the plain loops and the compiled ones agree."""

from __future__ import annotations

import csv
import io
import os
import random
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pgtool.commands.copy import binary, quoting, rows, text
from pgtool.commands.copy import csv as csv_form
from pgtool.storage import spans
from pgtool.types.column import TextColumn, VarColumn

ROOT = Path(__file__).resolve().parent.parent
ALPHABET = [b"a", b"bc", b"", b"\t", b"\n", b"\\", b'"', b",", b"\r", b"\x01", b"long " * 30]
HOT = ("pgtool/storage/spans.py", "pgtool/commands/copy/quoting.py")


def plain(name: str) -> ModuleType:
    """The source of a hot module, run as Python whether or not it is compiled."""
    path = ROOT / (name.replace(".", "/") + ".py")
    module = ModuleType(name + "_plain")
    code = path.read_text().replace("import cython\n", "raise ImportError\n")
    exec(compile(code, str(path), "exec"), module.__dict__)
    assert not module.COMPILED
    return module


def columns(seed: int, count: int, rows_: int) -> list[list[bytes | None]]:
    random_ = random.Random(seed)

    def value(clean: bool, nulls: bool) -> bytes | None:
        if nulls and random_.random() < 0.3:
            return None
        if clean:
            return b"%d" % random_.randrange(10 ** random_.randrange(1, 12))
        return b"".join(random_.choice(ALPHABET) for _ in range(random_.randrange(4)))

    return [[value(c % 2 == 0, c % 3 == 0) for _ in range(rows_)] for c in range(count)]


def cells(values: list[bytes | None], null: bytes) -> rows.Cells:
    column = VarColumn.of(values)
    spans_ = TextColumn(column.buffer, column.start, column.length.astype(np.int64))
    return rows.cells_of(spans_, column.valid, null)


def escaped(value: bytes | None) -> bytes:
    return b"\\N" if value is None else text.escape_one(value)


@pytest.fixture(params=["as built", "plain loops", "numpy"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "plain loops":
        loops, quotes = plain("pgtool.storage.spans"), plain("pgtool.commands.copy.quoting")
        loops.COMPILED = quotes.COMPILED = True
        for module in (rows, binary):
            monkeypatch.setattr(module, "spans", loops)
        for module in (text, csv_form):
            monkeypatch.setattr(module, "quoting", quotes)
    elif request.param == "numpy":
        for module, name in ((rows, "spans"), (binary, "spans"), (text, "quoting"),
                             (csv_form, "quoting")):  # fmt: skip
            monkeypatch.setattr(module, name, ModuleType("none"))
            getattr(module, name).COMPILED = False
    return str(request.param)


@pytest.mark.parametrize("seed", range(6))
def test_text(way: str, seed: int) -> None:
    form = text.TextFormat(5)
    for batch in range(3):
        values = columns(seed * 10 + batch, 5, 40)
        out = form.rows([cells(v, b"\\N") for v in values], 40).tobytes()
        expected = b"".join(b"\t".join(map(escaped, row)) + b"\n" for row in zip(*values))
        assert out == expected


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("count", [1, 4])
def test_csv(way: str, seed: int, count: int) -> None:
    form = csv_form.CsvFormat(count)
    for batch in range(3):
        values = columns(seed * 10 + batch, count, 40)
        if count == 1:
            values[0][:2] = [b"\\.", b"\\.x"]
        out = form.rows([cells(v, b"") for v in values], 40).tobytes()
        expected = b"".join(
            b",".join(b"" if v is None else csv_form.quote_one(v, count == 1) for v in row) + b"\n"
            for row in zip(*values)
        )
        assert out == expected
        read = list(csv.reader(io.StringIO(out.decode(), newline="")))
        if count > 1:
            assert read == [[(v or b"").decode() for v in row] for row in zip(*values)]


@pytest.mark.parametrize("seed", range(4))
def test_binary(way: str, seed: int) -> None:
    values = columns(seed, 5, 40)
    values.append([b"1234"] * 40)
    wires = []
    for value in values:
        column = VarColumn.of(value)
        wire = TextColumn(column.buffer, column.start, column.length.astype(np.int64))
        wires.append((wire, column.valid))
    expected = b""
    for row in zip(*values):
        expected += struct.pack(">h", len(row))
        for v in row:
            expected += struct.pack(">i", -1) if v is None else struct.pack(">i", len(v)) + v
    assert binary.tuples(wires, 40).tobytes() == expected


def test_no_columns(way: str) -> None:
    assert text.TextFormat(0).rows([], 3).tobytes() == b"\n\n\n"
    assert binary.tuples([], 2).tobytes() == b"\0\0" * 2


def test_special_bytes(way: str) -> None:
    raw = random.Random(3).randbytes(1000)
    found = text.special_bytes(np.frombuffer(raw, np.uint8))
    assert found == sum(b < 32 or b == 92 for b in raw)


@pytest.mark.skipif(
    spans.COMPILED and quoting.COMPILED, reason="the compiled loops are the ones that run here"
)
def test_compiled_loops_agree(tmp_path: Path) -> None:
    pytest.importorskip("Cython")
    if shutil.which(os.environ.get("CC", "cc")) is None:
        pytest.skip("no C compiler")
    ignore = shutil.ignore_patterns("__pycache__", "*.so")
    for top in ("formats", "pgtool"):
        shutil.copytree(ROOT / top, tmp_path / top, ignore=ignore)
    (tmp_path / "tests").mkdir()
    for name in ("__init__.py", Path(__file__).name):
        shutil.copy(ROOT / "tests" / name, tmp_path / "tests")
    subprocess.run(
        [sys.executable, "-m", "Cython.Build.Cythonize", "-i", "-q", *HOT],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
         f"tests/{Path(__file__).name}", "-k", "not plain and not numpy"],
        cwd=tmp_path, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
