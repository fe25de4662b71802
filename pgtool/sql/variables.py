"""SET, RESET and SHOW: parse nodes to settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pgtool.errors import SqlError, Unsupported
from pgtool.functions.session import Session
from pgtool.nodes.raw_enums import VariableSetKind as Kind
from pgtool.sql.answer import Notice
from pgtool.sql.define import constant_text
from pgtool.types.names import quote_identifier

__all__ = ["set_variable", "show_variable"]

#: Settings that are lists: whether their items are names, quoted where need be.
_LISTS = {
    "search_path": True, "temp_tablespaces": True, "session_preload_libraries": True,
    "local_preload_libraries": True, "shared_preload_libraries": True,
    "unix_socket_directories": True, "datestyle": False, "log_destination": False,
    "listen_addresses": False, "synchronous_standby_names": False, "debug_io_direct": False,
    "createrole_self_grant": False, "wal_consistency_checking": False,
    "restrict_nonsystem_relation_kind": False, "synchronized_standby_slots": False,
}  # fmt: skip
_NO_BLOCK = "25P01"


def set_variable(
    session: Session, raw: Any, set_option: Callable[[Any], None]
) -> list[Notice]:
    """SET and RESET; what they warn of. ``set_option`` sets a mode of the transaction."""
    kind = Kind(raw.kind)
    notices = []
    if raw.is_local and not session.in_block:
        notices.append(
            Notice("WARNING", "SET LOCAL can only be used in transaction blocks", _NO_BLOCK)
        )
    if kind == Kind.VAR_RESET_ALL:
        session.reset_all()
    elif kind == Kind.VAR_RESET:
        session.reset(raw.name)
    elif kind == Kind.VAR_SET_DEFAULT:
        session.set(raw.name, None, raw.is_local)
    elif kind == Kind.VAR_SET_VALUE:
        session.set(raw.name, value_text(session, raw.name, raw.args), raw.is_local)
    elif kind == Kind.VAR_SET_CURRENT:
        session.set(raw.name, session.show(raw.name), raw.is_local)
    else:
        _set_several(session, raw, set_option)
        if raw.name == "TRANSACTION" and not session.in_block:
            notices.append(Notice(
                "WARNING", "SET TRANSACTION can only be used in transaction blocks", _NO_BLOCK
            ))  # fmt: skip
    return notices


def _set_several(session: Session, raw: Any, set_option: Callable[[Any], None]) -> None:
    """SET TRANSACTION and SET SESSION CHARACTERISTICS."""
    if raw.name not in ("TRANSACTION", "SESSION CHARACTERISTICS"):
        raise Unsupported(f"SET {raw.name}")
    for item in raw.args:
        if raw.name != "TRANSACTION":
            session.set("default_" + item.defname, _text(item.arg))
        elif session.in_block:
            set_option(item)


def value_text(session: Session, name: str, args: list[Any]) -> str:
    """The arguments of SET as the one text that the setting takes."""
    quoted = _LISTS.get(name.lower())
    if len(args) > 1 and quoted is None:
        raise SqlError(f"SET {name} takes only one argument", "22023")
    texts = []
    for arg in args:
        if type(arg).__name__ == "TypeCast":
            texts.append(_interval_zone(session, arg))
            continue
        text = _text(arg)
        texts.append(quote_identifier(text) if quoted else text)
    return ", ".join(texts)


def _text(arg: Any) -> str:
    text = constant_text(arg.val)
    return str(arg.val.sval) if text is None else text


def _interval_zone(session: Session, arg: Any) -> str:
    """SET TIME ZONE INTERVAL '…': the offset as the server keeps it."""
    from pgtool.functions.codec import codec_of

    intervaloid = 1186
    io = session.types.io_of(intervaloid)
    typmods = [item.val.ival for item in arg.typeName.typmods]
    typmod = typmods[0] << 16 | (typmods[1] if len(typmods) > 1 else 0xFFFF) if typmods else -1
    value = codec_of(session.types, intervaloid).decode(io.input(_text(arg.arg), typmod))
    if value.day or value.month:
        what = "months" if value.month else "days"
        raise SqlError(f"cannot specify {what} in time zone interval", "22023")
    return f"INTERVAL '{_text(arg.arg)}'" if value.usec % 3_600_000_000 else _hours(value.usec)


def _hours(usec: int) -> str:
    return str(usec // 3_600_000_000)


def show_variable(session: Session, name: str) -> tuple[list[str], list[tuple[str | None, ...]]]:
    """SHOW: column names and rows."""
    if name.lower() != "all":
        spec = session.gucs.spec(name)
        return [spec.name], [(session.show(name),)]
    lines: list[tuple[str | None, ...]] = [
        (spec.name, session.show(key), getattr(spec, "short_desc", None))
        for key, spec in sorted(session.gucs.specs.items()) if spec.category
    ]  # fmt: skip
    return ["name", "setting", "description"], lines
