"""Write `fixtures/` anew with the real servers: `python -m tests.make_fixtures [MAJOR…] [NAME…]`.

Each script of `tests/scenarios/` runs on a fresh cluster of each major that is here; one that
fails is reported and the others go on.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
import traceback
from pathlib import Path

from tests import fixtures, make_quickstart
from tests.fixture_script import SCENARIOS, Script
from tests.servers import available


def make(name: str, major: int) -> int:
    """Make one fixture; how many bytes it takes."""
    script = Script(name, major)
    if not script.wanted:
        return 0
    capture = script.run()
    where = fixtures.ROOT / str(major) / name
    shutil.rmtree(where, ignore_errors=True)
    where.mkdir(parents=True)
    fixtures.write_tar(where / fixtures.FILES, capture.files)
    if capture.expected:
        fixtures.write_tar(where / fixtures.EXPECTED, capture.expected)
    manifest = {
        "major": major,
        "server": script.server_version,
        "scenario": name,
        "script": f"tests/scenarios/{name}.sql",
        "initdb": script.initdb,
        "files": [capture.about[n] for n in sorted(capture.about)],
        "expected": capture.commands,
    }
    (where / fixtures.MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    return sum(p.stat().st_size for p in where.iterdir())


def names() -> list[str]:
    return sorted(p.stem for p in Path(SCENARIOS).glob("*.sql"))


def main(args: list[str]) -> int:
    majors = [int(a) for a in args if a.isdigit()] or available()
    chosen = [a for a in args if not a.isdigit()] or names()
    failed = 0
    for major in majors:
        for name in chosen:
            began = time.monotonic()
            try:
                size = make(name, major)
            except Exception:
                failed += 1
                print(f"{major}/{name}: FAILED\n{traceback.format_exc()}", file=sys.stderr)
                continue
            print(f"{major}/{name}: {size:,} bytes, {time.monotonic() - began:.1f} s", flush=True)
    if make_quickstart.MAJOR in majors and len(chosen) == len(names()):
        print(f"{make_quickstart.TARGET.name}: {make_quickstart.main():,} bytes")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
