"""Benchmarks: pgtool beside the real tool, both measured in the same run.

``python -m tests.bench [NAME …]`` runs ``run()`` of every ``bench_*.py`` here (or of the
named ones) and prints what they yield. They are no part of the test command. Numbers of
different runs do not compare; ratios within one do: below 1 is ahead of the real tool.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

ROUNDS = 7


@dataclass(frozen=True)
class Result:
    """One line of the table; times in seconds."""

    work: str
    real: float
    ours: float
    note: str = ""

    @property
    def ratio(self) -> float:
        return self.ours / self.real


def median_times(*actions: Callable[[], Any], rounds: int = ROUNDS) -> list[float]:
    """Median wall-clock seconds of each action, the actions taking turns."""
    spent: list[list[float]] = [[] for _ in actions]
    for action in actions:
        action()  # warms the caches
    for _ in range(rounds):
        for action, times in zip(actions, spent, strict=True):
            begin = time.perf_counter()
            action()
            times.append(time.perf_counter() - begin)
    return [statistics.median(times) for times in spent]


def runner(argv: Sequence[str], **options: Any) -> Callable[[], None]:
    """An action that runs a command to its end and throws its output away.

    With its bytecode at hand, from the second run on, as an installed tool has it.
    """
    given = options.pop("env", os.environ)
    env = {name: value for name, value in given.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def run() -> None:
        subprocess.run(
            argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env,
            **options,
        )  # fmt: skip

    return run
