"""Literals, defaults and conditions by type, for :mod:`tests.differential.writes`."""

from __future__ import annotations

__all__ = ["CHECKS", "DEFAULTS", "OPTIONS", "STORAGE", "VALUES", "WRONG"]

#: Type as written in a definition → defaults for it.
DEFAULTS: dict[str, list[str]] = {
    "int": ["0", "42", "1 + 1", "null"], "bigint": ["7", "-1"], "smallint": ["3"],
    "numeric(8,2)": ["1.5", "0"], "numeric": ["3.14159"], "text": ["'d'", "'a' || 'b'", "''"],
    "varchar(10)": ["'vc'"], "char(4)": ["'c'"], "bool": ["true", "false"],
    "date": ["'2020-02-29'"], "timestamp": ["'2021-01-01 10:00'"], "float8": ["1e10", "0.5"],
    "int[]": ["'{1,2}'", "array[3]"], "jsonb": ["""'{"a": 1}'"""], "uuid": ["null"],
    "bytea": [r"'\x00ff'"], "mood": ["'ok'"], "posint": ["5"], "word": ["'w'"],
    "pair": ["row(1, 'p')"], "interval": ["'1 day'"], "inet": ["'10.0.0.1'"],
}  # fmt: skip

_INT = ["0", "1", "2", "3", "5", "10", "-4", "100", "2 * 3", "'8'"]
#: Type as ``format_type`` names it, without modifier → values.
VALUES: dict[str, list[str]] = {
    "integer": [*_INT, "2147483647", "3000000000"], "bigint": [*_INT, "9000000000"],
    "smallint": [*_INT, "40000"], "numeric": [*_INT, "1.25", "-0.005", "'NaN'", "99999.999"],
    "text": ["'a'", "'b'", "'abc'", "'It''s'", "'z' || 'y'", "repeat('long text ', 400)", "''",
             "'Ärger'", "repeat(md5('x'), 90)"],
    "character varying": ["'a'", "'abcdef'", "'longer than ten'", "'x '"],
    "character": ["'a'", "'abcd'", "'abcde'", "'ab  '"],
    "boolean": ["true", "false", "'yes'", "1 = 2"],
    "date": ["'2020-01-01'", "'2024-02-29'", "'infinity'", "date '2020-01-01' + 5",
             "'2023-02-30'"],
    "timestamp without time zone": [
        "'2020-01-01 00:00'", "'2022-03-04 05:06:07.89'", "'-infinity'"],
    "double precision": ["0", "1.5", "'NaN'", "-1e300", "'Infinity'", "2.0 / 3"],
    "integer[]": ["'{}'", "'{1,2,3}'", "array[4, null]", "'{{1,2},{3,4}}'", "'{1,'"],
    "jsonb": ["""'{"k": [1, 2]}'""", "'[]'", "'null'", "'{'", """'{"b": 1, "a": "x"}'"""],
    "uuid": ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'nope'"],
    "bytea": [r"'\xdeadbeef'", "'abc'", r"'\xzz'"], "mood": ["'sad'", "'ok'", "'happy'", "'angry'"],
    "posint": ["1", "2", "77", "0", "-1"], "word": ["'one'", "'two'", "'much too long'"],
    "pair": ["row(1, 'a')", "'(2,b)'", "row(1)", "'(3,)'"],
    "interval": ["'1 day'", "'2 hours'", "'1 mon -3 days'"],
    "inet": ["'10.1.2.3'", "'::1/64'", "'x'"],
}  # fmt: skip
#: What fits few columns.
WRONG = ["'wrong'", "1.5", "true", "array[1]", "row(1, 2)", "1/0", "nope", "(select 1, 2)"]
#: Conditions behind a column or VALUE.
CHECKS = ["is not null", "> 0", "<> 'zzz'", "is null", "in (1, 2, 3)", "= 'ok'"]
OPTIONS = ["fillfactor = 50", "autovacuum_enabled = off", "fillfactor = 5", "nope = 1"]
STORAGE = ["storage external", "storage main", "compression pglz", 'collate "C"', 'collate "nope"']
