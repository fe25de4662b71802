"""Foreign keys: the triggers that PostgreSQL keeps for them, as events after a row.

A table's triggers are read from pg_trigger; their functions say what each does: ``check``
on the referencing side, one action for each of DELETE and UPDATE on the referenced one. They
work through statements of SQL, as the server's do: looking keys up under FOR KEY SHARE,
cascading by DELETE and UPDATE, so whatever hangs on those tables follows by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from pgtool.errors import SqlError, Unsupported
from pgtool.sql.executor.internal import run_internal
from pgtool.sql.executor.queued import Event, nothing, queue_of
from pgtool.sql.executor.written import Row, RowShape
from pgtool.sql.permissions import shown_columns
from pgtool.types.names import quote_identifier

__all__ = ["References"]

FOREIGN_KEY_VIOLATION, RESTRICT_VIOLATION = "23503", "23001"
_INSERT, _DELETE, _UPDATE = 4, 8, 16
_MATCH_FULL = "f"
#: pg_trigger's function → what it does.
_ACTIONS = {
    "RI_FKey_check_ins": "check", "RI_FKey_check_upd": "check",
    "RI_FKey_noaction_del": "noaction", "RI_FKey_noaction_upd": "noaction",
    "RI_FKey_restrict_del": "restrict", "RI_FKey_restrict_upd": "restrict",
    "RI_FKey_cascade_del": "cascade_delete", "RI_FKey_cascade_upd": "cascade_update",
    "RI_FKey_setnull_del": "setnull", "RI_FKey_setnull_upd": "setnull",
    "RI_FKey_setdefault_del": "setdefault", "RI_FKey_setdefault_upd": "setdefault",
}  # fmt: skip


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


class _Trigger(NamedTuple):
    """One trigger of a foreign key on one of its tables."""

    action: str
    event: int
    key: _Key
    deferrable: bool
    deferred: bool
    #: Whether it stands for the parent's trigger.
    clone: bool


class _Key:
    """One foreign key as its triggers need it."""

    def __init__(self, session: Any, row: Any) -> None:
        if getattr(row, "conperiod", False):
            raise Unsupported(f'foreign key "{row.conname}" with PERIOD')
        self.session = session
        self.row = row
        self.oid, self.name = row.oid, row.conname
        self.match = row.confmatchtype
        database = session.database
        self.referencing = database.relation(row.conrelid)
        self.referenced = database.relation(row.confrelid)
        self.mine = [self.referencing.attributes[n - 1] for n in row.conkey]
        self.theirs = [self.referenced.attributes[n - 1] for n in row.confkey]
        self.to_null = [
            self.referencing.attributes[n - 1] for n in (row.confdelsetcols or ())
        ] or None  # fmt: skip

    @staticmethod
    def table(relation: Any) -> str:
        """The relation's name in a query, its children left out."""
        only = "" if relation.relkind == "p" else "ONLY "
        return f"{only}{_quoted(relation.nspname)}.{_quoted(relation.relname)}"

    def operator(self, oid: int) -> str:
        """An equality operator by its full name."""
        row = self.session.cache.operator(oid)
        schema = self.session.cache.one("pg_namespace", "oid", row.oprnamespace)
        return f"OPERATOR({quote_identifier(schema.nspname)}.{row.oprname})"

    def condition(self, side: str, first: int = 1) -> str:
        """``column = $n AND …``: the referenced columns, or the referencing ones."""
        parts = []
        for i, (mine, theirs, oid) in enumerate(
            zip(self.mine, self.theirs, self.row.conpfeqop), first
        ):
            op = self.operator(oid)
            if side == "referenced":
                parts.append(f"{_quoted(theirs.attname)} {op} ${i}")
            else:
                parts.append(f"${i} {op} {_quoted(mine.attname)}")
        return " AND ".join(parts)

    def is_equal(self, operators: Any, attributes: list[Any], old: Row, new: Row) -> bool:
        """Whether a key stayed the same."""
        for a in attributes:
            if old.datums[a.attnum - 1] != new.datums[a.attnum - 1]:
                break
        else:
            return True
        from pgtool.functions.opcache import opcache

        ops = opcache(self.session)
        for oid, a in zip(operators, attributes):
            one, two = old[a.attnum - 1], new[a.attnum - 1]
            if one is None or two is None:
                if one is not two:
                    return False
                continue
            function = self.session.cache.operator(oid).oprcode
            equal = ops.callable(function, (a.atttypid, a.atttypid), 16, a.attcollation)
            if not equal(one, two):
                return False
        return True


class References:
    """The foreign key triggers of one table."""

    def __init__(self, env: Any, shape: RowShape) -> None:
        self.env = env
        self.session = session = env.session
        self.shape = shape
        self.relation = shape.relation
        self.triggers: dict[int, list[_Trigger]] = {_INSERT: [], _DELETE: [], _UPDATE: []}
        replica = session.setting("session_replication_role") == "replica"
        rows = session.cache.lookup("pg_trigger", "tgrelid", self.relation.oid)
        for row in sorted(rows, key=lambda r: r.tgname):
            if not row.tgisinternal or row.tgenabled == "D":
                continue
            if row.tgenabled in ("O", "R") and (row.tgenabled == "R") != replica:
                continue
            prosrc = session.cache.proc(row.tgfoid).prosrc
            action = _ACTIONS.get(prosrc)
            if action is None:
                continue
            key = _Key(session, session.cache.one("pg_constraint", "oid", row.tgconstraint))
            for event, found in self.triggers.items():
                if row.tgtype & event:
                    found.append(_Trigger(action, event, key, bool(row.tgdeferrable),
                                          bool(row.tginitdeferred), bool(row.tgparentid)))

    def __bool__(self) -> bool:
        return any(self.triggers.values())

    # -- events ----

    def after(
        self, event: int, old: Row | None, new: Row | None, out: list[Event], *,
        checks: bool = True, clones: bool = True,
    ) -> None:  # fmt: skip
        """Queue what a written row asks for; without ``checks`` only what others refer to.

        Without ``clones`` only what is the table's own, not a part of its parent's.
        """
        for trigger in self.triggers[event]:
            if (not checks and trigger.action == "check") or (not clones and trigger.clone):
                continue
            made = self._event(trigger, old, new)
            if made is None:
                continue
            queue = queue_of(self.session)
            if queue.is_deferred(trigger.key.oid, trigger.deferrable, trigger.deferred):
                if made.run is not nothing or not queue.waits_on(made.relation):
                    queue.defer(made)
            elif made.run is not nothing:
                out.append(made)

    def _event(self, trigger: _Trigger, old: Row | None, new: Row | None) -> Event | None:
        key = trigger.key
        if trigger.action == "check":
            assert new is not None
            if old is not None and not self._check_needed(key, old, new):
                return None
            values = tuple(new.datums[a.attnum - 1] for a in key.mine)
            if all(v is None for v in values) or (key.match != _MATCH_FULL and None in values):
                if old is None and trigger.deferrable:
                    # Nothing to do, but the table is in use until that is found out.
                    return Event(key.oid, nothing, self.relation.oid)
                return None
            same = (key.oid, values) if all(type(v) is bytes for v in values) else None
            return Event(key.oid, lambda: self._check(key, new), self.relation.oid, same)
        assert old is not None
        if any(old.datums[a.attnum - 1] is None for a in key.theirs):
            return None
        if new is not None and key.is_equal(key.row.conppeqop, key.theirs, old, new):
            return None
        run: Callable[..., None] = getattr(self, f"_{trigger.action}")
        return Event(key.oid, lambda: run(trigger, old, new), self.relation.oid)

    def _check_needed(self, key: _Key, old: Row, new: Row) -> bool:
        """Whether an UPDATE of a referencing row has to look for the referenced one."""
        if key.is_equal(key.row.conffeqop, key.mine, old, new):
            # A row of this transaction may not have been checked yet.
            return self._own_row(old)
        return True

    def _own_row(self, row: Row) -> bool:
        """Whether a row as it was found was inserted by this transaction."""
        inserter = getattr(row, "xmin", None)
        return inserter is not None and bool(self.session.xact.is_mine(inserter))

    # -- the referencing side ----

    def _check(self, key: _Key, new: Row) -> None:
        if not self._still_there(new):
            return
        values = [new[a.attnum - 1] for a in key.mine]
        if None in values:
            if key.match == _MATCH_FULL:
                raise SqlError(
                    f'insert or update on table "{self.relation.relname}" violates foreign key '
                    f'constraint "{key.name}"', FOREIGN_KEY_VIOLATION,
                    "MATCH FULL does not allow mixing of null and nonnull key values.",
                )  # fmt: skip
            return
        text = (f"SELECT 1 FROM {key.table(key.referenced)} x WHERE "
                f"{key.condition('referenced')} FOR KEY SHARE OF x")  # fmt: skip
        if not self._rows(text, key.mine, values, key.referenced):
            raise SqlError(
                f'insert or update on table "{self.relation.relname}" violates foreign key '
                f'constraint "{key.name}"', FOREIGN_KEY_VIOLATION,
                f"Key {self._described(key.mine, new)}is not present in table "
                f'"{key.referenced.relname}".',
            )  # fmt: skip

    def _still_there(self, row: Row) -> bool:
        """Whether the row version that was written is still the newest one."""
        alive = getattr(row, "alive", None)
        return True if alive is None else bool(alive())

    def _described(self, attributes: list[Any], row: Row) -> str:
        """``(a, b)=(1, 2)`` and a space; nothing where the user may not see all of it."""
        shown = shown_columns(self.session, row.shape.relation.oid, given=False)
        if shown is not None and not shown.issuperset(a.attnum for a in attributes):
            return ""
        registry = self.env.registry
        names = ", ".join(a.attname for a in attributes)
        texts = []
        for a in attributes:
            datum = row.datums[a.attnum - 1]
            if datum is None:
                texts.append("null")
                continue
            if type(datum) is not bytes:
                datum = self.shape.fetch(datum)
            texts.append(registry.io_of(a.atttypid).output(datum))
        return f"({names})=({', '.join(texts)}) "

    def _rows(
        self, text: str, attributes: list[Any], values: list[Any], relation: Any
    ) -> int:
        """Run a statement with a key's values on a table; the rows that it gave or wrote."""
        types = [a.atttypid for a in attributes]
        try:
            return run_internal(self.session, text, types, values, relation.oid)
        except SqlError as error:
            error.position = None
            raise error.within(f'SQL statement "{text}"') from None

    # -- the referenced side ----

    def _noaction(self, trigger: _Trigger, old: Row, new: Row | None) -> None:
        self._refuse(trigger.key, old, again=True)

    def _restrict(self, trigger: _Trigger, old: Row, new: Row | None) -> None:
        self._refuse(trigger.key, old, again=False)

    def _refuse(self, key: _Key, old: Row, *, again: bool) -> None:
        """Raise if rows still refer to an old key; ``again``: unless it is there again."""
        values = [old[a.attnum - 1] for a in key.theirs]
        if again:
            text = f"SELECT 1 FROM {key.table(key.referenced)} x WHERE " + " AND ".join(
                f"{_quoted(a.attname)} {key.operator(oid)} ${i}"
                for i, (a, oid) in enumerate(zip(key.theirs, key.row.conppeqop), 1)
            ) + " FOR KEY SHARE OF x"  # fmt: skip
            if self._rows(text, key.theirs, values, key.referenced):
                return
        text = (f"SELECT 1 FROM {key.table(key.referencing)} x WHERE "
                f"{key.condition('referencing')} FOR KEY SHARE OF x")  # fmt: skip
        if not self._rows(text, key.theirs, values, key.referencing):
            return
        described = self._described(key.theirs, old)
        referenced, referencing = self.relation.relname, key.referencing.relname
        if again:
            raise SqlError(
                f'update or delete on table "{referenced}" violates foreign key constraint '
                f'"{key.name}" on table "{referencing}"', FOREIGN_KEY_VIOLATION,
                f'Key {described}is still referenced from table "{referencing}".',
            )  # fmt: skip
        raise SqlError(
            f'update or delete on table "{referenced}" violates RESTRICT setting of foreign key '
            f'constraint "{key.name}" on table "{referencing}"', RESTRICT_VIOLATION,
            f'Key {described}is referenced from table "{referencing}".',
        )  # fmt: skip

    def _cascade_delete(self, trigger: _Trigger, old: Row, new: Row | None) -> None:
        key = trigger.key
        values = [old[a.attnum - 1] for a in key.theirs]
        text = f"DELETE FROM {key.table(key.referencing)} WHERE {key.condition('referencing')}"
        self._rows(text, key.theirs, values, key.referencing)

    def _cascade_update(self, trigger: _Trigger, old: Row, new: Row | None) -> None:
        assert new is not None
        key = trigger.key
        count = len(key.mine)
        sets = ", ".join(
            f"{_quoted(a.attname)} = ${i}" for i, a in enumerate(key.mine, 1)
        )
        text = (f"UPDATE {key.table(key.referencing)} SET {sets} WHERE "
                f"{key.condition('referencing', count + 1)}")  # fmt: skip
        values = [new[a.attnum - 1] for a in key.theirs] + [
            old[a.attnum - 1] for a in key.theirs
        ]
        self._rows(text, [*key.theirs, *key.theirs], values, key.referencing)

    def _set(self, trigger: _Trigger, old: Row, word: str) -> None:
        key = trigger.key
        columns = key.mine
        if trigger.event == _DELETE and key.to_null:
            columns = key.to_null
        sets = ", ".join(f"{_quoted(a.attname)} = {word}" for a in columns)
        text = (f"UPDATE {key.table(key.referencing)} SET {sets} WHERE "
                f"{key.condition('referencing')}")  # fmt: skip
        values = [old[a.attnum - 1] for a in key.theirs]
        self._rows(text, key.theirs, values, key.referencing)

    def _setnull(self, trigger: _Trigger, old: Row, new: Row | None) -> None:
        self._set(trigger, old, "NULL")

    def _setdefault(self, trigger: _Trigger, old: Row, new: Row | None) -> None:
        self._set(trigger, old, "DEFAULT")
        # The default may be the key that went away.
        self._refuse(trigger.key, old, again=True)
