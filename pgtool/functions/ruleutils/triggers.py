"""pg_get_triggerdef: CREATE TRIGGER."""

from __future__ import annotations

from typing import Any

from pgtool.functions.registry import Call, builtin
from pgtool.functions.ruleutils.columns import Namespace
from pgtool.functions.ruleutils.deparser import INDENT, SCHEMA, STD, Deparser
from pgtool.functions.ruleutils.entry import flags_of, read_tree, relation_entry
from pgtool.functions.ruleutils.names import Names, quote_literal
from pgtool.functions.session import Session

ROW, BEFORE, INSTEAD = 1, 2, 64
#: Bits of tgtype in the order in which they are written.
_EVENTS = ((4, "INSERT"), (8, "DELETE"), (16, "UPDATE"), (32, "TRUNCATE"))


def _events(names: Names, row: Any) -> str:
    out = []
    for bit, word in _EVENTS:
        if row.tgtype & bit:
            columns = ", ".join(names.quote(names.column(row.tgrelid, n)) for n in row.tgattr)
            out.append(f"{word} OF {columns}" if word == "UPDATE" and columns else word)
    return " OR ".join(out)


def _condition(names: Names, row: Any, flags: int) -> str:
    table = [relation_entry(names, row.tgrelid, name) for name in ("old", "new")]
    d = Deparser(
        names, [Namespace(names, None, rtable=table)], flags, indent=STD, prefix=True
    )
    d.expr(read_tree(names.session, row.tgqual))
    return f"WHEN ({d.text}) "


def trigger_text(session: Session, oid: int, flags: int) -> str | None:
    """CREATE TRIGGER; None where there is none."""
    row = session.cache.one("pg_trigger", "oid", oid)
    if row is None:
        return None
    names = Names(session)
    when = "BEFORE" if row.tgtype & BEFORE else "INSTEAD OF" if row.tgtype & INSTEAD else "AFTER"
    kind = "CONSTRAINT TRIGGER" if row.tgconstraint else "TRIGGER"
    table = (
        names.relation(row.tgrelid) if flags & SCHEMA else names.qualified_relation(row.tgrelid)
    )  # fmt: skip
    text = f"CREATE {kind} {names.quote(row.tgname)} {when} {_events(names, row)} ON {table} "
    if row.tgconstraint:
        text += f"FROM {names.relation(row.tgconstrrelid)} " if row.tgconstrrelid else ""
        text += "" if row.tgdeferrable else "NOT "
        text += f"DEFERRABLE INITIALLY {'DEFERRED' if row.tginitdeferred else 'IMMEDIATE'} "
    tables = [
        f"{word} TABLE AS {names.quote(name)} "
        for word, name in (("OLD", row.tgoldtable), ("NEW", row.tgnewtable)) if name
    ]  # fmt: skip
    text += "REFERENCING " + "".join(tables) if tables else ""
    text += "FOR EACH ROW " if row.tgtype & ROW else "FOR EACH STATEMENT "
    text += _condition(names, row, flags) if row.tgqual else ""
    decode = session.database.encoding.decode
    args = [decode(arg) for arg in (row.tgargs or b"").split(b"\0")[: row.tgnargs]]
    return text + f"EXECUTE FUNCTION {names.function(row.tgfoid)}({_literals(args)})"


def _literals(args: list[str]) -> str:
    return ", ".join(quote_literal(arg) for arg in args)


@builtin("pg_get_triggerdef", call=True)
def pg_get_triggerdef(call: Call, oid: int) -> str | None:
    """CREATE TRIGGER."""
    return trigger_text(call.session, oid, INDENT)


@builtin("pg_get_triggerdef_ext", call=True)
def pg_get_triggerdef_ext(call: Call, oid: int, pretty: bool) -> str | None:
    """CREATE TRIGGER, pretty or not."""
    return trigger_text(call.session, oid, flags_of(pretty))
