"""Compile the hot-loop modules with Cython where that is possible, else leave them as Python.

A hot-loop module is a plain ``.py`` file in Cython's pure-Python mode. Compiled, its
extension lies beside the source and is imported in its place; without a C compiler the
same file runs as Python, slower and otherwise the same.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from setuptools import Extension
from setuptools.command.build_ext import build_ext

HOT_MODULES: tuple[str, ...] = (
    "formats.pglz",
    "formats.pglz_pack",
    "pgtool.access.btree.itemedit",
    "pgtool.access.btree.numberpage",
    "pgtool.access.btree.replay",
    "pgtool.access.heap.attributes",
    "pgtool.access.heap.pointers",
    "pgtool.access.heap.replay",
    "pgtool.access.heap.tupleedit",
    "pgtool.access.indexreplay",
    "pgtool.access.replay",
    "pgtool.access.replaypages",
    "pgtool.commands.copy.quoting",
    "pgtool.functions.running",
    "pgtool.functions.unscale",
    "pgtool.storage.fnv",
    "pgtool.storage.pageedit",
    "pgtool.storage.radix",
    "pgtool.storage.redobuffer",
    "pgtool.storage.spans",
    "pgtool.types.digit_read",
    "pgtool.types.digit_walk",
    "pgtool.types.float_walk",
    "pgtool.types.jsonb_read",
    "pgtool.types.jsonb_walk",
    "pgtool.types.numeric_rank",
    "pgtool.wal.assemble",
    "pgtool.wal.hotrecord",
    "pgtool.wal.sign",
    "pgtool.wal.walk",
)

#: No debugging symbols: they take a third of the compiler's time.
FLAGS = [] if sys.platform == "win32" else ["-g0"]


class OptionalBuildExt(build_ext):
    """``build_ext`` that never fails the installation."""

    def initialize_options(self) -> None:
        super().initialize_options()
        # Added here and not in pyproject: setuptools would otherwise try to
        # compile the .py sources as C.
        self.distribution.ext_modules = _extensions()
        self.parallel = os.cpu_count() or 1

    def run(self) -> None:
        try:
            super().run()
        except Exception as error:  # no compiler, no headers, no Cython: all the same
            print(f"pgtool: hot loops stay plain Python ({error})", file=sys.stderr)

    def build_extension(self, ext: Any) -> None:
        try:
            super().build_extension(ext)
        except Exception as error:
            print(f"pgtool: {ext.name} stays plain Python ({error})", file=sys.stderr)


def _extensions() -> list[Extension]:
    try:
        from Cython.Build import cythonize
    except ImportError:
        return []
    out: list[Extension] = []
    for name in HOT_MODULES:
        source = name.replace(".", "/") + ".py"
        if not Path(source).exists():
            continue
        try:
            out += cythonize([source], language_level=3, quiet=True, build_dir="build")
        except Exception as error:
            print(f"pgtool: {name} stays plain Python ({error})", file=sys.stderr)
    for extension in out:
        extension.extra_compile_args = FLAGS
    return out
