"""Write pgtool/catalog/data/initdb/: the facts that a new cluster's catalogs begin with.

Usage: ``python -m tests.make_initdb_data [CONNINFO]`` asks a fresh cluster of the newest
major (or the one named). ``catalogs.txt`` declares the catalogs with their columns and
indexes; each ``*.tsv`` holds the rows of one catalog, a column left empty where it has the
default that the heading gives. Types stand by name, functions too where only one has
the name. What follows from something else (descriptions of columns, row types, privileges
recorded as initial) is not here; what initdb numbers at run time is not either.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg

from tests.servers import cluster

OUT = Path(__file__).resolve().parent.parent / "pgtool" / "catalog" / "data" / "initdb"
MAJOR = 18
#: Below this, OIDs are assigned by hand or by the build; above, as initdb goes.
FIRST_UNPINNED = 12000
#: Number of a token type of the default parser.
ASCIIWORD = 1
#: Bodies in this language are ours: functions.sql.
SQL_LANGUAGE = "14"
#: Catalogs whose rows are facts, with the columns that hold types or functions and the
#: rows to take. ``!column`` is left out: it follows from others.
ROWS: dict[str, str] = {
    "pg_type": "typrelid = 0 and not exists (select from pg_type e where e.oid = t.typelem"
    " and e.typrelid <> 0 and t.typcategory = 'A')",
    "pg_proc": "", "pg_operator": "", "pg_opfamily": "", "pg_opclass": "", "pg_amop": "",
    "pg_amproc": "", "pg_cast": "", "pg_aggregate": "aggfnoid::oid < 12000", "pg_am": "",
    "pg_language": "", "pg_namespace": "", "pg_authid": "oid <> 10", "pg_auth_members": "",
    "pg_tablespace": "", "pg_collation": "", "pg_conversion": "", "pg_range": "rngtypid < 12000",
    "pg_constraint": "", "pg_ts_parser": "", "pg_ts_template": "", "pg_ts_dict": "",
    "pg_ts_config": "", "pg_ts_config_map": "mapcfg < 12000",
}  # fmt: skip
TYPES = {
    "typelem", "typarray", "typbasetype", "prorettype", "provariadic", "oprleft", "oprright",
    "oprresult", "opcintype", "opckeytype", "amoplefttype", "amoprighttype", "amproclefttype",
    "amprocrighttype", "castsource", "casttarget", "aggtranstype", "aggmtranstype", "rngtypid",
    "rngsubtype", "rngmultitypid",
}  # fmt: skip
TYPE_LISTS = {"proargtypes", "proallargtypes"}
FUNCTIONS = {"castfunc", "lanplcallfoid", "laninline", "lanvalidator"}
LEFT_OUT = {"pronargs", "prosqlbody", "proargdefaults", "pronargdefaults", "proacl", "nspacl"}


class Facts:
    """Questions to one server."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.types = dict(self.ask("select oid, typname from pg_type where typnamespace = 11"))
        names = self.ask(f"select oid, proname from pg_proc where oid < {FIRST_UNPINNED}")
        often = Counter(name for _oid, name in names)
        self.functions = {oid: name for oid, name in names if often[name] == 1}

    def ask(self, query: str) -> list[Any]:
        return list(self.connection.execute(query).fetchall())

    def columns(self, relation: str) -> list[Any]:
        return self.ask(
            "select attname, atttypid, attnotnull, attacl::text from pg_attribute"
            f" where attrelid = '{relation}'::regclass and attnum > 0 order by attnum"
        )


def catalogs(facts: Facts) -> str:
    """The declarations, in the order in which the build made the catalogs."""
    out = []
    tables = facts.ask(
        "select c.oid, relname, reltype, typarray, relisshared, relfilenode, reltoastrelid,"
        " (select indexrelid from pg_index where indrelid = reltoastrelid), relacl::text"
        " from pg_class c join pg_type t on t.oid = reltype"
        " where relkind = 'r' and relnamespace = 11 order by relname"
    )
    for oid, name, rowtype, array, shared, file, toast, toastindex, acl in tables:
        line = f"{name} {oid} type={rowtype},{array}"
        line += f" toast={toast},{toastindex}" if toast else ""
        line += " shared" if shared else " mapped" if not file else ""
        line += "" if "=r/" in acl else " secret"
        out.append(line)
        for column, typid, notnull, attacl in facts.columns(name):
            marks = (" not-null" if notnull else "") + (" readable" if attacl else "")
            out.append(f"  {column} {facts.types[typid]}{marks}")
        out += [f"  {index}" for index in indexes(facts, oid)]
    return "\n".join(out) + "\n"


def indexes(facts: Facts, table: int) -> list[str]:
    """``index NAME OID primary|unique|plain COLUMN:OPCLASS…`` of each index."""
    out = []
    rows = facts.ask(
        "select relname, indexrelid, indisprimary, indisunique, array(select attname || ':' ||"
        " opcname from generate_subscripts(indkey, 1) k join pg_attribute on attrelid = indrelid"
        " and attnum = indkey[k] join pg_opclass o on o.oid = indclass[k] order by k)"
        f" from pg_index i join pg_class c on c.oid = indexrelid where indrelid = {table}"
        " order by indexrelid"
    )
    for name, oid, primary, unique, keys in rows:
        kind = "primary" if primary else "unique" if unique else "plain"
        out.append(f"index {name} {oid} {kind} {' '.join(keys)}")
    return out


def table_of(facts: Facts, name: str, where: str) -> str:
    """The rows of a catalog as a heading and lines."""
    columns = [c for c, *_ in facts.columns(name) if c not in LEFT_OUT]
    types = {c: t for c, t, *_ in facts.columns(name)}
    picked = ", ".join(_picked(c, types[c]) for c in columns)
    has_oid = columns[0] == "oid"
    rows = facts.ask(
        f"select {picked} from {name} t where {where or 'true'}"
        + (f" and oid < {FIRST_UNPINNED} order by oid" if has_oid else " order by t")
    )
    cells = [[_cell(facts, c, types[c], v) for c, v in zip(columns, row)] for row in rows]
    if name == "pg_proc":
        source, language = columns.index("prosrc"), columns.index("prolang")
        for row in cells:
            if row[language] == SQL_LANGUAGE:
                row[source] = "''"
    return _layout(columns, types, cells)


def _picked(column: str, typid: int) -> str:
    if typid == 24:
        return f"{column}::oid"
    return column if typid in (26,) else f"{column}::text" if column not in TYPE_LISTS else (
        f"array(select unnest({column}))::text" if column == "proargtypes" else f"{column}::text"
    )  # fmt: skip


def _cell(facts: Facts, column: str, typid: int, value: Any) -> str:
    if value is None:
        return "\\N"
    if column in TYPES and value:
        return str(facts.types[int(value)])
    if column in TYPE_LISTS:
        return " ".join(facts.types[int(v)] for v in value.strip("{}").split(",") if v) or "-"
    if column in FUNCTIONS or typid == 24:
        return facts.functions.get(value, str(value))
    text = {"true": "t", "false": "f"}[value] if typid == 16 else str(value)
    text = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    return text or "''"


def _layout(columns: list[str], types: dict[str, int], cells: list[list[str]]) -> str:
    """Each column's most common value goes to the heading, if that is worth it."""
    heading, defaults = [], []
    for i, column in enumerate(columns):
        kind = (":type" if column in TYPES else ":types" if column in TYPE_LISTS else
                ":proc" if column in FUNCTIONS or types[column] == 24 else "")  # fmt: skip
        value, times = Counter(row[i] for row in cells).most_common(1)[0]
        default = value if times > 1 else None
        if column == "prosrc":
            default = "@proname"
        heading.append(column + kind + ("" if default is None else f"={default}"))
        defaults.append(default)
    lines = ["\t".join(heading)]
    at = columns.index("proname") if "proname" in columns else 0
    for row in cells:
        given = [row[at] if d == "@proname" else d for d in defaults]
        lines.append("\t".join("" if v == d else v for v, d in zip(row, given)).rstrip("\t"))
    return "\n".join(lines) + "\n"


def views(facts: Facts) -> str:
    """Names, privileges and columns of the system views, in the order of their making."""
    out = []
    for oid, name, acl, options in facts.ask(
        "select oid, relname, relacl::text, reloptions::text from pg_class"
        " where relkind = 'v' and relnamespace = 11 order by oid"
    ):
        line = f"{name} {_granted(acl)}".rstrip()
        out.append(line + (f" {options.strip('{}')}" if options else ""))
        for column, typid, typmod, collation in facts.ask(
            "select attname, atttypid, atttypmod, attcollation from pg_attribute"
            f" where attrelid = {oid} and attnum > 0 order by attnum"
        ):
            known = {0: "", 100: "", 950: ' "C"'}[collation]
            mod = f" typmod={typmod}" if typmod != -1 else ""
            out.append(f"  {column} {facts.types[typid]}{mod}{known}")
    return "\n".join(out) + "\n"


def acls(facts: Facts) -> str:
    """Functions and schemas whose privileges are not the usual ones."""
    rows = facts.ask(
        "select p.oid, proname, proacl::text from pg_proc p where proacl is not null"
        f" and oid < {FIRST_UNPINNED} order by proname, oid"
    )
    return "".join(f"{oid} {name} {_granted(acl)}".rstrip() + "\n" for oid, name, acl in rows)


def _granted(acl: str) -> str:
    """What others than the owner may do; the grantor is always the owner."""
    return " ".join(a.partition("/")[0] for a in acl.strip("{}").split(",")[1:])


def defaults(facts: Facts) -> str:
    """The default values of functions' arguments."""
    rows = facts.ask(
        "select oid, proname, pg_get_expr(proargdefaults, 0) from pg_proc"
        f" where pronargdefaults > 0 and oid < {FIRST_UNPINNED} order by proname, oid"
    )
    return "".join(f"{oid} {name} {values}\n" for oid, name, values in rows)


def languages(facts: Facts) -> str:
    """Languages with a stemmer: ``NAME [stopwords] [ascii=NAME]``.

    Words of ASCII letters go through the named language's stemmer where it is another one.
    """
    rows = facts.ask(
        "select cfgname, dictinitoption ~ 'stopwords', (select a.dictname from pg_ts_config_map m"
        " join pg_ts_dict a on a.oid = mapdict where mapcfg = c.oid"
        f" and maptokentype = {ASCIIWORD})"
        " from pg_ts_config c join pg_ts_dict d on dictname = cfgname || '_stem' order by c.oid"
    )
    out = []
    for name, stopwords, dictionary in rows:
        other = dictionary.removesuffix("_stem")
        marks = (" stopwords" if stopwords else "") + (f" ascii={other}" if other != name else "")
        out.append(name + marks)
    return "\n".join(out) + "\n"


#: File → what it holds.
TEXTS = {
    "catalogs.txt": catalogs, "views.txt": views, "function_defaults.txt": defaults,
    "languages.txt": languages, "function_acls.txt": acls,
}  # fmt: skip


def main(conninfo: str | None) -> None:
    """Ask a server and write the files."""
    if conninfo is None:
        with cluster(MAJOR) as server, server.connect() as connection:
            write(Facts(connection))
    else:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            write(Facts(connection))


def write(facts: Facts) -> None:
    OUT.mkdir(exist_ok=True)
    for name, found in TEXTS.items():
        (OUT / name).write_text(found(facts))
    for name, where in ROWS.items():
        (OUT / f"{name}.tsv").write_text(table_of(facts, name, where))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
