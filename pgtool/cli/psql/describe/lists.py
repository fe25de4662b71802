r"""The lists that are one query each: \da \db \dc \dC \dd \dD … by the letters behind \d."""

from __future__ import annotations

from pgtool.cli.psql.describe.listing import Column, Listing, acl
from pgtool.cli.psql.describe.pattern import Names

__all__ = ["LISTS"]


def _owner(column: str) -> str:
    return f"pg_catalog.pg_get_userbyid({column})"


def _about(oid: str, catalog: str) -> str:
    return f"pg_catalog.obj_description({oid}, '{catalog}')"


def _shared(oid: str, catalog: str) -> str:
    return f"pg_catalog.shobj_description({oid}, '{catalog}')"


def _options(column: str) -> str:
    """Options as they are written."""
    return (f"CASE WHEN {column} IS NULL THEN '' ELSE '(' || pg_catalog.array_to_string(ARRAY("
            "SELECT pg_catalog.quote_ident(o.option_name) || ' ' || "
            "pg_catalog.quote_literal(o.option_value) FROM "
            f"pg_catalog.pg_options_to_table({column}) o), ', ') || ')' END")  # fmt: skip


def yes_no(condition: str) -> str:
    """The words for a truth."""
    return f"CASE WHEN {condition} THEN 'yes' ELSE 'no' END"


def not_system(schema: str = "n.nspname") -> str:
    """Left out without S."""
    return f"{schema} NOT IN ('pg_catalog', 'information_schema')"


def in_schema(oid: str, namespace: str, rest: str = "") -> str:
    """A catalog with the schema of its rows."""
    return f"{oid} LEFT JOIN pg_catalog.pg_namespace n ON n.oid = {namespace}{rest}"


_PROVIDERS = ("CASE {column} WHEN 'b' THEN 'builtin' WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' "
              "{more}END")  # fmt: skip
_LANGUAGE_USER = "l.lanplcallfoid <> 0"

_AGGREGATES = Listing(
    "List of aggregate functions", (
        Column("Schema", "n.nspname"), Column("Name", "p.proname"),
        Column("Result data type", "pg_catalog.format_type(p.prorettype, NULL)"),
        Column("Argument data types", "CASE p.pronargs WHEN 0 THEN '*' ELSE "
               "pg_catalog.pg_get_function_arguments(p.oid) END"),
        Column("Description", _about("p.oid", "pg_proc")),
    ), in_schema("pg_catalog.pg_proc p", "p.pronamespace"),
    Names("p.proname", "n.nspname", visible="pg_catalog.pg_function_is_visible(p.oid)"),
    ("p.prokind = 'a'",), not_system(), "1, 2, 4",
)  # fmt: skip
_TABLESPACES = Listing(
    "List of tablespaces", (
        Column("Name", "spcname"), Column("Owner", _owner("spcowner")),
        Column("Location", "pg_catalog.pg_tablespace_location(oid)"),
        Column("Access privileges", acl("spcacl"), True), Column("Options", "spcoptions", True),
        Column("Size", "CASE WHEN pg_catalog.has_tablespace_privilege(oid, 'CREATE') THEN "
               "pg_catalog.pg_size_pretty(pg_catalog.pg_tablespace_size(oid)) "
               "ELSE 'No Access' END", True),
        Column("Description", _shared("oid", "pg_tablespace"), True),
    ), "pg_catalog.pg_tablespace", Names("spcname"), order="1",
)  # fmt: skip
_CONVERSIONS = Listing(
    "List of conversions", (
        Column("Schema", "n.nspname"), Column("Name", "c.conname"),
        Column("Source", "pg_catalog.pg_encoding_to_char(c.conforencoding)"),
        Column("Destination", "pg_catalog.pg_encoding_to_char(c.contoencoding)"),
        Column("Default?", yes_no("c.condefault")),
        Column("Description", _about("c.oid", "pg_conversion"), True),
    ), "pg_catalog.pg_conversion c JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace",
    Names("c.conname", "n.nspname", visible="pg_catalog.pg_conversion_is_visible(c.oid)"),
    user=not_system(),
)  # fmt: skip
_DOMAINS = Listing(
    "List of domains", (
        Column("Schema", "n.nspname"), Column("Name", "t.typname"),
        Column("Type", "pg_catalog.format_type(t.typbasetype, t.typtypmod)"),
        Column("Collation", "(SELECT c.collname FROM pg_catalog.pg_collation c, "
               "pg_catalog.pg_type b WHERE c.oid = t.typcollation AND b.oid = t.typbasetype "
               "AND t.typcollation <> b.typcollation)"),
        Column("Nullable", "CASE WHEN t.typnotnull THEN 'not null' END"),
        Column("Default", "t.typdefault"),
        Column("Check", "pg_catalog.array_to_string(ARRAY(SELECT "
               "pg_catalog.pg_get_constraintdef(r.oid, true) FROM pg_catalog.pg_constraint r "
               "WHERE r.contypid = t.oid AND r.contype = 'c' ORDER BY r.conname), ' ')"),
        Column("Access privileges", acl("t.typacl"), True),
        Column("Description", _about("t.oid", "pg_type"), True),
    ), in_schema("pg_catalog.pg_type t", "t.typnamespace"),
    Names("t.typname", "n.nspname", visible="pg_catalog.pg_type_is_visible(t.oid)"),
    ("t.typtype = 'd'",), not_system(),
)  # fmt: skip
_DEFAULT_PRIVILEGES = Listing(
    "Default access privileges", (
        Column("Owner", _owner("d.defaclrole")), Column("Schema", "n.nspname"),
        Column("Type", "CASE d.defaclobjtype WHEN 'r' THEN 'table' WHEN 'S' THEN 'sequence' "
               "WHEN 'f' THEN 'function' WHEN 'T' THEN 'type' WHEN 'n' THEN 'schema' "
               "WHEN 'L' THEN 'large object' END"),
        Column("Access privileges", acl("d.defaclacl")),
    ), in_schema("pg_catalog.pg_default_acl d", "d.defaclnamespace"),
    Names("n.nspname", other=_owner("d.defaclrole")), order="1, 2, 3",
)  # fmt: skip
_LANGUAGES = Listing(
    "List of languages", (
        Column("Name", "l.lanname"), Column("Owner", _owner("l.lanowner")),
        Column("Trusted", "l.lanpltrusted"),
        Column("Internal language", "NOT l.lanispl", True),
        Column("Call handler", "l.lanplcallfoid::pg_catalog.regprocedure", True),
        Column("Validator", "l.lanvalidator::pg_catalog.regprocedure", True),
        Column("Inline handler", "l.laninline::pg_catalog.regprocedure", True),
        Column("Access privileges", acl("l.lanacl"), True),
        Column("Description", "d.description"),
    ), "pg_catalog.pg_language l LEFT JOIN pg_catalog.pg_description d ON d.classoid = l.tableoid "
    "AND d.objoid = l.oid AND d.objsubid = 0", Names("l.lanname"), user=_LANGUAGE_USER, order="1",
)  # fmt: skip
_COLLATIONS = Listing(
    "List of collations", (
        Column("Schema", "n.nspname"), Column("Name", "c.collname"),
        Column("Provider", _PROVIDERS.format(column="c.collprovider",
                                             more="WHEN 'd' THEN 'default' ")),
        Column("Collate", "c.collcollate"), Column("Ctype", "c.collctype"),
        Column("Locale", "c.colllocale", since=17),
        Column("Locale", "c.colliculocale", since=15, until=16),
        Column("Locale", "c.collcollate", until=14),
        Column("ICU Rules", "c.collicurules", since=16),
        Column("ICU Rules", "NULL", until=15),
        Column("Deterministic?", yes_no("c.collisdeterministic")),
        Column("Description", _about("c.oid", "pg_collation"), True),
    ), in_schema("pg_catalog.pg_collation c", "c.collnamespace"),
    Names("c.collname", "n.nspname", visible="pg_catalog.pg_collation_is_visible(c.oid)"),
    ("c.collencoding IN (-1, pg_catalog.pg_char_to_encoding("
     "pg_catalog.current_setting('server_encoding')))",), not_system(),
)  # fmt: skip
_SCHEMAS = Listing(
    "List of schemas", (
        Column("Name", "n.nspname"), Column("Owner", _owner("n.nspowner")),
        Column("Access privileges", acl("n.nspacl"), True),
        Column("Description", _about("n.oid", "pg_namespace"), True),
    ), "pg_catalog.pg_namespace n", Names("n.nspname"),
    user="n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'", order="1",
)  # fmt: skip
_ROLE_GRANTS = Listing(
    "List of role grants", (
        Column("Role name", "m.rolname"), Column("Member of", "r.rolname"),
        Column("Options", "pg_catalog.concat_ws(', ', CASE WHEN g.admin_option THEN 'ADMIN' END, "
               "CASE WHEN g.inherit_option THEN 'INHERIT' END, "
               "CASE WHEN g.set_option THEN 'SET' END)", since=16),
        Column("Options", "pg_catalog.concat_ws(', ', CASE WHEN g.admin_option THEN 'ADMIN' END, "
               "CASE WHEN m.rolinherit THEN 'INHERIT' END, 'SET')", until=15),
        Column("Grantor", "o.rolname"),
    ), "pg_catalog.pg_roles m JOIN pg_catalog.pg_auth_members g ON g.member = m.oid "
    "LEFT JOIN pg_catalog.pg_roles r ON r.oid = g.roleid "
    "LEFT JOIN pg_catalog.pg_roles o ON o.oid = g.grantor",
    Names("m.rolname"), user="m.rolname !~ '^pg_'", order="1, 2, 4",
)  # fmt: skip
_TYPES = Listing(
    "List of data types", (
        Column("Schema", "n.nspname"), Column("Name", "pg_catalog.format_type(t.oid, NULL)"),
        Column("Internal name", "t.typname", True),
        Column("Size", "CASE WHEN t.typrelid <> 0 THEN 'tuple' WHEN t.typlen < 0 THEN 'var' "
               "ELSE t.typlen::pg_catalog.text END", True),
        Column("Elements", "pg_catalog.array_to_string(ARRAY(SELECT e.enumlabel FROM "
               "pg_catalog.pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder), E'\\n')",
               True),
        Column("Owner", _owner("t.typowner"), True),
        Column("Access privileges", acl("t.typacl"), True),
        Column("Description", _about("t.oid", "pg_type")),
    ), in_schema("pg_catalog.pg_type t", "t.typnamespace"),
    Names("t.typname", "n.nspname", "pg_catalog.format_type(t.oid, NULL)",
          "pg_catalog.pg_type_is_visible(t.oid)"),
    ("(t.typrelid = 0 OR EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid "
     "AND c.relkind = 'c'))",), not_system(),
)  # fmt: skip
_EXTENSIONS = Listing(
    "List of installed extensions", (
        Column("Name", "e.extname"), Column("Version", "e.extversion"),
        Column("Default version", "a.default_version"), Column("Schema", "n.nspname"),
        Column("Description", "d.description"),
    ), in_schema("pg_catalog.pg_extension e", "e.extnamespace",
                 " LEFT JOIN pg_catalog.pg_description d ON d.objoid = e.oid AND d.classoid = "
                 "'pg_catalog.pg_extension'::pg_catalog.regclass "
                 "LEFT JOIN pg_catalog.pg_available_extensions() a(name, default_version, comment)"
                 " ON a.name = e.extname"),
    Names("e.extname"), order="1",
)  # fmt: skip
_KIND = "CASE WHEN '{0}' = ANY (s.stxkind) THEN 'defined' END"
_STATISTICS = Listing(
    "List of extended statistics", (
        Column("Schema", "s.stxnamespace::pg_catalog.regnamespace::pg_catalog.text"),
        Column("Name", "s.stxname"),
        Column("Definition", "pg_catalog.format('%s FROM %s', "
               "pg_catalog.pg_get_statisticsobjdef_columns(s.oid), "
               "s.stxrelid::pg_catalog.regclass)"),
        Column("Ndistinct", _KIND.format("d")), Column("Dependencies", _KIND.format("f")),
        Column("MCV", _KIND.format("m")),
    ), "pg_catalog.pg_statistic_ext s",
    Names("s.stxname", "s.stxnamespace::pg_catalog.regnamespace::pg_catalog.text",
          visible="pg_catalog.pg_statistics_obj_is_visible(s.oid)"),
)  # fmt: skip
_EVENT_TRIGGERS = Listing(
    "List of event triggers", (
        Column("Name", "e.evtname"), Column("Event", "e.evtevent"),
        Column("Owner", _owner("e.evtowner")),
        Column("Enabled", "CASE e.evtenabled WHEN 'O' THEN 'enabled' WHEN 'R' THEN 'replica' "
               "WHEN 'A' THEN 'always' WHEN 'D' THEN 'disabled' END"),
        Column("Function", "e.evtfoid::pg_catalog.regproc"),
        Column("Tags", "pg_catalog.array_to_string(e.evttags, ', ')"),
        Column("Description", _about("e.oid", "pg_event_trigger"), True),
    ), "pg_catalog.pg_event_trigger e", Names("e.evtname"), order="1",
)  # fmt: skip
_DATABASES = Listing(
    "List of databases", (
        Column("Name", "d.datname"), Column("Owner", _owner("d.datdba")),
        Column("Encoding", "pg_catalog.pg_encoding_to_char(d.encoding)"),
        Column("Locale Provider", _PROVIDERS.format(column="d.datlocprovider", more=""), since=15),
        Column("Locale Provider", "'libc'", until=14),
        Column("Collate", "d.datcollate"), Column("Ctype", "d.datctype"),
        Column("Locale", "d.datlocale", since=17),
        Column("Locale", "d.daticulocale", since=15, until=16), Column("Locale", "NULL", until=14),
        Column("ICU Rules", "d.daticurules", since=16), Column("ICU Rules", "NULL", until=15),
        Column("Access privileges", acl("d.datacl")),
        Column("Size", "CASE WHEN pg_catalog.has_database_privilege(d.datname, 'CONNECT') THEN "
               "pg_catalog.pg_size_pretty(pg_catalog.pg_database_size(d.datname)) "
               "ELSE 'No Access' END", True),
        Column("Tablespace", "t.spcname", True),
        Column("Description", _shared("d.oid", "pg_database"), True),
    ), "pg_catalog.pg_database d", Names("d.datname"), order="1",
    more_source=" JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace",
)  # fmt: skip
_LARGE_OBJECTS = Listing(
    "Large objects", (
        Column("ID", "oid"), Column("Owner", _owner("lomowner")),
        Column("Access privileges", acl("lomacl"), True),
        Column("Description", _about("oid", "pg_largeobject")),
    ), "pg_catalog.pg_largeobject_metadata", Names("oid::pg_catalog.text"), order="oid",
)  # fmt: skip
_SERVERS = Listing(
    "List of foreign servers", (
        Column("Name", "s.srvname"), Column("Owner", _owner("s.srvowner")),
        Column("Foreign-data wrapper", "f.fdwname"),
        Column("Access privileges", acl("s.srvacl"), True), Column("Type", "s.srvtype", True),
        Column("Version", "s.srvversion", True),
        Column("FDW options", _options("s.srvoptions"), True),
        Column("Description", "d.description", True),
    ), "pg_catalog.pg_foreign_server s JOIN pg_catalog.pg_foreign_data_wrapper f "
    "ON f.oid = s.srvfdw", Names("s.srvname"), order="1",
    more_source=" LEFT JOIN pg_catalog.pg_description d ON d.classoid = s.tableoid "
    "AND d.objoid = s.oid AND d.objsubid = 0",
)  # fmt: skip
_FOREIGN_TABLES = Listing(
    "List of foreign tables", (
        Column("Schema", "n.nspname"), Column("Table", "c.relname"),
        Column("Server", "s.srvname"), Column("FDW options", _options("ft.ftoptions"), True),
        Column("Description", "d.description", True),
    ), "pg_catalog.pg_foreign_table ft JOIN pg_catalog.pg_class c ON c.oid = ft.ftrelid "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "JOIN pg_catalog.pg_foreign_server s ON s.oid = ft.ftserver",
    Names("c.relname", "n.nspname", visible="pg_catalog.pg_table_is_visible(c.oid)"),
    more_source=" LEFT JOIN pg_catalog.pg_description d ON d.classoid = c.tableoid "
    "AND d.objoid = c.oid AND d.objsubid = 0",
)  # fmt: skip
_USER_MAPPINGS = Listing(
    "List of user mappings", (
        Column("Server", "m.srvname"), Column("User name", "m.usename"),
        Column("FDW options", _options("m.umoptions"), True),
    ), "pg_catalog.pg_user_mappings m", Names("m.usename", "m.srvname"),
)  # fmt: skip
_WRAPPERS = Listing(
    "List of foreign-data wrappers", (
        Column("Name", "f.fdwname"), Column("Owner", _owner("f.fdwowner")),
        Column("Handler", "f.fdwhandler::pg_catalog.regproc"),
        Column("Validator", "f.fdwvalidator::pg_catalog.regproc"),
        Column("Access privileges", acl("f.fdwacl"), True),
        Column("FDW options", _options("f.fdwoptions"), True),
        Column("Description", "d.description", True),
    ), "pg_catalog.pg_foreign_data_wrapper f", Names("f.fdwname"), order="1",
    more_source=" LEFT JOIN pg_catalog.pg_description d ON d.classoid = f.tableoid "
    "AND d.objoid = f.oid AND d.objsubid = 0",
)  # fmt: skip
_TS_CONFIGS = Listing(
    "List of text search configurations", (
        Column("Schema", "n.nspname"), Column("Name", "c.cfgname"),
        Column("Description", _about("c.oid", "pg_ts_config")),
    ), in_schema("pg_catalog.pg_ts_config c", "c.cfgnamespace"),
    Names("c.cfgname", "n.nspname", visible="pg_catalog.pg_ts_config_is_visible(c.oid)"),
)  # fmt: skip
_TS_DICTIONARIES = Listing(
    "List of text search dictionaries", (
        Column("Schema", "n.nspname"), Column("Name", "d.dictname"),
        Column("Template", "(SELECT COALESCE(tn.nspname, '(null)')::pg_catalog.text || '.' || "
               "t.tmplname FROM pg_catalog.pg_ts_template t LEFT JOIN pg_catalog.pg_namespace tn "
               "ON tn.oid = t.tmplnamespace WHERE t.oid = d.dicttemplate)", True),
        Column("Init options", "d.dictinitoption", True),
        Column("Description", _about("d.oid", "pg_ts_dict")),
    ), in_schema("pg_catalog.pg_ts_dict d", "d.dictnamespace"),
    Names("d.dictname", "n.nspname", visible="pg_catalog.pg_ts_dict_is_visible(d.oid)"),
)  # fmt: skip
_TS_PARSERS = Listing(
    "List of text search parsers", (
        Column("Schema", "n.nspname"), Column("Name", "p.prsname"),
        Column("Description", _about("p.oid", "pg_ts_parser")),
    ), in_schema("pg_catalog.pg_ts_parser p", "p.prsnamespace"),
    Names("p.prsname", "n.nspname", visible="pg_catalog.pg_ts_parser_is_visible(p.oid)"),
)  # fmt: skip
_TS_TEMPLATES = Listing(
    "List of text search templates", (
        Column("Schema", "n.nspname"), Column("Name", "t.tmplname"),
        Column("Init", "t.tmplinit::pg_catalog.regproc", True),
        Column("Lexize", "t.tmpllexize::pg_catalog.regproc", True),
        Column("Description", _about("t.oid", "pg_ts_template")),
    ), in_schema("pg_catalog.pg_ts_template t", "t.tmplnamespace"),
    Names("t.tmplname", "n.nspname", visible="pg_catalog.pg_ts_template_is_visible(t.oid)"),
)  # fmt: skip

#: By the letters behind the backslash.
LISTS: dict[str, Listing] = {
    "da": _AGGREGATES, "db": _TABLESPACES, "dc": _CONVERSIONS, "dD": _DOMAINS,
    "ddp": _DEFAULT_PRIVILEGES, "dL": _LANGUAGES, "dO": _COLLATIONS, "dn": _SCHEMAS,
    "drg": _ROLE_GRANTS, "dT": _TYPES, "dx": _EXTENSIONS, "dX": _STATISTICS,
    "dy": _EVENT_TRIGGERS, "l": _DATABASES, "list": _DATABASES, "dl": _LARGE_OBJECTS,
    "lo_list": _LARGE_OBJECTS, "des": _SERVERS, "det": _FOREIGN_TABLES, "deu": _USER_MAPPINGS,
    "dew": _WRAPPERS, "dF": _TS_CONFIGS, "dFd": _TS_DICTIONARIES, "dFp": _TS_PARSERS,
    "dFt": _TS_TEMPLATES,
}  # fmt: skip
