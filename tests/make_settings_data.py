"""Write pgtool/catalog/data/settings.json: the settings of every major, from real servers.

Usage: ``python -m tests.make_settings_data``. One line a setting: the majors that have it
so, then name, category, type, unit, context, default, least and greatest value, and the
values of an enum (of the server that was built with most of them).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.installs import MAJORS
from tests.servers import cluster

OUT = Path(__file__).resolve().parent.parent / "pgtool" / "catalog" / "data" / "settings.json"
QUERY = """
    select name, category, vartype, coalesce(unit, ''), context, boot_val, min_val, max_val,
        enumvals
    from pg_settings where strpos(name, '.') = 0
"""


def main() -> None:
    """Ask a server of each major."""
    found: dict[str, tuple[list[int], list[str]]] = {}
    for major in MAJORS:
        with cluster(major) as server, server.connect() as connection:
            rows: list[Any] = connection.execute(QUERY).fetchall()
        for *facts, enumvals in rows:
            majors, values = found.setdefault(json.dumps(facts), ([], []))
            majors.append(major)
            if len(enumvals or ()) > len(values):
                values[:] = enumvals
    order = sorted(found, key=lambda facts: (json.loads(facts)[0].lower(), -max(found[facts][0])))
    lines = [
        " " + json.dumps([found[facts][0], *json.loads(facts), found[facts][1] or None])
        for facts in order
    ]
    OUT.write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
