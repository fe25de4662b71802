"""Run the benchmarks and print one table."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

HEADING = f"{'work':<44} {'real ms':>9} {'ours ms':>9} {'ratio':>6}  note"


def main(names: list[str]) -> None:
    """All ``bench_*.py`` of this package, or the ones whose name is given."""
    here = Path(__file__).parent
    found = sorted(path.stem for path in here.glob("bench_*.py"))
    chosen = [name for name in found if not names or name.removeprefix("bench_") in names]
    unknown = set(names) - {name.removeprefix("bench_") for name in chosen}
    if unknown:
        sys.exit(f"no such benchmark: {', '.join(sorted(unknown))}")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; medians, wall clock")
    print(HEADING)
    for name in chosen:
        for result in importlib.import_module(f"tests.bench.{name}").run():
            print(
                f"{result.work:<44} {result.real * 1000:9.1f} {result.ours * 1000:9.1f} "
                f"{result.ratio:6.2f}  {result.note}",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
