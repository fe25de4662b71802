"""One random statement after the other, over what a server has at the moment.

See :mod:`tests.differential.writes`. Most statements mean something, some name what is not there
or give a wrong value.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.differential.write_pools import CHECKS, DEFAULTS, OPTIONS, STORAGE, VALUES, WRONG

__all__ = ["Writer"]

_RELATIONS = """
select c.oid::regclass::text, c.relkind::text, c.relispartition,
  (select p.partstrat from pg_partitioned_table p where p.partrelid = c.oid)::text
from pg_class c where relnamespace in ('public'::regnamespace, 's1'::regnamespace)
  and relkind in ('r', 'p', 'v', 'S', 'i', 'm') order by 1
"""
_COLUMNS = """
select a.attrelid::regclass::text, a.attname::text, format_type(a.atttypid, a.atttypmod),
  a.attgenerated::text || a.attidentity::text
from pg_attribute a join pg_class c on c.oid = a.attrelid
where c.relnamespace in ('public'::regnamespace, 's1'::regnamespace) and a.attnum > 0
  and not attisdropped and relkind in ('r', 'p', 'v', 'm') order by 1, attnum
"""
_CONSTRAINTS = """
select conrelid::regclass::text, conname::text, contype::text from pg_constraint
where conrelid <> 0 and connamespace in ('public'::regnamespace, 's1'::regnamespace)
order by 1, 2
"""


@dataclass
class Table:
    """A relation as the generator sees it."""

    name: str
    kind: str
    partition: bool
    strategy: str | None
    columns: list[tuple[str, str, str]] = field(default_factory=list)
    constraints: list[tuple[str, str]] = field(default_factory=list)


class Writer:
    """A seeded stream of statements over what the server has."""

    def __init__(self, connection: Any, seed: int) -> None:
        self.libpq = connection.pgconn
        self.random = random.Random(seed)
        self.tables: dict[str, Table] = {}
        self.names = 0
        self.look()

    def look(self) -> None:
        """Ask the server again what there is (not inside of a failed transaction)."""
        if self.libpq.transaction_status == psycopg.pq.TransactionStatus.INERROR:
            return
        self.tables = {
            name: Table(name, kind, partition == "t", strategy)
            for name, kind, partition, strategy in self._rows(_RELATIONS)
        }
        for name, column, typ, special in self._rows(_COLUMNS):
            self.tables[name].columns.append((column, typ, special))
        for name, constraint, kind in self._rows(_CONSTRAINTS):
            if name in self.tables:
                self.tables[name].constraints.append((constraint, kind))

    def _rows(self, query: str) -> list[list[Any]]:
        result = self.libpq.exec_(query.encode())
        return [
            [
                None if (v := result.get_value(r, c)) is None else v.decode()
                for c in range(result.nfields)
            ]
            for r in range(result.ntuples)
        ]

    # Parts.

    def new(self, prefix: str) -> str:
        """A name that is not taken; now and then one that may be."""
        if self.names and self.random.random() < 0.04:
            return f"{prefix}{self.random.randint(1, self.names)}"
        self.names += 1
        return f"{prefix}{self.names}"

    def some(self, kinds: str = "rp") -> Table:
        """An existing relation, rarely one that is of another kind or missing."""
        fit = [t for t in self.tables.values() if t.kind in kinds]
        if self.random.random() < 0.015:
            fit = list(self.tables.values())
        if not fit or self.random.random() < 0.01:
            return Table("missing", "r", False, None, [("a", "integer", "")])
        return self.random.choice(fit)

    def value(self, typ: str) -> str:
        """A literal for a type; sometimes a wrong one."""
        base = typ.split("(", 1)[0]
        roll = self.random.random()
        if roll < 0.02:
            return self.random.choice(WRONG)
        if roll < 0.08:
            return "NULL"
        return self.random.choice(VALUES.get(base, VALUES["text"]))

    def column(self, table: Table, typ: str = "") -> str:
        """A column's name, of a type that begins so where there is one."""
        fit = [c for c in table.columns if c[1].startswith(typ)] or table.columns
        if not fit or self.random.random() < 0.01:
            return "nope"
        return self.random.choice(fit)[0]

    def where(self, table: Table) -> str:
        """A condition on a table."""
        if not table.columns or self.random.random() < 0.1:
            return ""
        name, typ, _ = self.random.choice(table.columns)
        form = self.random.choice(
            [
                "{c} = {v}",
                "{c} <> {v}",
                "{c} is null",
                "{c} is not null",
                "{c} in ({v}, {w})",
                "{c} = {v}",
                "{c} > {v}",
                "not ({c} < {v})",
                "{c} is distinct from {v}",
            ]
        )
        made = form.format(c=name, v=self.value(typ), w=self.value(typ))
        return f" where {made}"

    def returning(self, table: Table) -> str:
        roll = self.random.random()
        if roll < 0.6 or not table.columns:
            return ""
        if roll < 0.8:
            return " returning *"
        return f" returning {self.column(table)}, {self.column(table)} as other"

    def definition(self, *, keyed: bool = True) -> str:
        """One column's definition."""
        rand = self.random
        typ = rand.choice(list(DEFAULTS))
        parts = [self.new("c"), typ]
        if rand.random() < 0.25:
            parts.append(f"default {rand.choice(DEFAULTS[typ])}")
        if rand.random() < 0.12:
            parts.append("not null")
        if keyed and rand.random() < 0.08:
            parts.append(rand.choice(["unique", "primary key", "unique nulls not distinct"]))
        if rand.random() < 0.08:
            parts.append(f"check ({parts[0]} {rand.choice(CHECKS)})")
        if typ == "text" and rand.random() < 0.2:
            parts.insert(2, rand.choice(STORAGE))
        return " ".join(parts)

    # Statements.

    def insert(self) -> str:
        rand, table = self.random, self.some("rp")
        columns = [c for c in table.columns if rand.random() < 0.85] or table.columns
        if rand.random() < 0.9:
            columns = [c for c in columns if "s" not in c[2][:1] and c[2] != "v" and c[2] != "a"]
        if not columns:
            return f"insert into {table.name} default values{self.returning(table)}"
        if rand.random() < 0.15:
            source = self.some("rpvm")
            picked = ", ".join(
                self.column(source, typ) if rand.random() < 0.6 else self.value(typ)
                for _, typ, _ in columns
            )
            what = f"select {picked} from {source.name}{self.where(source)}"
            if source.columns:
                what += f" order by {', '.join(c[0] for c in source.columns)} limit 20"
        else:
            rows = [
                ", ".join(
                    "default" if rand.random() < 0.05 else self.value(t) for _, t, _ in columns
                )
                for _ in range(rand.choice([1, 1, 2, 3, 8]))
            ]
            what = "values " + ", ".join(f"({row})" for row in rows)
        names = ", ".join(c[0] for c in columns)
        over = rand.choice(["", "", "", " overriding system value", " overriding user value"])
        identity = any("d" in c[2] for c in columns)
        return (
            f"insert into {table.name} ({names}){over if identity else ''}"
            f" {what}{self.conflict(table)}{self.returning(table)}"
        )

    def conflict(self, table: Table) -> str:
        if self.random.random() < 0.75:
            return ""
        if self.random.random() < 0.4:
            return " on conflict do nothing"
        keys = [n for n, kind in table.constraints if kind in "pu"]
        target = (
            f"on constraint {self.random.choice(keys)}"
            if keys and self.random.random() < 0.6
            else f"({self.column(table)})"
        )
        if self.random.random() < 0.3 or not table.columns:
            return f" on conflict {target} do nothing"
        name, typ, _ = self.random.choice(table.columns)
        value = self.random.choice([f"excluded.{name}", self.value(typ), "default"])
        return f" on conflict {target} do update set {name} = {value}"

    def update(self) -> str:
        table = self.some("rp")
        if not table.columns:
            return f"update {table.name} set a = 1"
        sets = []
        for name, typ, _ in self.random.sample(
            table.columns, min(len(table.columns), self.random.choice([1, 1, 2]))
        ):
            new = self.random.choice(
                [self.value(typ), self.value(typ), "default", self.column(table, typ)]
            )
            sets.append(f"{name} = {new}")
        return (
            f"update {table.name} set {', '.join(sets)}{self.where(table)}{self.returning(table)}"
        )

    def update_from(self) -> str:
        table, other = self.some("rp"), self.some("rpvm")
        if not table.columns or not other.columns or table is other:
            return self.update()
        name, typ, _ = self.random.choice(table.columns)
        key, key_type, _ = self.random.choice(table.columns)
        return (
            f"update {table.name} t set {name} = {self.value(typ)} from (select distinct "
            f"{self.column(other, key_type)} as k from {other.name}) o where o.k = t.{key}"
        )

    def delete(self) -> str:
        table = self.some("rp")
        return f"delete from {table.name}{self.where(table)}{self.returning(table)}"

    def delete_using(self) -> str:
        table, other = self.some("rp"), self.some("rpvm")
        if not table.columns or not other.columns:
            return self.delete()
        key, typ, _ = self.random.choice(table.columns)
        return (
            f"delete from {table.name} t using {other.name} o "
            f"where o.{self.column(other, typ)} = t.{key}"
        )

    def select(self) -> str:
        table = self.some("rpvm")
        if not table.columns:
            return f"select count(*) from {table.name}"
        return (
            f"select * from {table.name}{self.where(table)} "
            f"order by {', '.join(str(i + 1) for i in range(len(table.columns)))} limit 30"
        )

    def truncate(self) -> str:
        tail = self.random.choice(
            ["", " cascade", " restart identity", " restart identity cascade"]
        )
        names = {self.some("rp").name for _ in range(self.random.choice([1, 1, 2]))}
        only = self.random.choice(["", "", "", "only "])
        return f"truncate {only}{', '.join(sorted(names))}{tail}"

    def create_table(self) -> str:
        rand, name = self.random, self.new("t")
        if rand.random() < 0.1:
            name = f"s1.{name}"
        parts = [self.definition() for _ in range(rand.randint(1, 6))]
        first = parts[0].split()[0]
        if rand.random() < 0.5:
            parts.insert(
                0,
                rand.choice(
                    [
                        "id serial primary key",
                        "id int generated always as identity primary key",
                        "id int primary key",
                        "id bigint generated by default as identity",
                        "id int unique deferrable initially deferred",
                        "id bigserial",
                    ]
                ),
            )
        if rand.random() < 0.1:
            parts.append(
                f"gen text generated always as ({first}::text || 'x') "
                f"{rand.choice(['stored', 'virtual'])}"
            )
        if rand.random() < 0.1:
            what = rand.choice(["", " including all", " including defaults", " including indexes"])
            parts.append(f"like {self.some('rpv').name}{what}")
        if rand.random() < 0.15:
            parts.append(self.foreign_key())
        if rand.random() < 0.1:
            parts.append(
                f"constraint {self.new('k')} check ({first} is not null or {first} is null)"
            )
        tail = ""
        if rand.random() < 0.08:
            tail = f" inherits ({self.some('r').name})"
        elif rand.random() < 0.15:
            tail = f" partition by {rand.choice(['range', 'list', 'hash'])} ({parts[0].split()[0]})"
        if rand.random() < 0.1:
            tail += f" with ({rand.choice(OPTIONS)})"
        kind = rand.choice(["", "", "", "", "", "unlogged "])
        maybe = rand.choice(["", "", "", "if not exists "])
        return f"create {kind}table {maybe}{name} ({', '.join(parts)}){tail}"

    def foreign_key(self) -> str:
        other = self.some("rp")
        action = self.random.choice(
            [
                "",
                "on delete cascade",
                "on delete set null",
                "on update cascade on delete restrict",
                "on delete set default",
                "deferrable initially deferred",
                "match full",
            ]
        )
        own = self.new("f")
        return f"{own} int references {other.name} {action}"

    def create_partition(self) -> str:
        parents = [t for t in self.tables.values() if t.kind == "p"]
        if not parents:
            return self.create_table()
        parent = self.random.choice(parents)
        rand = self.random
        name, typ, _ = parent.columns[0] if parent.columns else ("a", "integer", "")
        bound = {
            "r": f"for values from ({self.value(typ)}) to ({self.value(typ)})",
            "l": f"for values in ({self.value(typ)}, {self.value(typ)})",
            "h": f"for values with (modulus {rand.randint(2, 4)}, remainder {rand.randint(0, 3)})",
        }[parent.strategy or "r"]
        if rand.random() < 0.3:
            bound = "default"
        sub = rand.choice(["", "", "", "", f" partition by list ({name})"])
        return f"create table {self.new('p')} partition of {parent.name} {bound}{sub}"

    def create_as(self) -> str:
        source = self.some("rpvm")
        kind = self.random.choice(["table", "table", "materialized view", "view"])
        head = f"create {kind} {self.new('v')} as select "
        picked = [self.column(source) for _ in range(self.random.randint(1, 3))]
        if self.random.random() < 0.5 or not picked:
            return f"{head}* from {source.name}{self.where(source)}"
        if self.random.random() < 0.3:
            return f"{head}count(*) as n, {picked[0]} from {source.name} group by {picked[0]}"
        named = ", ".join(f"{c} as x{i}" for i, c in enumerate(picked))
        return f"{head}{named} from {source.name}{self.where(source)}"

    def create_index(self) -> str:
        table, rand = self.some("rpm"), self.random
        keys = []
        for _ in range(rand.choice([1, 1, 2, 3])):
            name = self.column(table)
            keys.append(
                rand.choice(
                    [
                        name,
                        name,
                        f"{name} desc",
                        f"{name} nulls first",
                        f"({name}::text)",
                        f"({name} is null)",
                        f"lower({name}::text)",
                    ]
                )
            )
        unique = rand.choice(["", "", "", "unique "])
        tail = f" include ({self.column(table)})" if rand.random() < 0.1 else ""
        if rand.random() < 0.1:
            tail += rand.choice(
                [" with (fillfactor = 60)", " with (deduplicate_items = off)", " with (nope)"]
            )
        if rand.random() < 0.2:
            tail += self.where(table)
        name = "" if rand.random() < 0.3 else self.new("i") + " "
        return f"create {unique}index {name}on {table.name} ({', '.join(keys)}){tail}"

    def alter_table(self) -> str:
        table = self.some("rp")
        actions = [self._action(table) for _ in range(self.random.choice([1, 1, 1, 2, 3]))]
        only = "only " if self.random.random() < 0.05 else ""
        return f"alter table {only}{table.name} {', '.join(actions)}"

    def _action(self, table: Table) -> str:
        rand = self.random
        name, typ, _ = rand.choice(table.columns or [("a", "integer", "")])
        constraint = rand.choice(table.constraints)[0] if table.constraints else "none"
        to = rand.choice(list(DEFAULTS))
        return rand.choice(
            [
                f"add column {self.definition()}",
                f"add column {self.definition()}",
                f"add column if not exists {self.definition(keyed=False)}",
                f"drop column {name}",
                f"drop column {name} cascade",
                "drop column if exists zzz",
                f"alter {name} set default {self.value(typ)}",
                f"alter {name} drop default",
                f"alter {name} set not null",
                f"alter {name} drop not null",
                f"alter {name} type {to}",
                f"alter {name} type text",
                f"alter {name} type {to} using null",
                f"alter {name} type varchar(6) using left({name}::text, 6)",
                f"alter {name} set statistics {rand.choice([-1, 0, 50, 20000])}",
                f"alter {name} set {rand.choice(STORAGE[:2])}",
                f"alter {name} set storage plain",
                f"alter {name} add generated by default as identity",
                f"alter {name} drop identity if exists",
                f"alter {name} drop expression",
                f"alter {name} restart with 50",
                f"add constraint {self.new('k')} check ({name} {rand.choice(CHECKS)})",
                f"add check ({name} {rand.choice(CHECKS)}) not valid",
                f"add constraint {self.new('k')} unique ({name})",
                f"add primary key ({name})",
                f"add constraint {self.new('k')} not null {name}",
                f"add foreign key ({name}) references {self.some('rp').name}",
                f"add foreign key ({name}) references {self.some('rp').name} not valid",
                f"drop constraint {constraint}",
                f"drop constraint {constraint} cascade",
                f"validate constraint {constraint}",
                f"alter constraint {constraint} deferrable",
                f"set (fillfactor = {rand.choice([40, 90, 5])})",
                "reset (fillfactor)",
                f"owner to {rand.choice(['r1', 'r2', 'nobody_there'])}",
                f"cluster on {self.some('i').name}",
                "set without cluster",
                f"replica identity {rand.choice(['full', 'nothing', 'default'])}",
                f"inherit {self.some('r').name}",
                f"no inherit {self.some('r').name}",
            ]
        )

    def attach(self) -> str:
        parents = [t for t in self.tables.values() if t.kind == "p"]
        if not parents:
            return self.alter_table()
        parent, child = self.random.choice(parents), self.some("rp")
        if self.random.random() < 0.5:
            children = [t for t in self.tables.values() if t.partition] or [child]
            return f"alter table {parent.name} detach partition {self.random.choice(children).name}"
        return f"alter table {parent.name} attach partition {child.name} default"

    def rename(self) -> str:
        table = self.some("rpvmi")
        kind = {"v": "view", "m": "materialized view", "i": "index"}.get(table.kind, "table")
        forms = [f"alter {kind} {table.name} rename to {self.new('n')}"]
        if table.columns:
            forms.append(
                f"alter {kind} {table.name} rename column {self.column(table)} to {self.new('c')}"
            )
        if table.constraints:
            forms.append(
                f"alter table {table.name} rename constraint "
                f"{self.random.choice(table.constraints)[0]} to {self.new('k')}"
            )
        forms.append(f"alter {kind} {table.name} set schema {self.random.choice(['s1', 'public'])}")
        return self.random.choice(forms)

    def drop(self) -> str:
        table = self.some("rpvmiS")
        kind = {"v": "view", "m": "materialized view", "i": "index", "S": "sequence"}.get(
            table.kind, "table"
        )
        if len(self.tables) < 25 and self.random.random() < 0.6:
            kind = "index" if table.kind != "i" else "table"
        tail = self.random.choice(["", "", " cascade", " restrict"])
        maybe = self.random.choice(["", "", "if exists "])
        return f"drop {kind} {maybe}{table.name}{tail}"

    def sequence(self) -> str:
        rand = self.random
        one, new, step = self.some("S"), self.new("q"), rand.choice([1, 2, -1, 0])
        return rand.choice(
            [
                f"create sequence {new} start {rand.choice([1, 5, -3])} increment {step}",
                f"create sequence {new} as smallint maxvalue {rand.choice([10, 40000])} cycle",
                f"select nextval('{one.name}')",
                f"select nextval('{one.name}')",
                f"select setval('{one.name}', {rand.choice([1, 7, 40])})",
                f"select currval('{one.name}')",
                f"select * from {one.name}",
                f"alter sequence {one.name} restart",
                f"alter sequence {one.name} increment {step} cache {rand.choice([1, 4])}",
                f"alter sequence {one.name} owned by none",
                "select lastval()",
            ]
        )

    def types(self) -> str:
        rand = self.random
        base = rand.choice(list(DEFAULTS))
        maybe = rand.choice(["", "if not exists "])
        place = rand.choice(["", "before 'ok'", "after 'sad'"])
        return rand.choice(
            [
                f"create type {self.new('e')} as enum ('a', 'b')",
                f"create type {self.new('y')} as (a int, b text)",
                f"create domain {self.new('d')} as {base} check (value {rand.choice(CHECKS)})",
                f"alter type mood add value {maybe}'m{rand.randint(1, 9)}' {place}",
                "alter type mood rename value 'happy' to 'glad'",
                f"alter type pair add attribute {self.new('z')} int",
                "alter domain posint add constraint big check (value < 1000)",
                "alter domain posint drop constraint big",
                "alter domain word drop not null",
                "alter domain word set default 'other'",
                "drop type mood",
                f"drop domain if exists d{rand.randint(1, max(1, self.names))}",
                "alter domain word set not null",
            ]
        )

    def comment(self) -> str:
        table = self.some("rpvi")
        kind = {"v": "view", "i": "index"}.get(table.kind, "table")
        text = self.random.choice(["'a note'", "null", "''"])
        if table.columns and self.random.random() < 0.5:
            return f"comment on column {table.name}.{self.column(table)} is {text}"
        return f"comment on {kind} {table.name} is {text}"

    def grant(self) -> str:
        table, rand = self.some("rpvS"), self.random
        right = rand.choice(
            ["select", "insert, update", "all", "usage", f"select ({self.column(table)})"]
        )
        kind = "sequence " if table.kind == "S" else ""
        if rand.random() < 0.6:
            to = rand.choice(["r1", "public", "r2 with grant option"])
            return f"grant {right} on {kind}{table.name} to {to}"
        whom = rand.choice(["r1", "public", "r2 cascade"])
        return f"revoke {right} on {kind}{table.name} from {whom}"

    def maintain(self) -> str:
        table = self.some("rpm")
        pair = f"{self.column(table)}, {self.column(table)}"
        return self.random.choice(
            [
                f"analyze {table.name}",
                f"reindex table {table.name}",
                f"refresh materialized view {self.some('m').name}",
                f"analyze {table.name} ({self.column(table)})",
                f"reindex index {self.some('i').name}",
                f"cluster {table.name}",
                "discard plans",
                "set constraints all immediate",
                "set constraints all deferred",
                f"create statistics {self.new('x')} on {pair} from {table.name}",
                f"vacuum {table.name}",
                f"lock table {table.name} in share mode",
            ]
        )

    def schema(self) -> str:
        return self.random.choice(
            [
                f"create schema {self.new('s')}",
                f"drop schema if exists s{self.random.randint(2, self.names + 2)}",
                "create schema if not exists s1",
                f"create schema authorization {self.random.choice(['r1', 'r2'])}",
            ]
        )

    def control(self) -> str:
        """The next step of a transaction."""
        status, rand = self.libpq.transaction_status, self.random
        if status == psycopg.pq.TransactionStatus.IDLE:
            return rand.choice(
                ["begin", "begin isolation level repeatable read", "start transaction", "commit"]
            )
        return rand.choice(
            [
                "commit",
                "commit",
                "rollback",
                "savepoint a",
                "savepoint b",
                "rollback to a",
                "release a",
                "rollback to b",
                "commit and chain",
                "abort",
            ]
        )

    def statement(self) -> tuple[str, str]:
        """(kind, statement)."""
        status = self.libpq.transaction_status
        broken = status == psycopg.pq.TransactionStatus.INERROR
        if broken and self.random.random() < 0.7:
            return "control", self.random.choice(
                ["rollback", "rollback to a", "commit", "rollback"]
            )
        if len(self.tables) < 8:
            return "create_table", self.create_table()
        kind = self.random.choices(list(KINDS), list(KINDS.values()))[0]
        make: Callable[[], str] = getattr(self, kind)
        return kind, make()


#: Kind of statement → its share.
KINDS = {
    "insert": 30,
    "update": 15,
    "update_from": 3,
    "delete": 8,
    "delete_using": 2,
    "select": 10,
    "truncate": 1,
    "create_table": 6,
    "create_partition": 5,
    "create_as": 3,
    "create_index": 6,
    "alter_table": 20,
    "attach": 2,
    "rename": 3,
    "drop": 4,
    "sequence": 4,
    "types": 4,
    "comment": 2,
    "grant": 2,
    "maintain": 4,
    "schema": 1,
    "control": 14,
}
