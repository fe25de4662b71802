"""The hot loops as plain Python, also where compiled ones are installed."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: The replay loop and what it stands on, lowest first.
REPLAY = (
    "pgtool.storage.redobuffer", "pgtool.storage.pageedit", "pgtool.access.heap.tupleedit",
    "pgtool.wal.hotrecord", "pgtool.wal.walk", "pgtool.access.replaypages",
    "pgtool.access.heap.replay", "pgtool.access.btree.itemedit", "pgtool.access.btree.replay",
    "pgtool.access.indexreplay", "pgtool.access.replay",
)  # fmt: skip


@contextlib.contextmanager
def as_python(names: tuple[str, ...] = REPLAY) -> Iterator[None]:
    """Modules imported meanwhile find the sources of these in the place of compiled ones."""
    saved = {name: sys.modules.get(name) for name in names}
    try:
        for name in names:
            path = ROOT / (name.replace(".", "/") + ".py")
            spec = importlib.util.spec_from_file_location(name, path)
            assert spec is not None and spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
        yield
    finally:
        for name, module_before in saved.items():
            sys.modules.pop(name, None)
            if module_before is not None:
                sys.modules[name] = module_before
