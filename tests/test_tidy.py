"""The house is tidy: small modules, a docstring on each, nothing left undone."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = [p for top in ("formats", "pgtool") for p in sorted((ROOT / top).rglob("*.py"))]
MAX_LINES = 600
MAX_FUNCTION = 70


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_module_is_tidy(path: Path) -> None:
    source = path.read_text()
    tree = ast.parse(source)
    assert ast.get_docstring(tree), "a module says what it is for"
    assert source.count("\n") <= MAX_LINES
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= MAX_FUNCTION, f"{node.name} is {length} lines long"
