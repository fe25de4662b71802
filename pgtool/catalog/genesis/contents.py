"""Everything that the catalogs of a new cluster hold, put together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pgtool.catalog.genesis.declared import read_text
from pgtool.catalog.genesis.facts import OID, Facts, vector
from pgtool.catalog.genesis.grants import PG_DATABASE_OWNER, acl
from pgtool.catalog.genesis.rows import FIRST_UNPINNED, PG_CATALOG, Rows
from pgtool.catalog.genesis.statistics import add_statistics
from pgtool.catalog.genesis.stored import add_views, complete_functions, read_trees
from pgtool.catalog.genesis.textsearch import add_languages

#: Catalogs whose rows are facts, or begin with some.
FACTS = (
    "pg_type", "pg_proc", "pg_operator", "pg_opfamily", "pg_opclass", "pg_amop", "pg_amproc",
    "pg_cast", "pg_aggregate", "pg_am", "pg_language", "pg_namespace", "pg_authid",
    "pg_auth_members", "pg_tablespace", "pg_collation", "pg_conversion", "pg_range",
    "pg_constraint", "pg_ts_parser", "pg_ts_template", "pg_ts_dict", "pg_ts_config",
    "pg_ts_config_map",
)  # fmt: skip
TEMPLATE1, TEMPLATE0, POSTGRES = 1, 4, 5
DEFAULT_TABLESPACE = 1663
PUBLIC = 2200
#: pg_dump takes a schema public with another comment for one that must be dumped.
PUBLIC_COMMENT = b"standard public schema"


@dataclass
class Request:
    """What the catalogs depend on: the choices that initdb was given."""

    superuser: str
    password: str | None
    encoding: int
    provider: str
    collate: str
    ctype: str
    locale: str | None
    version: str | None
    #: (name, encoding, locale, version) of the collations that the system offers.
    collations: list[tuple[str, int, str, str | None]] = field(default_factory=list)
    frozen_xid: int = 3


def contents(request: Request) -> Rows:
    """The rows of every catalog."""
    rows = Rows(Facts(), request.frozen_xid)
    rows.take_facts(FACTS)
    _roles(rows, request)
    _schemas(rows)
    _functions(rows)
    _databases(rows, request)
    for catalog in rows.catalogs.values():
        rows.describe_catalog(catalog)
    trees = read_trees()
    complete_functions(rows, trees)
    add_views(rows, trees)
    _collations(rows, request)
    add_languages(rows)
    _plpgsql(rows)
    add_statistics(rows)
    return rows


def _roles(rows: Rows, request: Request) -> None:
    rows.add(
        "pg_authid", oid=10, rolname=request.superuser.encode(), rolsuper=True, rolinherit=True,
        rolcreaterole=True, rolcreatedb=True, rolcanlogin=True, rolreplication=True,
        rolbypassrls=True, rolconnlimit=-1,
        rolpassword=request.password.encode() if request.password else None,
    )  # fmt: skip


def _schemas(rows: Rows) -> None:
    """Privileges of pg_catalog and public."""
    oid, nspacl = rows.place("pg_namespace", "oid"), rows.place("pg_namespace", "nspacl")
    known = {
        PG_CATALOG: rows.grants.schema(["=U"]),
        PUBLIC: acl([(PG_DATABASE_OWNER, "UC"), (0, "U")], PG_DATABASE_OWNER),
    }
    for row in rows.of["pg_namespace"]:
        row[nspacl] = known.get(row[oid])
        rows.initially("pg_namespace", row[oid], row[nspacl])
    rows.add(
        "pg_description", objoid=PUBLIC, classoid=rows.catalogs["pg_namespace"].oid, objsubid=0,
        description=PUBLIC_COMMENT,
    )  # fmt: skip


def _functions(rows: Rows) -> None:
    """What pg_proc says that follows from something else."""
    place = {c: rows.place("pg_proc", c) for c in rows.catalogs["pg_proc"].names}
    oid, nargs, types = place["oid"], place["pronargs"], place["proargtypes"]
    proacl = place["proacl"]
    empty = len(vector(OID, "I", []))
    granted = {}
    for line in read_text("function_acls.txt").splitlines():
        number, _name, *others = line.split()
        granted[int(number)] = rows.grants.function(others)
    for row in rows.of["pg_proc"]:
        row[nargs] = (len(row[types]) - empty) // 4
        given = granted.get(row[oid])
        if given is not None:
            row[proacl] = given
            rows.initially("pg_proc", row[oid], given)


def _databases(rows: Rows, request: Request) -> None:
    common: dict[str, Any] = {
        "datdba": 10, "encoding": request.encoding, "datlocprovider": ord(request.provider),
        "dathasloginevt": False, "datconnlimit": -1, "datfrozenxid": request.frozen_xid,
        "datminmxid": 1, "dattablespace": DEFAULT_TABLESPACE,
        "datcollate": request.collate.encode(), "datctype": request.ctype.encode(),
        "datlocale": request.locale.encode() if request.locale else None,
        "datcollversion": request.version.encode() if request.version else None,
    }  # fmt: skip
    closed = acl([(0, "c"), (10, "CTc")])
    rows.add("pg_database", oid=TEMPLATE1, datname=b"template1", datistemplate=True,
             datallowconn=True, datacl=closed, **common)  # fmt: skip
    unversioned = common | {"datcollversion": None}
    rows.add("pg_database", oid=TEMPLATE0, datname=b"template0", datistemplate=True,
             datallowconn=False, datacl=closed, **unversioned)  # fmt: skip
    rows.add("pg_database", oid=POSTGRES, datname=b"postgres", datistemplate=False,
             datallowconn=True, **common)  # fmt: skip


def _collations(rows: Rows, request: Request) -> None:
    """The collations that this machine's C library offers."""
    for name, encoding, locale, version in request.collations:
        rows.add(
            "pg_collation", oid=rows.oid(), collname=name.encode(), collnamespace=PG_CATALOG,
            collowner=10, collprovider=ord("c"), collisdeterministic=True,
            collencoding=encoding, collcollate=locale.encode(), collctype=locale.encode(),
            collversion=version.encode() if version else None,
        )  # fmt: skip


def _plpgsql(rows: Rows) -> None:
    """The extension that every database begins with, as CREATE EXTENSION records it."""
    extension = rows.oid()
    rows.add("pg_extension", oid=extension, extname=b"plpgsql", extowner=10,
             extnamespace=PG_CATALOG, extrelocatable=False, extversion=b"1.0")  # fmt: skip
    types = rows.facts.types
    made = []
    for name, result, arguments in (
        ("plpgsql_call_handler", "language_handler", []),
        ("plpgsql_inline_handler", "void", ["internal"]),
        ("plpgsql_validator", "void", ["oid"]),
    ):
        inputs = vector(OID, "I", [types[a].oid for a in arguments])
        made.append(rows.add_c_function(name, b"$libdir/plpgsql", types[result].oid, inputs))
    language = rows.oid()
    rows.add("pg_language", oid=language, lanname=b"plpgsql", lanowner=10, lanispl=True,
             lanpltrusted=True, lanplcallfoid=made[0], laninline=made[1],
             lanvalidator=made[2])  # fmt: skip
    for oid in made:
        rows.depend(("pg_proc", oid, 0), ("pg_extension", extension, 0), "e")
        rows.depend(("pg_language", language, 0), ("pg_proc", oid, 0), "n")
    rows.depend(("pg_language", language, 0), ("pg_extension", extension, 0), "e")


assert FIRST_UNPINNED > PG_DATABASE_OWNER
