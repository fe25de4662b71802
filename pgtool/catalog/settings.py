"""The settings that text forms depend on, as a session of this cluster would have them.

Read from postgresql.conf (with its includes), postgresql.auto.conf and the per-database
settings of pg_db_role_setting, each overriding the one before, as the server does.
"""

from __future__ import annotations

import re
from typing import Any

from pgtool.catalog.database import Database
from pgtool.errors import CorruptData, PgtoolError
from pgtool.storage.conf import configured
from pgtool.types.info import Settings

NAMES = (
    "timezone", "datestyle", "intervalstyle", "bytea_output", "extra_float_digits",
    "xmlbinary", "lc_monetary",
)  # fmt: skip




def session_settings(database: Database, overrides: dict[str, str] | None = None) -> Settings:
    """The settings of a new session on a database, then the given ones."""
    cluster = database.cluster
    found = configured(cluster.directory.backend)
    found.update(_database_settings(database))
    found.update({name.lower(): value for name, value in (overrides or {}).items()})
    out = Settings(major=cluster.major, encoding=database.encoding)
    for name in NAMES:
        if name in found:
            _apply(out, name, found[name])
    return out


def _database_settings(database: Database) -> dict[str, str]:
    """ALTER DATABASE … SET: the rows of pg_db_role_setting for all roles."""
    return role_settings(database, 0)


def role_settings(database: Database, role: int) -> dict[str, str]:
    """ALTER DATABASE … SET and ALTER ROLE … SET, the more specific ones over the others."""
    from pgtool.types.registry import TypeRegistry

    out: dict[str, str] = {}
    try:
        table = database.catalog("pg_db_role_setting")
        array = TypeRegistry(Settings(encoding=database.encoding)).io_of(TEXT_ARRAY)
        rows = [row for row in table if row["setrole"] in (0, role)]
        for row in sorted(rows, key=lambda row: (row["setrole"] != 0, row["setdatabase"] != 0)):
            if row["setdatabase"] in (0, database.oid) and row["setconfig"]:
                for entry in array.to_python(row["setconfig"]) or ():
                    name, _, value = str(entry).partition("=")
                    out[name.lower()] = value
    except (CorruptData, PgtoolError):
        return out
    return out


TEXT_ARRAY = 1009


def _apply(out: Any, name: str, value: str) -> None:
    if name == "timezone":
        out.timezone = value
    elif name == "datestyle":
        out.set_datestyle(value)
    elif name == "intervalstyle":
        out.interval_style = value.lower()
    elif name == "lc_monetary":
        out.lc_monetary = value
    elif name == "bytea_output":
        out.bytea_output = value.lower()
    elif name == "extra_float_digits" and re.fullmatch(r"-?\d+", value):
        out.extra_float_digits = int(value)
    elif name == "lc_monetary" and hasattr(out, "lc_monetary"):
        out.lc_monetary = value
