r"""Lists with forms of their own: \du \drds \dconfig \dd \dx+ \dRp \dRs."""

from __future__ import annotations

from typing import Any

from pgtool.cli.psql.describe.listing import Column, Listing, acl, print_listing, show
from pgtool.cli.psql.describe.lists import not_system
from pgtool.cli.psql.describe.pattern import Names, NotFound, conditions

__all__ = [
    "list_comments", "list_extension_contents", "list_role_settings", "list_roles",
    "list_settings", "list_subscriptions",
]  # fmt: skip

TEXT = 25
_ROLE_FACTS = (
    ("rolsuper", "t", "Superuser"), ("rolinherit", "f", "No inheritance"),
    ("rolcreaterole", "t", "Create role"), ("rolcreatedb", "t", "Create DB"),
    ("rolcanlogin", "f", "Cannot login"), ("rolreplication", "t", "Replication"),
    ("rolbypassrls", "t", "Bypass RLS"),
)
Flags = tuple[bool, bool, bool]


def _dbname(runner: Any) -> str:
    return str(runner.engine.session.database.name)


def _where(found: list[str]) -> str:
    return "WHERE " + " AND ".join(found) if found else ""


def list_roles(runner: Any, pattern: str | None, flags: Flags) -> None:
    r"""\du, \dg: the attributes of roles in words."""
    verbose, system, expanded = flags
    found = conditions(pattern, Names("r.rolname"), _dbname(runner))
    if pattern is None and not system:
        found.append("r.rolname !~ '^pg_'")
    facts = ", ".join(f"r.{name}" for name, _value, _word in _ROLE_FACTS)
    _names, _types, rows = runner.query(
        f"SELECT r.rolname, r.rolconnlimit, r.rolvaliduntil, "
        f"pg_catalog.shobj_description(r.oid, 'pg_authid'), {facts}\n"
        f"FROM pg_catalog.pg_roles r {_where(found)}\nORDER BY 1"
    )
    shown = []
    for name, limit, until, about, *values in rows:
        words = [word for (_n, wanted, word), value in zip(_ROLE_FACTS, values) if value == wanted]
        text = ", ".join(words)
        if int(limit or -1) >= 0:
            count = int(limit or 0)
            text += "\n" * bool(text) + (
                "No connections" if not count else f"{count} connection{'s' * (count > 1)}")
        if until is not None:
            text += "\n" * bool(text) + f"Password valid until {until}"
        shown.append([name, text, *([about] if verbose else [])])
    heads = ["Role name", "Attributes", *(["Description"] if verbose else [])]
    show(runner, heads, [TEXT] * len(heads), shown, "List of roles", expanded, counted=False)


def list_role_settings(runner: Any, words: list[str], flags: Flags) -> None:
    r"""\drds: settings of roles, databases, both."""
    found = []
    for word, name in zip(words, ("r.rolname", "d.datname")):
        found += conditions(word, Names(name), _dbname(runner))
    names, types, rows = runner.query(
        'SELECT r.rolname AS "Role", d.datname AS "Database", '
        "pg_catalog.array_to_string(s.setconfig, E'\\n') AS \"Settings\"\n"
        "FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_database d "
        "ON d.oid = s.setdatabase LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole "
        f"{_where(found)}\nORDER BY 1, 2"
    )
    if not rows and not runner.quiet:
        if len(words) > 1:
            raise NotFound(f'Did not find any settings for role "{words[0]}" and database '
                            f'"{words[1]}".')  # fmt: skip
        if words:
            raise NotFound(f'Did not find any settings for role "{words[0]}".')
        raise NotFound("Did not find any settings.")
    show(runner, names, types, rows, "List of settings", flags[2])


def list_settings(runner: Any, pattern: str | None, flags: Flags) -> None:
    r"""\dconfig: settings, without a pattern those that are not at their defaults."""
    verbose, _system, expanded = flags
    listing = Listing(
        "List of configuration parameters" if pattern is not None else
        "List of non-default configuration parameters", (
            Column("Parameter", "s.name"),
            Column("Value", "pg_catalog.current_setting(s.name)"),
            Column("Type", "s.vartype", True), Column("Context", "s.context", True),
            Column("Access privileges", acl("p.paracl"), True, since=15),
            Column("Access privileges", "NULL", True, until=14),
        ), "pg_catalog.pg_settings s", Names("pg_catalog.lower(s.name)"), order="1",
        more_source=" LEFT JOIN pg_catalog.pg_parameter_acl p ON p.parname = "
        "pg_catalog.lower(s.name)" if runner.engine.session.cache.major >= 15 else "",
    )  # fmt: skip
    extra = [] if pattern is not None else [
        "s.source <> 'default' AND s.setting IS DISTINCT FROM s.boot_val"
    ]
    print_listing(listing, runner, pattern, verbose=verbose, expanded=expanded, extra=extra)


#: \dd: object, catalog and alias, its name, what it belongs to with the schema, what shows it.
_COMMENTED = (
    ("table constraint", "pg_constraint", "conname",
     "JOIN pg_catalog.pg_class c ON c.oid = o.conrelid", "c.relnamespace",
     "pg_catalog.pg_table_is_visible(c.oid)", ""),
    ("domain constraint", "pg_constraint", "conname",
     "JOIN pg_catalog.pg_type t ON t.oid = o.contypid", "t.typnamespace",
     "pg_catalog.pg_type_is_visible(t.oid)", ""),
    ("operator class", "pg_opclass", "opcname", "", "o.opcnamespace",
     "pg_catalog.pg_opclass_is_visible(o.oid)", ""),
    ("operator family", "pg_opfamily", "opfname", "", "o.opfnamespace",
     "pg_catalog.pg_opfamily_is_visible(o.oid)", ""),
    ("rule", "pg_rewrite", "rulename", "JOIN pg_catalog.pg_class c ON c.oid = o.ev_class",
     "c.relnamespace", "pg_catalog.pg_table_is_visible(c.oid)", "o.rulename <> '_RETURN'"),
    ("trigger", "pg_trigger", "tgname", "JOIN pg_catalog.pg_class c ON c.oid = o.tgrelid",
     "c.relnamespace", "pg_catalog.pg_table_is_visible(c.oid)", ""),
)  # fmt: skip


def list_comments(runner: Any, pattern: str | None, flags: Flags) -> None:
    r"""\dd: comments on what no other list shows."""
    _verbose, system, expanded = flags
    parts = []
    for kind, catalog, name, join, namespace, visible, where in _COMMENTED:
        found = conditions(pattern, Names(f"o.{name}", "n.nspname", visible=visible),
                           _dbname(runner))  # fmt: skip
        if not system and pattern is None:
            found.append(not_system())
        if where:
            found.append(where)
        parts.append(
            f"SELECT o.oid, o.tableoid, n.nspname, o.{name}::pg_catalog.text AS name, "
            f"'{kind}' AS kind FROM pg_catalog.{catalog} o {join} "
            f"LEFT JOIN pg_catalog.pg_namespace n ON n.oid = {namespace} {_where(found)}"
        )
    names, types, rows = runner.query(
        'SELECT DISTINCT x.nspname AS "Schema", x.name AS "Name", x.kind AS "Object", '
        'd.description AS "Description"\nFROM (' + "\nUNION ALL ".join(parts) + ") x "
        "JOIN pg_catalog.pg_description d ON d.objoid = x.oid AND d.classoid = x.tableoid "
        "AND d.objsubid = 0\nORDER BY 1, 2, 3"
    )
    show(runner, names, types, rows, "Object descriptions", expanded)


def list_extension_contents(runner: Any, pattern: str | None, flags: Flags) -> None:
    r"""\dx+: the objects of each extension."""
    found = conditions(pattern, Names("e.extname"), _dbname(runner))
    _names, _types, extensions = runner.query(
        f"SELECT e.extname, e.oid FROM pg_catalog.pg_extension e {_where(found)} ORDER BY 1"
    )
    if not extensions and not runner.quiet:
        named = "" if pattern is None else f' extension named "{pattern}"'
        raise NotFound(f"Did not find any{named or ' extensions'}.")
    for name, oid in extensions:
        names, types, rows = runner.query(
            'SELECT pg_catalog.pg_describe_object(d.classid, d.objid, 0) AS "Object description"\n'
            "FROM pg_catalog.pg_depend d WHERE d.refclassid = "
            "'pg_catalog.pg_extension'::pg_catalog.regclass "
            f"AND d.refobjid = '{oid}' AND d.deptype = 'e'\nORDER BY 1"
        )
        show(runner, names, types, rows, f'Objects in extension "{name}"', flags[2])


_TWO_PHASE = "subtwophasestate"
_SUBSCRIPTIONS = Listing(
    "List of subscriptions", (
        Column("Name", "s.subname"), Column("Owner", "pg_catalog.pg_get_userbyid(s.subowner)"),
        Column("Enabled", "s.subenabled"), Column("Publication", "s.subpublications"),
        Column("Binary", "s.subbinary", True),
        Column("Streaming", "CASE s.substream WHEN 'f' THEN 'off' WHEN 't' THEN 'on' "
               "WHEN 'p' THEN 'parallel' END", True, since=16),
        Column("Streaming", "s.substream", True, until=15),
        Column("Two-phase commit", f"s.{_TWO_PHASE}", True, since=15),
        Column("Disable on error", "s.subdisableonerr", True, since=15),
        Column("Origin", "s.suborigin", True, since=16),
        Column("Password required", "s.subpasswordrequired", True, since=16),
        Column("Run as owner?", "s.subrunasowner", True, since=16),
        Column("Failover", "s.subfailover", True, since=17),
        Column("Synchronous commit", "s.subsynccommit", True),
        Column("Conninfo", "s.subconninfo", True), Column("Skip LSN", "s.subskiplsn", True,
                                                          since=15),
    ), "pg_catalog.pg_subscription s", Names("s.subname"),
    ("s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d "
     "WHERE d.datname = pg_catalog.current_database())",), order="1",
)  # fmt: skip


def list_subscriptions(runner: Any, pattern: str | None, flags: Flags) -> None:
    r"""\dRs."""
    print_listing(_SUBSCRIPTIONS, runner, pattern, verbose=flags[0], expanded=flags[2])
