"""Imports point down only, and commands import no more than they need."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: Highest first. A module may import its own layer and the ones below.
LAYERS = (
    "pgtool.cli", "pgtool.api", "pgtool.dbapi", "pgtool.dbvalues", "pgtool.server",
    "pgtool.inspect", "pgtool.check", "pgtool.salvage", "pgtool.commands", "pgtool.sql",
    "pgtool.functions", "pgtool.catalog", "pgtool.access", "pgtool.transam", "pgtool.types",
    "pgtool.nodes", "pgtool.wal", "pgtool.storage", "pgtool.errors", "formats",
)  # fmt: skip
#: The package's own front door and build helpers stand beside the layers.
BESIDE = ("pgtool.packaging", "pgtool.__main__", "pgtool.__init__")


def _modules() -> list[Path]:
    return [p for top in ("formats", "pgtool") for p in sorted((ROOT / top).rglob("*.py"))]


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def _layer(name: str) -> int | None:
    for i, layer in enumerate(LAYERS):
        if name == layer or name.startswith(layer + "."):
            return i
    return None


def _imports(path: Path) -> list[str]:
    out: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            out += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            out.append(node.module or "")
            out += [f"{node.module}.{alias.name}" for alias in node.names]
    return out


@pytest.mark.parametrize("path", _modules(), ids=_name)
def test_imports_point_down(path: Path) -> None:
    name = _name(path)
    if name.startswith(BESIDE):
        return
    mine = _layer(name)
    assert mine is not None, f"{name} stands in no layer"
    for imported in _imports(path):
        theirs = _layer(imported)
        if theirs is not None:
            assert theirs >= mine, f"{name} imports {imported}, which stands above it"


def _imported_by(*argv: str) -> set[str]:
    code = (
        "import sys\n"
        "from pgtool.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, *argv], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(run.stderr.split())


HEAVY = {"numpy", "postgast", "pyarrow", "tabulate", "asyncio"}


def test_help_imports_nothing_heavy() -> None:
    loaded = _imported_by("--help")
    assert not loaded & (HEAVY | {"construct", "crc32c", "lz4"})


@pytest.mark.parametrize("argv", [["controldata", "--help"], ["waldump", "--help"]])
def test_command_help_stays_light(argv: list[str]) -> None:
    assert not _imported_by(*argv) & HEAVY
