"""What text search parsers know of themselves: the token types of the default parser.

A parser of an extension has code of its own, which is not here.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgtool.errors import SqlError, Unsupported
from pgtool.functions.registry import Call, builtin

__all__ = ["TOKEN_TYPES"]

DEFAULT_PARSER = 3722
#: (alias, description) by number, from 1.
TOKEN_TYPES = (
    ("asciiword", "Word, all ASCII"), ("word", "Word, all letters"),
    ("numword", "Word, letters and digits"), ("email", "Email address"), ("url", "URL"),
    ("host", "Host"), ("sfloat", "Scientific notation"), ("version", "Version number"),
    ("hword_numpart", "Hyphenated word part, letters and digits"),
    ("hword_part", "Hyphenated word part, all letters"),
    ("hword_asciipart", "Hyphenated word part, all ASCII"), ("blank", "Space symbols"),
    ("tag", "XML tag"), ("protocol", "Protocol head"),
    ("numhword", "Hyphenated word, letters and digits"),
    ("asciihword", "Hyphenated word, all ASCII"), ("hword", "Hyphenated word, all letters"),
    ("url_path", "URL path"), ("file", "File or path name"), ("float", "Decimal notation"),
    ("int", "Signed integer"), ("uint", "Unsigned integer"), ("entity", "XML entity"),
)  # fmt: skip


@builtin("ts_token_type_byid", call=True, returns_set=True)
def ts_token_type_byid(call: Call, parser: int) -> Iterator[tuple[int, str, str]]:
    """The token types of a parser."""
    row = call.session.cache.one("pg_ts_parser", "oid", parser)
    if row is None:
        raise SqlError(f"cache lookup failed for text search parser {parser}", "XX000")
    if parser != DEFAULT_PARSER:
        raise Unsupported(f"token types of text search parser {row.prsname}")
    for number, (alias, description) in enumerate(TOKEN_TYPES, 1):
        yield number, alias, description
