"""All catalog rows of a database as text that two databases share where their objects are alike.

OIDs of a database's own objects are replaced by names; what differs from run to run (file
numbers, transaction ids) is left out. :func:`dump` gives catalog → sorted lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pgtool.catalog.syscache import SysCache

FIRST_NORMAL, PUBLIC = 16384, 2200
#: The catalogs to be compared, and the columns that are left out.
CATALOGS: dict[str, tuple[str, ...]] = {
    "pg_class": ("oid", "relfilenode", "relfrozenxid", "relminmxid"),
    "pg_attribute": (), "pg_type": ("oid",), "pg_attrdef": ("oid",), "pg_constraint": ("oid",),
    "pg_depend": (), "pg_shdepend": (), "pg_index": (), "pg_inherits": (),
    "pg_sequence": (), "pg_namespace": ("oid",), "pg_rewrite": ("oid",), "pg_trigger": ("oid",),
    "pg_enum": ("oid",), "pg_description": (), "pg_partitioned_table": (), "pg_range": (),
    "pg_proc": ("oid",), "pg_statistic": (), "pg_statistic_ext": ("oid",), "pg_cast": ("oid",),
    "pg_default_acl": ("oid",), "pg_policy": ("oid",), "pg_collation": ("oid",),
}  # fmt: skip
_NUMBER = re.compile(r"(?<![\w.])\d{5,10}(?![\w.])")
_DATUM = re.compile(r"(:consttype [^{}]*:constvalue 4 \[ )([-\d ]+)\]")
_NAMED_NUMBER = re.compile(r"(?<=_)\d{5,10}(?=_|$)")


#: Catalogs full of built-in rows → what tells them: those are looked at only in ``pg_proc``,
#: and there only where somebody was granted something.
_OWN = {"pg_proc": "oid", "pg_type": "oid", "pg_class": "oid", "pg_attribute": "attrelid",
        "pg_index": "indexrelid", "pg_collation": "oid", "pg_cast": "oid", "pg_constraint": "oid",
        "pg_description": "objoid", "pg_rewrite": "oid"}  # fmt: skip


def own_rows(cache: SysCache, catalog: str) -> list[Any]:
    """The rows that are not the same in every database."""
    column = _OWN.get(catalog)
    if column is None:
        return cache.rows(catalog)
    table = cache.table(catalog)
    keep = table.columns[column] >= FIRST_NORMAL
    acls = table.columns.get("proacl")
    return [
        cache.row(catalog, i) for i in range(len(table))
        if keep[i] or (acls is not None and acls[i] is not None)
        or (catalog == "pg_description" and table.get(i, column) == PUBLIC)
    ]  # fmt: skip


class Names:
    """OID → name of the objects that a database has for itself."""

    def __init__(self, cache: SysCache) -> None:
        self.cache = cache
        self.names: dict[int, str] = {}
        spaces = {r.oid: r.nspname for r in cache.rows("pg_namespace")}
        put = self.names.__setitem__
        for row in cache.rows("pg_namespace"):
            put(row.oid, f"ns:{row.nspname}")
        relations = {}
        toast_of = {r.reltoastrelid: r for r in cache.rows("pg_class") if r.reltoastrelid}
        heap_of = {r.indexrelid: r.indrelid for r in cache.rows("pg_index")}
        for row in cache.rows("pg_class"):
            base = row
            label = ""
            if row.oid in heap_of and heap_of[row.oid] in toast_of:
                base, label = toast_of[heap_of[row.oid]], "/toastindex"
            elif row.oid in toast_of:
                base, label = toast_of[row.oid], "/toast"
            relations[row.oid] = f"{spaces[base.relnamespace]}.{base.relname}{label}"
            put(row.oid, f"rel:{relations[row.oid]}")
        self._types(cache, spaces, put)
        self._parts(cache, relations, put)

    @staticmethod
    def _types(cache: SysCache, spaces: dict[int, str], put: Callable[[int, str], None]) -> None:
        types = {}
        for row in cache.rows("pg_type"):
            types[row.oid] = f"{spaces[row.typnamespace]}.{row.typname}"
            put(row.oid, f"type:{types[row.oid]}")
        for row in cache.rows("pg_enum"):
            put(row.oid, f"enum:{types[row.enumtypid]}.{row.enumlabel}")
        for row in own_rows(cache, "pg_proc"):
            put(row.oid, f"proc:{spaces[row.pronamespace]}.{row.proname}")

    @staticmethod
    def _parts(
        cache: SysCache, relations: dict[int, str], put: Callable[[int, str], None]
    ) -> None:
        for row in cache.rows("pg_attrdef"):
            put(row.oid, f"def:{relations[row.adrelid]}.{row.adnum}")
        types = {r.oid: r.typname for r in cache.rows("pg_type")}
        for row in cache.rows("pg_constraint"):
            home = relations.get(row.conrelid) or types.get(row.contypid)
            put(row.oid, f"con:{home}.{row.conname}")
        for row in cache.rows("pg_rewrite"):
            put(row.oid, f"rule:{relations[row.ev_class]}.{row.rulename}")
        for row in cache.rows("pg_extension"):
            put(row.oid, f"ext:{row.extname}")
        for row in cache.rows("pg_statistic_ext"):
            put(row.oid, f"stat:{row.stxname}")
        constraints = {r.oid: r for r in cache.rows("pg_constraint")}
        for row in cache.rows("pg_trigger"):
            name = re.sub(r"_\d+$", "", row.tgname)
            owner = constraints.get(row.tgconstraint)
            label = f"{relations[owner.conrelid]}.{owner.conname}" if owner else ""
            put(row.oid, f"trg:{relations[row.tgrelid]}.{name}.{row.tgtype}.{label}")

    def _datum(self, text: str) -> str:
        data = bytes(int(word) & 0xFF for word in text.split())
        number = int.from_bytes(data[:4], "little")
        return self.names.get(number, text) if number >= FIRST_NORMAL else text

    def replace(self, text: str) -> str:
        """The text with names for OIDs."""
        text = _DATUM.sub(lambda m: f"{m[1]}{self._datum(m[2])}]", text)

        def name(match: re.Match[str]) -> str:
            number = int(match[0])
            return self.names.get(number, match[0]) if number >= FIRST_NORMAL else match[0]

        return _NAMED_NUMBER.sub(name, _NUMBER.sub(name, text))


def dump(cache: SysCache) -> dict[str, list[str]]:
    """Catalog → its lines."""
    names = Names(cache)
    out = {}
    for catalog, hidden in CATALOGS.items():
        lines = []
        for row in own_rows(cache, catalog):
            if catalog == "pg_shdepend":
                if row.dbid not in (0, cache.database.oid):
                    continue
                row.dbid = 0
            if catalog == "pg_statistic":
                _forget_places(row)
                _name_elements(row, names)
            if catalog == "pg_class" and row.relkind in "it":
                # The first free number: names carry it.
                row.relname = names.replace(row.relname)
            values = [
                f"{n}={_shown(v, names)}"
                for n, v in vars(row).items() if n not in hidden and n != "_tid"
            ]  # fmt: skip
            lines.append(" ".join(values))
        out[catalog] = sorted(lines)
    return out


def _forget_places(row: Any) -> None:
    """How rows lie in the file is not the same: leave the correlation out."""
    for n in range(1, 6):
        if getattr(row, f"stakind{n}") == 3:
            setattr(row, f"stanumbers{n}", None)


def _name_elements(row: Any, names: Names) -> None:
    """Of values of a type that the database has for itself the name, not the OID."""
    for n in range(1, 6):
        values = getattr(row, f"stavalues{n}")
        element = 0 if values is None else int.from_bytes(values[8:12], "little")
        if element >= FIRST_NORMAL:
            named = f"{names.names.get(element, element)} "
            setattr(row, f"stavalues{n}", named + (values[:8] + values[12:]).hex())


def _shown(value: Any, names: Names) -> str:
    if isinstance(value, bytes):
        return value.hex()
    return names.replace(str(value))


def difference(real: dict[str, list[str]], ours: dict[str, list[str]]) -> list[str]:
    """What one has and the other has not: lines with − (real only) and + (ours only)."""
    from collections import Counter

    out = []
    for catalog in real:
        theirs, mine = Counter(real[catalog]), Counter(ours[catalog])
        out += [f"-{catalog} {line}" for line in sorted((theirs - mine).elements())]
        out += [f"+{catalog} {line}" for line in sorted((mine - theirs).elements())]
    return out
