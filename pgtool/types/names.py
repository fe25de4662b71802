"""Names as SQL writes and reads them: when to quote, and how to take a dotted name apart."""

from __future__ import annotations

import re

from formats.version import ByMajor
from pgtool.errors import SqlError

__all__ = ["format_name", "quote_identifier", "split_names"]

#: Keywords that cannot stand as every kind of name without quotes, in all majors.
_KEYWORDS = frozenset(
    [
        "all",
        "analyse",
        "analyze",
        "and",
        "any",
        "array",
        "as",
        "asc",
        "asymmetric",
        "authorization",
        "between",
        "bigint",
        "binary",
        "bit",
        "boolean",
        "both",
        "case",
        "cast",
        "char",
        "character",
        "check",
        "coalesce",
        "collate",
        "collation",
        "column",
        "concurrently",
        "constraint",
        "create",
        "cross",
        "current_catalog",
        "current_date",
        "current_role",
        "current_schema",
        "current_time",
        "current_timestamp",
        "current_user",
        "dec",
        "decimal",
        "default",
        "deferrable",
        "desc",
        "distinct",
        "do",
        "else",
        "end",
        "except",
        "exists",
        "extract",
        "false",
        "fetch",
        "float",
        "for",
        "foreign",
        "freeze",
        "from",
        "full",
        "grant",
        "greatest",
        "group",
        "grouping",
        "having",
        "ilike",
        "in",
        "initially",
        "inner",
        "inout",
        "int",
        "integer",
        "intersect",
        "interval",
        "into",
        "is",
        "isnull",
        "join",
        "lateral",
        "leading",
        "least",
        "left",
        "like",
        "limit",
        "localtime",
        "localtimestamp",
        "national",
        "natural",
        "nchar",
        "none",
        "normalize",
        "not",
        "notnull",
        "null",
        "nullif",
        "numeric",
        "offset",
        "on",
        "only",
        "or",
        "order",
        "out",
        "outer",
        "overlaps",
        "overlay",
        "placing",
        "position",
        "precision",
        "primary",
        "real",
        "references",
        "returning",
        "right",
        "row",
        "select",
        "session_user",
        "setof",
        "similar",
        "smallint",
        "some",
        "substring",
        "symmetric",
        "table",
        "tablesample",
        "then",
        "time",
        "timestamp",
        "to",
        "trailing",
        "treat",
        "trim",
        "true",
        "union",
        "unique",
        "user",
        "using",
        "values",
        "varchar",
        "variadic",
        "verbose",
        "when",
        "where",
        "window",
        "with",
        "xmlattributes",
        "xmlconcat",
        "xmlelement",
        "xmlexists",
        "xmlforest",
        "xmlnamespaces",
        "xmlparse",
        "xmlpi",
        "xmlroot",
        "xmlserialize",
        "xmltable",
    ]
)
#: The others.
_MORE_KEYWORDS = ByMajor(
    {
        14: frozenset([]),
        16: frozenset(
            ["json_array", "json_arrayagg", "json_object", "json_objectagg", "system_user"]
        ),
        17: frozenset(
            [
                "json",
                "json_array",
                "json_arrayagg",
                "json_exists",
                "json_object",
                "json_objectagg",
                "json_query",
                "json_scalar",
                "json_serialize",
                "json_table",
                "json_value",
                "merge_action",
                "system_user",
            ]
        ),
    }
)
_SAFE = re.compile(r"[a-z_][a-z0-9_]*")


def quote_identifier(name: str, major: int = 18) -> str:
    """The name, in double quotes where SQL needs them."""
    if _SAFE.fullmatch(name) and name not in _KEYWORDS and name not in _MORE_KEYWORDS[major]:
        return name
    return '"' + name.replace('"', '""') + '"'


def format_name(namespace: str | None, name: str, major: int = 18) -> str:
    """A name, qualified where a namespace is given."""
    if namespace is None:
        return quote_identifier(name, major)
    return f"{quote_identifier(namespace, major)}.{quote_identifier(name, major)}"


_PART = re.compile(r'[ \t-\r]*(?:"((?:[^"]|"")*)"|([^" \t-\r.][^ \t-\r.]*))[ \t-\r]*')


def split_names(text: str) -> tuple[str, ...]:
    """``a."B".c`` → its parts, folded to lower case where they are not quoted."""
    out, at = [], 0
    while True:
        match = _PART.match(text, at)
        if match is None or match[1] == "":
            raise SqlError("invalid name syntax", "42602")
        out.append(match[1].replace('""', '"') if match[1] is not None else _fold(match[2]))
        at = match.end()
        if at == len(text):
            return tuple(out)
        if text[at] != ".":
            raise SqlError("invalid name syntax", "42602")
        at += 1


def _fold(name: str) -> str:
    """Lower case in ASCII; other characters stay."""
    return "".join(c.lower() if c.isascii() else c for c in name)
