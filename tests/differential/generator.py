"""SELECTs at random over the schema of ``queries/schema.sql``: seeded, typed, with full orders.

Expressions are built by type, so that most statements are valid; a few are not, and then the
SQLSTATE counts. LIMIT comes only with an ORDER BY that settles the order.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

__all__ = ["generate"]

#: Table → columns by type.
TABLES: dict[str, dict[str, list[str]]] = {
    "dept": {"int": ["id", "boss"], "text": ["name", "city"], "num": ["budget"]},
    "emp": {"int": ["id", "dept", "manager", "small"], "text": ["name"], "num": ["salary"],
            "date": ["hired"], "bool": ["active"], "float": ["rate"], "big": ["big"]},
    "orders": {"int": ["id", "customer"], "text": ["note", "status"], "num": ["total"],
               "ts": ["shipped"]},
    "lines": {"int": ["ord", "no", "qty"], "text": ["item"], "num": ["price"]},
    "dup": {"int": ["a"], "text": ["b"]},
    "tree": {"int": ["id", "parent"], "text": ["label"]},
    "part": {"int": ["id"], "text": ["region"], "date": ["day"], "num": ["amount"]},
    "animal": {"int": ["id"], "text": ["name"]},
    "hpart": {"int": ["id"], "text": ["v"]},
    "empty": {"int": ["a", "c"], "text": ["b"]},
    "rich": {"int": ["id"], "text": ["name", "dept"], "num": ["salary"]},
    "per_dept": {"int": ["dept"], "big": ["n"], "num": ["mean"]},
}
SMALL = ("dept", "dup", "tree", "animal", "hpart", "empty", "per_dept", "part")
KINDS = ("int", "text", "num", "date", "bool", "float", "ts", "big")
LITERALS = {
    "int": ["0", "1", "2", "3", "7", "12", "50", "-1", "NULL::int"],
    "text": ["'dept 3'", "'Oslo'", "'b1'", "''", "'x'", "'emp1'", "'north'", "NULL::text"],
    "num": ["0.5", "100.25", "1234.56", "3000", "-1.0", "NULL::numeric"],
    "date": ["date '2020-02-29'", "date '2023-07-01'", "date '1999-12-31'"],
    "bool": ["true", "false", "NULL::bool"], "float": ["0.5::float8", "2.25::float8"],
    "ts": ["timestamp '2024-02-01 12:00'", "timestamp '2024-03-15'"],
    "big": ["5::bigint", "20000000000"],
}
UNARY = {
    "int": ["abs({int})", "({int} % 7)", "length({text})", "coalesce({int}, 0)", "({int} + {int})",
            "({int} - {int})", "({int} * 3)", "extract(year FROM {date})::int",
            "({date} - {date})", "greatest({int}, {int})", "nullif({int}, 3)", "({num})::int",
            "strpos({text}, 'e')", "CASE WHEN {bool} THEN {int} ELSE {int} END"],
    "text": ["upper({text})", "lower({text})", "({text} || {text})", "substr({text}, 2, 3)",
             "coalesce({text}, 'none')", "({int})::text", "left({text}, 3)", "reverse({text})",
             "replace({text}, 'e', 'E')", "concat({text}, {int})", "rpad({text}, 6, '*')",
             "to_char({date}, 'YYYY-MM')", "CASE WHEN {bool} THEN {text} END",
             "split_part({text}, ' ', 2)", "initcap({text})", "({num})::text"],
    "num": ["round({num}, 1)", "({num} + {num})", "({num} * 2)", "({num} / 4)", "abs({num})",
            "trunc({num})", "({int})::numeric", "coalesce({num}, 0)", "floor({num})",
            "({num} % 10)", "({num} - {int})", "sign({num})", "ceil({num})"],
    "date": ["({date} + {int} % 100)", "least({date}, {date})", "make_date(2024, 2, 3)",
             "date_trunc('month', {date})::date", "({ts})::date"],
    "bool": ["({int} < {int})", "({int} = {int})", "({text} = {text})", "({num} >= {num})",
             "({date} <= {date})", "({text} LIKE '%e%')", "({bool} AND {bool})",
             "({bool} OR {bool})", "(NOT {bool})", "({int} IS NULL)", "({text} IS NOT NULL)",
             "({int} IN (1, 2, 5, 8))", "({int} BETWEEN 2 AND 9)", "({text} ~ '[aeiou]\\d?$')",
             "({int} IS DISTINCT FROM {int})", "({text} > {text})", "({bool} IS TRUE)",
             "({int} = ANY (ARRAY[1, 4, NULL]))", "({text} ILIKE 'B%')", "({ts} > {ts})",
             "({float} <> {float})", "({int} <> ALL (ARRAY[2, 3]))", "({big} > {int})"],
    "float": ["({float} * 2)", "({int})::float8", "sqrt(abs({float}))", "({float} + {int})"],
    "ts": ["({ts} + interval '1 day')", "date_trunc('day', {ts})", "({date})::timestamp",
           "least({ts}, {ts})"],
    "big": ["({big} + {int})", "({int})::bigint", "({big} / 7)", "abs({big})"],
}  # fmt: skip
AGGREGATES = [
    "count(*)", "count({int})", "sum({int})", "min({int})", "max({num})", "avg({num})",
    "sum({num})", "min({text})", "max({text})", "count(DISTINCT {int})", "count(DISTINCT {text})",
    "bool_and({bool})", "bool_or({bool})", "min({date})", "max({ts})", "sum({big})",
    "count(*) FILTER (WHERE {bool})", "sum({int}) FILTER (WHERE {bool})", "avg({int})",
    "max({int})", "stddev({int})", "string_agg(DISTINCT {text}, ',')",
    "array_agg(DISTINCT {int})",
]
WINDOWS = [
    "row_number()", "rank()", "dense_rank()", "sum({int})", "count(*)", "min({num})",
    "max({text})", "first_value({int})", "avg({int})",
]
JOINS = ["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]


class Scope:
    """The tables of one level: alias → table."""

    def __init__(self, outer: Scope | None = None) -> None:
        self.tables: list[tuple[str, str]] = []
        self.outer = outer

    def columns(self, kind: str) -> list[str]:
        found = [
            f"{alias}.{column}" for alias, table in self.tables
            for column in TABLES[table].get(kind, ())
        ]  # fmt: skip
        if self.outer is not None and len(found) < 3:
            found += self.outer.columns(kind)
        return found


class Generator:
    """One stream of statements."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.aliases = 0

    def expr(self, kind: str, scope: Scope, depth: int = 2) -> str:
        pick = self.random
        columns = scope.columns(kind)
        roll = pick.random()
        if depth == 0 or roll < 0.4:
            return pick.choice(columns) if columns and roll < 0.36 else self.literal(kind, columns)
        text = pick.choice(UNARY[kind])
        return self.fill(text, scope, depth - 1)

    def literal(self, kind: str, columns: list[str]) -> str:
        pick = self.random
        if columns and pick.random() < 0.7:
            return pick.choice(columns)
        return pick.choice(LITERALS[kind])

    def fill(self, text: str, scope: Scope, depth: int) -> str:
        for kind in KINDS:
            mark = "{" + kind + "}"
            while mark in text:
                text = text.replace(mark, self.expr(kind, scope, depth), 1)
        return text

    def alias(self) -> str:
        self.aliases += 1
        return f"t{self.aliases}"

    def source(self, scope: Scope, most: int = 3) -> str:
        """FROM: one to three tables, every join with an equality."""
        pick = self.random
        first = self.alias()
        table = pick.choice(list(TABLES))
        scope.tables.append((first, table))
        text = f"{table} {first}"
        for _ in range(pick.choice([0, 0, 1, 1, 2]) if most > 1 else 0):
            alias, table = self.alias(), pick.choice(SMALL)
            left = pick.choice(scope.columns("int") or ["1"])
            scope.tables.append((alias, table))
            right = f"{alias}.{pick.choice(TABLES[table]['int'])}"
            join = pick.choice(JOINS)
            more = "" if join == "FULL JOIN" or pick.random() < 0.7 else (
                " AND " + self.expr("bool", scope, 1))  # fmt: skip
            text += f" {join} {table} {alias} ON {left} = {right}{more}"
        return text

    def condition(self, scope: Scope, deep: bool = True) -> str:
        pick = self.random
        roll = pick.random()
        if roll < 0.25:
            return ""
        if deep and roll < 0.5:
            return " WHERE " + self.subquery(scope)
        return " WHERE " + self.expr("bool", scope, 3)

    def subquery(self, scope: Scope) -> str:
        """A condition with a subquery, correlated more often than not."""
        pick = self.random
        inner = Scope(scope)
        table, alias = pick.choice(SMALL), self.alias()
        inner.tables.append((alias, table))
        column = f"{alias}.{TABLES[table]['int'][0]}"
        outer = pick.choice(scope.columns("int") or ["1"])
        form = pick.choice([
            "EXISTS (SELECT 1 FROM {t} {a} WHERE {c} = {o} AND {w})",
            "NOT EXISTS (SELECT 1 FROM {t} {a} WHERE {c} = {o} AND {w})",
            "{o} IN (SELECT {c} FROM {t} {a} WHERE {w})",
            "{o} NOT IN (SELECT {c} FROM {t} {a} WHERE {c} IS NOT NULL AND {w})",
            "{o} > (SELECT avg({c}) FROM {t} {a} WHERE {w})",
            "{o} >= ALL (SELECT {c} FROM {t} {a} WHERE {c} < 3)",
            "{o} < ANY (SELECT {c} FROM {t} {a} WHERE {w})",
            "(SELECT count(*) FROM {t} {a} WHERE {c} = {o}) > 1",
        ])  # fmt: skip
        where = self.expr("bool", inner, 1)
        return form.format(t=table, a=alias, c=column, o=outer, w=where)

    def kinds(self, scope: Scope, count: int) -> list[str]:
        have = [kind for kind in KINDS if scope.columns(kind)]
        return [self.random.choice(have) for _ in range(count)]

    # -- forms ---------------------------------------------------------------------

    def plain(self) -> str:
        scope = Scope()
        pick = self.random
        source = self.source(scope)
        kinds = self.kinds(scope, pick.randint(1, 4))
        items = [self.expr(kind, scope) for kind in kinds]
        distinct = pick.choice(["", "", "", "DISTINCT "])
        text = f"SELECT {distinct}{', '.join(items)} FROM {source}{self.condition(scope)}"
        if pick.random() < 0.5:
            order = ", ".join(
                f"{i}{pick.choice(['', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST'])}"
                for i in range(1, len(items) + 1)
            )
            text += f" ORDER BY {order}"
            if pick.random() < 0.5:
                text += f" LIMIT {pick.randint(0, 20)}"
                if pick.random() < 0.4:
                    text += f" OFFSET {pick.randint(0, 9)}"
        return text

    def grouped(self) -> str:
        scope = Scope()
        pick = self.random
        source = self.source(scope)
        keys = [self.expr(kind, scope, 1) for kind in self.kinds(scope, pick.randint(0, 2))]
        keys = [key for key in keys if scope_column(key)]
        aggregates = [self.fill(pick.choice(AGGREGATES), scope, 1)
                      for _ in range(pick.randint(1, 3))]  # fmt: skip
        text = f"SELECT {', '.join(keys + aggregates)} FROM {source}{self.condition(scope)}"
        if keys:
            numbers = ", ".join(map(str, range(1, len(keys) + 1)))
            text += f" GROUP BY {numbers}"
            if pick.random() < 0.3:
                text += f" HAVING count(*) > {pick.randint(0, 5)}"
            if pick.random() < 0.6:
                text += f" ORDER BY {numbers}"
        return text

    def windowed(self) -> str:
        scope = Scope()
        pick = self.random
        alias, table = self.alias(), pick.choice(["emp", "dept", "orders", "tree", "part"])
        scope.tables.append((alias, table))
        call = self.fill(pick.choice(WINDOWS), scope, 0)
        part = self.expr(pick.choice(["int", "text"]), scope, 0)
        frame = pick.choice(["", "", " ROWS 2 PRECEDING", " ROWS BETWEEN 1 PRECEDING AND 1 "
                             "FOLLOWING", " RANGE UNBOUNDED PRECEDING",
                             " GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW",
                             " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"])
        partition = f"PARTITION BY {part} " if pick.random() < 0.6 else ""
        over = f"OVER ({partition}ORDER BY {alias}.id{frame})"
        return (f"SELECT {alias}.id, {call} {over} FROM {table} {alias}"
                f"{self.condition(scope, deep=False)} ORDER BY {alias}.id")  # fmt: skip

    def union(self) -> str:
        pick = self.random
        kinds = [pick.choice(["int", "text", "num"]) for _ in range(pick.randint(1, 2))]
        arms = []
        for _ in range(pick.randint(2, 3)):
            scope = Scope()
            source = self.source(scope, 1)
            items = ", ".join(self.expr(kind, scope, 1) for kind in kinds)
            arms.append(f"SELECT {items} FROM {source}{self.condition(scope, deep=False)}")
        text = arms[0]
        for arm in arms[1:]:
            verb = pick.choice(["UNION", "UNION ALL", "INTERSECT", "EXCEPT", "EXCEPT ALL",
                                "INTERSECT ALL"])  # fmt: skip
            text += f" {verb} {arm}"
        order = ", ".join(str(i) for i in range(1, len(kinds) + 1))
        return text + (f" ORDER BY {order}" if pick.random() < 0.5 else "")

    def derived(self) -> str:
        """A subquery in FROM or WITH, filtered and grouped outside."""
        pick = self.random
        scope = Scope()
        source = self.source(scope, 2)
        inner = (f"SELECT {self.expr('int', scope, 1)} AS k, {self.expr('num', scope, 1)} AS v "
                 f"FROM {source}{self.condition(scope, deep=False)}")  # fmt: skip
        outer = pick.choice([
            "SELECT k, count(*), sum(v) FROM {s} GROUP BY k ORDER BY k",
            "SELECT d.id, s.v FROM {s} JOIN dept d ON d.id = s.k ORDER BY 1, 2",
            "SELECT max(v), min(k) FROM {s} WHERE k > 2",
            "SELECT k % 3, avg(v) FROM {s} GROUP BY 1",
            "SELECT DISTINCT k FROM {s} WHERE v IS NOT NULL",
            "SELECT d.id, (SELECT count(*) FROM {s} WHERE s.k = d.id) FROM dept d ORDER BY 1",
        ])  # fmt: skip
        if pick.random() < 0.5:
            hint = pick.choice(["", "MATERIALIZED ", "NOT MATERIALIZED "])
            return f"WITH s AS {hint}({inner}) " + outer.format(s="s")
        return outer.format(s=f"({inner}) s")

    def lateral(self) -> str:
        scope = Scope()
        pick = self.random
        alias, table = self.alias(), pick.choice(["dept", "tree", "hpart"])
        scope.tables.append((alias, table))
        inner = Scope(scope)
        other, name = self.alias(), pick.choice(["emp", "orders", "dup", "lines"])
        inner.tables.append((other, name))
        column = f"{other}.{TABLES[name]['int'][0]}"
        kind = pick.choice(["CROSS JOIN LATERAL", "LEFT JOIN LATERAL"])
        on = " ON true" if kind.startswith("LEFT") else ""
        body = pick.choice([
            f"SELECT count(*) AS x FROM {name} {other} WHERE {column} = {alias}.id",
            f"SELECT max({column}) AS x FROM {name} {other} WHERE {column} < {alias}.id",
            f"SELECT {column} AS x FROM {name} {other} WHERE {column} = {alias}.id"
            f" AND {self.expr('bool', inner, 1)}",
        ])
        return f"SELECT {alias}.id, l.x FROM {table} {alias} {kind} ({body}) l{on} ORDER BY 1, 2"


def scope_column(key: str) -> bool:
    """Whether a grouping key reads a column (a bare constant would be a position)."""
    return key.startswith(("t", "(", "a", "u", "l", "s", "r", "c", "d", "g", "n", "e", "C", "f")
                          ) and "." in key  # fmt: skip


FORMS = ("plain", "plain", "plain", "grouped", "grouped", "windowed", "union", "derived", "lateral")


def generate(count: int, seed: int = 20260) -> Iterator[tuple[str, str]]:
    """(category, statement) pairs."""
    generator = Generator(seed)
    for number in range(count):
        form = FORMS[number % len(FORMS)]
        yield f"generated {form}", getattr(generator, form)()
