"""The catalogs of two clusters side by side: one that pgtool made, one of the real initdb.

Rows are compared as text, by catalog. OIDs that initdb hands out at run time differ; they
are replaced by the names of what they number. :data:`LATER` says what the real one has and
ours does not have yet.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

FIRST_UNPINNED = 12000
#: Objects that come later, by a piece of their name.
LATER = re.compile(r"information_schema|pg_toast_1\d{4}")
#: Catalogs without rows of ours yet.
EMPTY = {"pg_description", "pg_shdescription", "pg_statistic"}
#: Columns that hold sizes, ages, or texts of our own.
OWN = {
    "pg_class": {"relpages", "reltuples", "relallvisible", "relallfrozen", "relfrozenxid",
                 "relfilenode"},
    "pg_database": {"datfrozenxid"}, "pg_rewrite": {"ev_action"},
    "pg_proc": {"prosqlbody"},
}  # fmt: skip
#: Catalog → what names a row of it.
NAMES = {
    "pg_class": "relnamespace::regnamespace || '.' || relname",
    "pg_type": "'type ' || typnamespace::regnamespace || '.' || typname",
    "pg_rewrite": "'rule ' || rulename || ' of ' || ev_class::regclass",
    "pg_proc": "pronamespace::regnamespace || '.' || proname",
    "pg_namespace": "nspname", "pg_collation": "'collation ' || collname",
    "pg_extension": "'extension ' || extname", "pg_language": "'language ' || lanname",
    "pg_ts_config": "'config ' || cfgname", "pg_ts_dict": "'dict ' || dictname",
    "pg_ts_template": "'template ' || tmplname", "pg_constraint": "connamespace::regnamespace"
    " || ' constraint ' || conname",
}  # fmt: skip


class Catalogs:
    """All catalogs of one server's database."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.names: dict[str, str] = {}
        for catalog, name in NAMES.items():
            query = f"select oid::text, {name} from {catalog} where oid >= {FIRST_UNPINNED}"
            self.names.update(connection.execute(query).fetchall())
        query = "select relname from pg_class where relkind = 'r' and relnamespace = 11 order by 1"
        self.catalogs = [name for (name,) in connection.execute(query)]

    def rows(self, catalog: str) -> Counter[tuple[tuple[str, str | None], ...]]:
        """The rows, run-time OIDs as names, without what comes later."""
        columns = self.connection.execute(
            "select attname, atttypid from pg_attribute where attrelid = %s::regclass"
            " and attnum > 0 order by attnum", (catalog,),
        ).fetchall()  # fmt: skip
        columns = [c for c in columns if c[0] not in OWN.get(catalog, ())]
        picked = ", ".join(
            f"{name}::oid::text" if typid == 24 else f"{name}::text" for name, typid in columns
        )
        found: Counter[tuple[tuple[str, str | None], ...]] = Counter()
        for row in self.connection.execute(f"select {picked} from {catalog}"):
            values = [self._named(v, typid) for v, (_name, typid) in zip(row, columns)]
            text = " ".join(v for v in values if v)
            if not LATER.search(text):
                found[tuple(zip((c for c, _ in columns), values))] += 1
        return found

    def _named(self, value: str | None, typid: int) -> str | None:
        if value is not None and typid in (24, 26) and int(value) >= FIRST_UNPINNED:
            return self.names.get(value, "unknown")
        return value


def differences(ours: Catalogs, theirs: Catalogs) -> list[str]:
    """What differs, a line for each row that only one side has."""
    out = []
    if ours.catalogs != theirs.catalogs:
        out.append(f"catalogs: {set(ours.catalogs) ^ set(theirs.catalogs)}")
    for catalog in theirs.catalogs:
        if catalog in EMPTY:
            continue
        mine, real = ours.rows(catalog), theirs.rows(catalog)
        out += [f"{catalog}: only ours {_short(row)}" for row in mine - real]
        out += [f"{catalog}: only theirs {_short(row)}" for row in real - mine]
    return out


def _short(row: tuple[tuple[str, str | None], ...]) -> str:
    return " ".join(f"{name}={value}" for name, value in row)[:1500]
