"""nextval, currval, setval, lastval: what a session takes from sequences.

With CACHE a session takes several values at once and gives them out by itself. Nothing of
this is undone by a rollback.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pgtool.access.sequence import Rules, SequenceFile, State
from pgtool.errors import SqlError
from pgtool.functions.registry import Call, builtin
from pgtool.functions.session import Session
from pgtool.functions.sysfuncs.identity import RELATION_KINDS
from pgtool.functions.sysfuncs.privileges import KINDS, check

__all__ = ["next_value", "no_sequence", "sequence_file"]

OBJECT_NOT_IN_PREREQUISITE_STATE = "55000"
NUMERIC_VALUE_OUT_OF_RANGE = "22003"
WRONG_OBJECT_TYPE = "42809"


@dataclass
class _Known:
    """A sequence that the session has used: the value given out, the last one it may give."""

    file: int
    value: int = 0
    last: int = 0
    increment: int = 0
    defined: bool = False


def sequence_file(session: Session, oid: int) -> SequenceFile:
    """The file of a sequence."""
    relation = session.database.relation(oid)
    if relation.relkind != "S":
        raise no_sequence(relation)
    assert relation.locator is not None
    instance = session.database.cluster.instance
    assert instance is not None
    return SequenceFile(instance, relation.locator, relation.relpersistence == "p")


def no_sequence(relation: Any) -> SqlError:
    """The error of what is asked for a value and is no sequence."""
    noun = RELATION_KINDS.get(relation.relkind, "relation")
    plural = noun + ("es" if noun.endswith("x") else "s")
    return SqlError(f'cannot open relation "{relation.relname}"', WRONG_OBJECT_TYPE,
                    f"This operation is not supported for {plural}.")  # fmt: skip


def _row(session: Session, oid: int) -> Any:
    row = session.cache.one("pg_sequence", "seqrelid", oid)
    if row is None:
        raise no_sequence(session.database.relation(oid))
    return row


def _known(session: Session, oid: int) -> _Known:
    known: dict[int, _Known] = session.__dict__.setdefault("_sequences", {})
    file = session.database.relation(oid).relfilenode
    found = known.get(oid)
    if found is None:
        found = known[oid] = _Known(file)
    elif found.file != file:
        # The sequence was given a new file: what was cached of it no longer counts.
        found.file, found.last = file, found.value
    return found


def next_value(session: Session, oid: int) -> int:
    """Take the next value."""
    session.begin_writing("nextval()")
    known = _known(session, oid)
    if known.defined and known.value != known.last:
        known.value += known.increment
    else:
        row = _row(session, oid)
        relation = session.database.relation(oid)
        rules = Rules(relation.relname, row.seqincrement, row.seqmin, row.seqmax, row.seqcache,
                      bool(row.seqcycle))  # fmt: skip
        known.value, known.last = sequence_file(session, oid).next(session.xact, rules)
        known.increment, known.defined = row.seqincrement, True
    session.__dict__["_last_sequence"] = oid
    return known.value


@builtin("nextval_oid", call=True)
def nextval_oid(call: Call, oid: int) -> int:
    """The next value of a sequence."""
    _permitted(call.session, oid, "USAGE, UPDATE")
    return next_value(call.session, oid)


@builtin("currval_oid", call=True)
def currval_oid(call: Call, oid: int) -> int:
    """The value that the session got last."""
    session = call.session
    relation = session.database.relation(oid)
    found = session.__dict__.get("_sequences", {}).get(oid)
    if relation.relkind != "S":
        raise no_sequence(relation)
    _permitted(session, oid, "SELECT, USAGE")
    if found is None or not found.defined:
        raise SqlError(
            f'currval of sequence "{relation.relname}" is not yet defined in this session',
            OBJECT_NOT_IN_PREREQUISITE_STATE,
        )  # fmt: skip
    return int(found.value)


@builtin("lastval", call=True)
def lastval(call: Call) -> int:
    """The value that the session got last from any sequence."""
    oid = call.session.__dict__.get("_last_sequence")
    if oid is None or call.session.cache.one("pg_class", "oid", oid) is None:
        raise SqlError("lastval is not yet defined in this session",
                       OBJECT_NOT_IN_PREREQUISITE_STATE)  # fmt: skip
    _permitted(call.session, oid, "SELECT, USAGE")
    return int(call.session.__dict__["_sequences"][oid].value)


@builtin("setval_oid", call=True)
def setval_oid(call: Call, oid: int, value: int) -> int:
    """Put a sequence behind a value."""
    return _set(call.session, oid, value, True)


@builtin("setval3_oid", call=True)
def setval3_oid(call: Call, oid: int, value: int, is_called: bool) -> int:
    """Put a sequence behind a value, or before it."""
    return _set(call.session, oid, value, is_called)


def _permitted(session: Session, oid: int, privileges: str) -> None:
    """SqlError unless the user has one of these privileges on a sequence."""
    if session.is_superuser:
        return
    if not check(session, KINDS["sequence"], session.user_oid, oid, privileges):
        name = session.database.relation(oid).relname
        raise SqlError(f"permission denied for sequence {name}", "42501")


def _set(session: Session, oid: int, value: int, is_called: bool) -> int:
    _permitted(session, oid, "UPDATE")
    session.begin_writing("setval()")
    row = _row(session, oid)
    if not row.seqmin <= value <= row.seqmax:
        name = session.database.relation(oid).relname
        raise SqlError(
            f'setval: value {value} is out of bounds for sequence "{name}" '
            f"({row.seqmin}..{row.seqmax})", NUMERIC_VALUE_OUT_OF_RANGE,
        )  # fmt: skip
    known = _known(session, oid)
    if is_called:
        known.value, known.defined = value, True
    known.last = known.value
    sequence_file(session, oid).set(session.xact, State(value, 0, is_called))
    return value
