"""initdb beside the real one: the whole command, with and without waiting for the disk."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import Result, median_times, runner
from tests.installs import run_as
from tests.servers import Server, make_base

ROOT = Path(__file__).resolve().parent.parent.parent
MAJOR = 18
ROUNDS = 5


def run() -> Iterator[Result]:
    """One line with fsync, one without."""
    base = make_base()
    try:
        for note, more in (("with fsync", []), ("--no-sync", ["--no-sync"])):
            real, ours = median_times(*_both(base, more), rounds=ROUNDS)
            yield Result("initdb", real, ours, note)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _both(base: Path, more: list[str]) -> list[Callable[[], None]]:
    install = Server(MAJOR, base).install
    args = ["-U", "postgres", "-A", "trust", "--locale=C", "-E", "UTF8", *more, "-D"]
    real = [str(install.bin / "initdb"), *args]
    ours = [sys.executable, "-m", "pgtool", "initdb", *args]
    return [
        _fresh(base / "real", real, env=install.env(), **run_as()),
        _fresh(base / "ours", ours, cwd=ROOT, env={**os.environ, "TZ": "UTC"}),
    ]  # fmt: skip


def _fresh(where: Path, argv: list[str], **options: object) -> Callable[[], None]:
    run_it = runner([*argv, str(where)], **options)

    def again() -> None:
        shutil.rmtree(where, ignore_errors=True)
        run_it()

    return again
