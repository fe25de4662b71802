r"""\sf and \sv: the statement that makes a function or a view again."""

from __future__ import annotations

import re
from typing import Any

from pgtool.cli.psql.scan import literal
from pgtool.errors import UserError

__all__ = ["show_source"]


def show_source(runner: Any, name: str, what: str) -> bool:
    """Print it, with + each line numbered."""
    numbered = name.endswith("+")
    kind = "function" if name.startswith("sf") else "view"
    if not what:
        raise UserError(f"{kind} name is required")
    text = _function(runner, what) if kind == "function" else _view(runner, what)
    if not numbered:
        runner.out.write(text)
        return True
    number = 0
    body = re.compile(r"AS |BEGIN |RETURN ")
    for line in text.split("\n")[:-1]:
        if number or kind == "view" or body.match(line):
            number += 1
        runner.line(f"{number:<7} {line}" if number else f"        {line}")
    return True


def _one(runner: Any, text: str) -> Any:
    return runner.query(text)[2][0]


def _function(runner: Any, what: str) -> str:
    kind = "regprocedure" if "(" in what else "regproc"
    (oid,) = _one(runner, f"SELECT {literal(what)}::pg_catalog.{kind}::pg_catalog.oid")
    (text,) = _one(runner, f"SELECT pg_catalog.pg_get_functiondef('{oid}')")
    return str(text)


def _view(runner: Any, what: str) -> str:
    (oid,) = _one(runner, f"SELECT {literal(what)}::pg_catalog.regclass::pg_catalog.oid")
    schema, name, kind, text, options, check = _one(
        runner, "SELECT n.nspname, c.relname, c.relkind, pg_catalog.pg_get_viewdef(c.oid, true), "
        "pg_catalog.array_to_string(ARRAY(SELECT pg_catalog.quote_ident(o.option_name) || '=' || "
        "pg_catalog.quote_literal(o.option_value) FROM pg_catalog.pg_options_to_table("
        "c.reloptions) o WHERE o.option_name <> 'check_option'), ', '), "
        "(SELECT pg_catalog.upper(o.option_value) FROM pg_catalog.pg_options_to_table("
        "c.reloptions) o WHERE o.option_name = 'check_option') "
        "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE c.oid = '{oid}'"
    )  # fmt: skip
    if kind != "v":
        raise UserError(f'"{schema}.{name}" is not a view')
    (shown,) = _one(runner, "SELECT pg_catalog.quote_ident("
                    f"{literal(schema)}) || '.' || pg_catalog.quote_ident({literal(name)})")
    out = f"CREATE OR REPLACE VIEW {shown}"
    if options:
        out += f"\n WITH ({options})"
    out += f" AS\n{text.rstrip(';')}"
    if check:
        out += f"\n WITH {check} CHECK OPTION"
    return out + "\n"
