"""The facts that must be known before the first catalog can be read.

pg_attribute describes every relation, itself included, so the attribute lists of a few
catalogs have to come from somewhere else: ``data/bootstrap.json``, taken from real
servers of each major (tests/make_catalog_data.py). Everything else a data directory says
itself.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import NamedTuple

from formats.errors import Unsupported
from pgtool.access.heap.deform import Attr

#: Catalogs in a relation map → their index by OID (pg_attribute: by relation and number).
INDEXES = {
    1259: 2662, 1249: 2659, 1247: 2703, 1255: 2690, 1262: 2672, 1260: 2677, 1213: 2697,
}  # fmt: skip


class BootstrapCatalog(NamedTuple):
    """A catalog known beforehand: its OID, storage attributes, and type OIDs by name."""

    oid: int
    shared: bool
    attrs: tuple[Attr, ...]
    types: dict[str, int]


@cache
def catalogs(major: int) -> dict[str, BootstrapCatalog]:
    """The catalogs known for a major, by name."""
    source = resources.files("pgtool.catalog").joinpath("data/bootstrap.json")
    facts = json.loads(source.read_text("ascii"))
    if str(major) not in facts:
        raise Unsupported(f"the catalogs of PostgreSQL {major}")
    out = {}
    for name, fact in facts[str(major)].items():
        rows = fact["attributes"]
        attrs = tuple(Attr(row[0], row[2], row[3], i + 1) for i, row in enumerate(rows))
        out[name] = BootstrapCatalog(
            fact["oid"], fact["shared"], attrs, {row[0]: row[1] for row in rows}
        )
    return out
