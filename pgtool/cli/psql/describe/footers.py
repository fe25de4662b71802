r"""What stands below the columns of a relation in \d: constraints, indexes, rules, triggers …

Every section is a function that gives lines; which sections a kind of relation has, and their
order, is the table at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["footers", "published"]

#: Kinds with storage of their own, and those that can have the things of tables.
_TABLES = "rmfpIit"


def _rows(runner: Any, text: str) -> list[Any]:
    found: list[Any] = runner.query(text)[2]
    return found


def footers(runner: Any, relation: Any, verbose: bool) -> list[str]:
    """The lines below a relation's columns."""
    out: list[str] = []
    for kinds, section in _SECTIONS:
        if relation.kind in kinds:
            out += section(runner, relation, verbose)
    return out


# -- above everything ----------------------------------------------------------------------


def _index_facts(runner: Any, relation: Any, _verbose: bool) -> list[str]:
    """The one line about an index."""
    distinct = "i.indnullsnotdistinct" if relation.major >= 15 else "false"
    period = "c.conperiod" if relation.major >= 18 else "false"
    row = _rows(runner, f"""SELECT i.indisunique, i.indisprimary, i.indisclustered, i.indisvalid,
  COALESCE(c.condeferrable, false), COALESCE(c.condeferred, false), i.indisreplident, {distinct},
  COALESCE({period}, false), am.amname, n.nspname, t.relname,
  pg_catalog.pg_get_expr(i.indpred, i.indrelid, true)
FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_am am ON am.oid = x.relam
  JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
  LEFT JOIN pg_catalog.pg_constraint c ON c.conrelid = i.indrelid AND c.conindid = i.indexrelid
    AND c.contype IN ('p', 'u', 'x')
WHERE i.indexrelid = '{relation.oid}'""")[0]
    (unique, primary, clustered, valid, deferrable, deferred, replica, nulls, periods, method,
     schema, table, predicate) = row  # fmt: skip
    parts = []
    if primary == "t":
        parts.append("primary key")
    elif unique == "t":
        parts.append("unique" + (" nulls not distinct" if nulls == "t" else ""))
    parts.append(method)
    parts.append(f'for table "{schema}.{table}"')
    if predicate:
        parts.append(f"predicate ({predicate})")
    flags = ((clustered, "clustered"), (periods, "WITHOUT OVERLAPS"), (deferrable, "deferrable"),
             (deferred, "initially deferred"), (replica, "replica identity"))  # fmt: skip
    parts += [word for value, word in flags[:1] if value == "t"]
    if valid != "t":
        parts.append("invalid")
    parts += [word for value, word in flags[2:] if value == "t"]
    return [", ".join(parts)]


def _partition_of(runner: Any, relation: Any, verbose: bool) -> list[str]:
    if not relation.is_partition:
        return []
    detached = "h.inhdetachpending"
    constraint = f"pg_catalog.pg_get_partition_constraintdef('{relation.oid}')"
    row = _rows(runner, f"""SELECT h.inhparent::pg_catalog.regclass,
  pg_catalog.pg_get_expr(c.relpartbound, c.oid), {detached}, {constraint if verbose else 'NULL'}
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_inherits h ON h.inhrelid = c.oid
WHERE c.oid = '{relation.oid}'""")
    if not row:
        return []
    parent, bound, pending, text = row[0]
    out = [f"Partition of: {parent} {bound or ''}" + (" DETACH PENDING" if pending == "t" else "")]
    if verbose and relation.kind != "I":
        out.append(f"Partition constraint: {text}" if text else "No partition constraint")
    return out


def _partition_key(runner: Any, relation: Any, _verbose: bool) -> list[str]:
    text = _rows(runner, f"SELECT pg_catalog.pg_get_partkeydef('{relation.oid}')")[0][0]
    return [f"Partition key: {text}"] if text else []


def _owning_table(runner: Any, relation: Any, _verbose: bool) -> list[str]:
    rows = _rows(runner, "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c "
                 "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
                 f"WHERE c.reltoastrelid = '{relation.oid}'")  # fmt: skip
    return [f'Owning table: "{schema}.{name}"' for schema, name in rows]


# -- constraints and indexes ---------------------------------------------------------------


def _indexes(runner: Any, relation: Any, _verbose: bool) -> list[str]:
    period = "c.conperiod" if relation.major >= 18 else "false"
    rows = _rows(runner, f"""SELECT x.relname, i.indisprimary, i.indisunique, i.indisclustered,
  i.indisvalid, pg_catalog.pg_get_indexdef(i.indexrelid, 0, true), c.contype,
  pg_catalog.pg_get_constraintdef(c.oid, true), c.condeferrable, c.condeferred, i.indisreplident,
  s.spcname, COALESCE({period}, false)
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
  JOIN pg_catalog.pg_class t ON t.oid = i.indrelid AND t.relhasindex
  LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = x.reltablespace
  LEFT JOIN pg_catalog.pg_constraint c ON c.conrelid = i.indrelid AND c.conindid = i.indexrelid
    AND c.contype IN ('p', 'u', 'x')
WHERE i.indrelid = '{relation.oid}'
ORDER BY i.indisprimary DESC, x.relname""")
    return ["Indexes:", *map(_index_line, rows)] if rows else []


def _index_line(row: Any) -> str:
    (name, primary, unique, clustered, valid, text, kind, constraint, deferrable, deferred,
     replica, tablespace, period) = row  # fmt: skip
    out = f'    "{name}"'
    if kind == "x" or period == "t":
        prefix = {"p": " PRIMARY KEY", "u": " UNIQUE"}.get(kind, "")
        out += f" {constraint}" if kind == "x" or constraint.startswith(prefix.strip()) else (
            f"{prefix} {constraint}")  # fmt: skip
    else:
        if primary == "t":
            out += " PRIMARY KEY,"
        elif unique == "t":
            out += " UNIQUE CONSTRAINT," if kind == "u" else " UNIQUE,"
        at = text.find(" USING ")
        out += " " + (text[at + 7 :] if at >= 0 else text)
        if deferrable == "t":
            out += " DEFERRABLE"
        if deferred == "t":
            out += " INITIALLY DEFERRED"
    if clustered == "t":
        out += " CLUSTER"
    if valid != "t":
        out += " INVALID"
    if replica == "t":
        out += " REPLICA IDENTITY"
    return out + (f', tablespace "{tablespace}"' if tablespace else "")


def _checks(runner: Any, relation: Any, _verbose: bool) -> list[str]:
    rows = _rows(runner, "SELECT conname, pg_catalog.pg_get_constraintdef(oid, true) "
                 f"FROM pg_catalog.pg_constraint WHERE conrelid = '{relation.oid}' "
                 "AND contype = 'c'\nORDER BY 1")  # fmt: skip
    lines = [f'    "{name}" {text}' for name, text in rows]
    return ["Check constraints:", *lines] if lines else []


def _foreign_keys(runner: Any, relation: Any, _verbose: bool) -> list[str]:
    """Its own; those of a partition by the table that they came from."""
    oid = relation.oid
    if relation.is_partition or relation.kind == "p":
        rows = _rows(runner, f"""SELECT c.conrelid = '{oid}'::pg_catalog.oid, c.conname,
  pg_catalog.pg_get_constraintdef(c.oid, true), c.conrelid::pg_catalog.regclass
FROM pg_catalog.pg_constraint c
WHERE c.contype = 'f' AND c.conparentid = 0 AND c.conrelid IN (
  SELECT a.relid FROM pg_catalog.pg_partition_ancestors('{oid}') a
  UNION ALL SELECT '{oid}'::pg_catalog.regclass)
ORDER BY 1 DESC, c.conname""")
        seen = set()
        unique = []
        for row in rows:
            if row not in seen:
                unique.append(row)
            seen.add(row)
        rows = unique
    else:
        rows = _rows(runner, f"""SELECT true, c.conname,
  pg_catalog.pg_get_constraintdef(c.oid, true), NULL FROM pg_catalog.pg_constraint c
WHERE c.conrelid = '{oid}' AND c.contype = 'f' AND c.conparentid = 0 ORDER BY c.conname""")
    lines = []
    for own, name, text, table in rows:
        whose = "" if own == "t" else f'TABLE "{table}" CONSTRAINT '
        lines.append(f'    {whose}"{name}" {text}')
    return ["Foreign-key constraints:", *lines] if lines else []


def _references(runner: Any, relation: Any, _verbose: bool) -> list[str]:
    oid = relation.oid
    rows = _rows(runner, f"""SELECT c.conname, c.conrelid::pg_catalog.regclass,
  pg_catalog.pg_get_constraintdef(c.oid, true)
FROM pg_catalog.pg_constraint c
WHERE c.contype = 'f' AND c.conparentid = 0 AND c.confrelid IN (
  SELECT a.relid FROM pg_catalog.pg_partition_ancestors('{oid}') a
  UNION ALL SELECT '{oid}'::pg_catalog.regclass)
ORDER BY c.conname""")
    lines = [f'    TABLE "{table}" CONSTRAINT "{name}" {text}' for name, table, text in rows]
    return ["Referenced by:", *lines] if lines else []


# -- policies, statistics, rules -----------------------------------------------------------

_COMMANDS = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}


def _policies(runner: Any, relation: Any, _verbose: bool) -> list[str]:
    rows = _rows(runner, f"""SELECT q.polname, q.polpermissive, q.polcmd,
  CASE WHEN q.polroles <> '{{0}}' THEN pg_catalog.array_to_string(ARRAY(SELECT r.rolname
    FROM pg_catalog.pg_roles r WHERE r.oid = ANY (q.polroles) ORDER BY 1), ',') END,
  pg_catalog.pg_get_expr(q.polqual, q.polrelid), pg_catalog.pg_get_expr(q.polwithcheck, q.polrelid)
FROM pg_catalog.pg_policy q WHERE q.polrelid = '{relation.oid}' ORDER BY 1""")
    enabled, forced = relation.row_security, relation.forced
    if not rows and not enabled:
        return []
    head = "Policies"
    if enabled and forced:
        head += " (forced row security enabled)"
    elif not enabled:
        head += " (row security disabled)"
    if not rows:
        head += (": (none)" if forced else " (row security enabled): (none)")
        return [head]
    out = [head + ":"]
    for name, permissive, command, roles, using, check in rows:
        text = f'    POLICY "{name}"'
        text += "" if permissive == "t" else " AS RESTRICTIVE"
        text += f" FOR {_COMMANDS[command]}" if command in _COMMANDS else ""
        text += f"\n      TO {roles}" if roles else ""
        text += f"\n      USING ({using})" if using else ""
        out.append(text + (f"\n      WITH CHECK ({check})" if check else ""))
    return out


def _statistics(runner: Any, relation: Any, _verbose: bool) -> list[str]:
    rows = _rows(runner, f"""SELECT s.stxnamespace::pg_catalog.regnamespace::pg_catalog.text,
  s.stxname, s.stxrelid::pg_catalog.regclass,
  pg_catalog.pg_get_statisticsobjdef_columns(s.oid), 'd' = ANY (s.stxkind),
  'f' = ANY (s.stxkind), 'm' = ANY (s.stxkind), s.stxstattarget
FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid = '{relation.oid}' ORDER BY 1, 2""")
    out = ["Statistics objects:"] if rows else []
    for schema, name, table, columns, *kinds, target in rows:
        words = ("ndistinct", "dependencies", "mcv")
        on = [word for word, kind in zip(words, kinds) if kind == "t"]
        shown = f" ({', '.join(on)})" if len(on) < len(words) and on else ""
        line = f'    "{schema}.{name}"{shown} ON {columns} FROM {table}'
        out.append(line + (f"; STATISTICS {target}" if target not in (None, "-1") else ""))
    return out


_RULE_STATES = (("O", "Rules:"), ("D", "Disabled rules:"), ("A", "Rules firing always:"),
                ("R", "Rules firing on replica only:"))  # fmt: skip


def _rules(runner: Any, relation: Any, _verbose: bool) -> list[str]:
    rows = _rows(runner, "SELECT r.rulename, pg_catalog.pg_get_ruledef(r.oid, true), r.ev_enabled "
                 f"FROM pg_catalog.pg_rewrite r WHERE r.ev_class = '{relation.oid}' "
                 "AND r.rulename <> '_RETURN' ORDER BY 1")  # fmt: skip
    out = []
    for state, heading in _RULE_STATES:
        found = [text for _name, text, enabled in rows if enabled == state]
        if found:
            out.append(heading)
            prefix = len("CREATE RULE ")
            out += [f"    {text[prefix:].removesuffix(';')}" for text in found]
    return out


def _view_rules(runner: Any, relation: Any, verbose: bool) -> list[str]:
    """The view's definition, then its rules."""
    if not verbose:
        return []
    oid = relation.oid
    rows = _rows(runner, f"SELECT pg_catalog.pg_get_viewdef('{oid}'::pg_catalog.oid, true)")
    out = ["View definition:", rows[0][0]]
    if relation.kind == "v":
        prefix = len("CREATE RULE ")
        rules = _rows(runner, "SELECT pg_catalog.pg_get_ruledef(r.oid, true) FROM "
                      f"pg_catalog.pg_rewrite r WHERE r.ev_class = '{relation.oid}' "
                      "AND r.rulename <> '_RETURN' ORDER BY r.rulename")  # fmt: skip
        if rules:
            out += ["Rules:", *(f" {text[prefix:].removesuffix(';')}" for (text,) in rules)]
    return out


# -- publications, not-null constraints ----------------------------------------------------


def published(runner: Any, relation: Any, _verbose: bool = False) -> list[str]:
    """The publications that a table is in."""
    oid = relation.oid
    detailed = relation.major >= 15
    columns = ("CASE WHEN r.prattrs IS NOT NULL THEN (SELECT pg_catalog.string_agg(a.attname, ', ')"
               " FROM pg_catalog.unnest(r.prattrs::pg_catalog.int2[]) k(n) JOIN "
               "pg_catalog.pg_attribute a ON a.attrelid = r.prrelid AND a.attnum = k.n) END"
               ) if detailed else "NULL"  # fmt: skip
    where = "pg_catalog.pg_get_expr(r.prqual, r.prrelid)" if detailed else "NULL"
    by_schema = f"""SELECT p.pubname, NULL, NULL FROM pg_catalog.pg_publication p
  JOIN pg_catalog.pg_publication_namespace s ON s.pnpubid = p.oid
  JOIN pg_catalog.pg_class c ON c.relnamespace = s.pnnspid
WHERE c.oid = '{oid}' AND pg_catalog.pg_relation_is_publishable('{oid}')
UNION """ if detailed else ""
    rows = _rows(runner, f"""{by_schema}SELECT p.pubname, {where}, {columns}
FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid
WHERE r.prrelid = '{oid}'
UNION SELECT p.pubname, NULL, NULL FROM pg_catalog.pg_publication p
WHERE p.puballtables AND pg_catalog.pg_relation_is_publishable('{oid}')
ORDER BY 1""")
    out = ["Publications:"] if rows else []
    for name, condition, shown in rows:
        line = f'    "{name}"' + (f" ({shown})" if shown else "")
        out.append(line + (f" WHERE {condition}" if condition else ""))
    return out


def _not_null(runner: Any, relation: Any, verbose: bool) -> list[str]:
    if not verbose or relation.major < 18:
        return []
    rows = _rows(runner, f"""SELECT c.conname, a.attname, c.connoinherit, c.conislocal,
  c.coninhcount <> 0, c.convalidated FROM pg_catalog.pg_constraint c
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
WHERE c.contype = 'n' AND c.conrelid = '{relation.oid}' ORDER BY a.attnum""")
    out = ["Not-null constraints:"] if rows else []
    for name, column, alone, local, inherited, valid in rows:
        line = f'    "{name}" NOT NULL "{column}"'
        if alone == "t":
            line += " NO INHERIT"
        elif local == "t" and inherited == "t":
            line += " (local, inherited)"
        elif inherited == "t":
            line += " (inherited)"
        out.append(line + ("" if valid == "t" else " NOT VALID"))
    return out


# -- triggers ------------------------------------------------------------------------------

_TRIGGER_STATES = (
    ("O", "Triggers:"), ("D", "Disabled user triggers:"),
    ("internal", "Disabled internal triggers:"), ("A", "Triggers firing always:"),
    ("R", "Triggers firing on replica only:"),
)


#: Until 14 the triggers that partitions have of their parents were internal ones.
_CLONED = """EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = t.oid
    AND d.refclassid = 'pg_catalog.pg_trigger'::pg_catalog.regclass)"""


def _triggers(runner: Any, relation: Any, _verbose: bool) -> list[str]:
    cloned = _CLONED if relation.major < 15 else "false"
    rows = _rows(runner, f"""SELECT t.tgname, pg_catalog.pg_get_triggerdef(t.oid, true),
  t.tgenabled, t.tgisinternal,
  CASE WHEN t.tgparentid <> 0 THEN (SELECT u.tgrelid::pg_catalog.regclass
    FROM pg_catalog.pg_partition_ancestors(t.tgrelid) WITH ORDINALITY a(relid, depth)
    JOIN pg_catalog.pg_trigger u ON u.tgrelid = a.relid AND u.tgname = t.tgname
      AND u.tgparentid = 0
    ORDER BY a.depth LIMIT 1) END
FROM pg_catalog.pg_trigger t
WHERE t.tgrelid = '{relation.oid}' AND (NOT t.tgisinternal OR t.tgenabled = 'D' OR {cloned})
ORDER BY 1""")
    out = []
    for state, heading in _TRIGGER_STATES:
        found = []
        for _name, text, enabled, internal, parent in rows:
            own = "internal" if internal == "t" and enabled == "D" else enabled
            if own == state:
                at = text.find(" TRIGGER ")
                found.append("    " + text[at + 9 :] + (f", ON TABLE {parent}" if parent else ""))
        if found:
            out += [heading, *found]
    return out


# -- servers, inheritance, partitions ------------------------------------------------------


def _server(runner: Any, relation: Any, _verbose: bool) -> list[str]:
    rows = _rows(runner, f"""SELECT s.srvname, pg_catalog.array_to_string(ARRAY(
  SELECT pg_catalog.quote_ident(o.option_name) || ' ' || pg_catalog.quote_literal(o.option_value)
  FROM pg_catalog.pg_options_to_table(f.ftoptions) o), ', ')
FROM pg_catalog.pg_foreign_table f JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver
WHERE f.ftrelid = '{relation.oid}'""")
    out = []
    for name, options in rows:
        out.append(f"Server: {name}")
        out += [f"FDW options: ({options})"] if options else []
    return out


def _inherits(runner: Any, relation: Any, _verbose: bool) -> list[str]:
    rows = _rows(runner, f"""SELECT h.inhparent::pg_catalog.regclass
FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class c ON c.oid = h.inhparent
WHERE h.inhrelid = '{relation.oid}' AND c.relkind NOT IN ('p', 'I') ORDER BY h.inhseqno""")
    return _listed("Inherits", [str(name) for (name,) in rows])


def _listed(label: str, names: list[str]) -> list[str]:
    """Names below each other behind a label."""
    if not names:
        return []
    pad = " " * (len(label) + 2)
    first = f"{label}: {names[0]}"
    texts = [first, *(pad + name for name in names[1:])]
    return [text + "," for text in texts[:-1]] + texts[-1:]


def _children(runner: Any, relation: Any, verbose: bool) -> list[str]:
    partitioned = relation.kind in "pI"
    rows = _rows(runner, f"""SELECT c.oid::pg_catalog.regclass, c.relkind, h.inhdetachpending,
  pg_catalog.pg_get_expr(c.relpartbound, c.oid)
FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid
WHERE h.inhparent = '{relation.oid}'
ORDER BY pg_catalog.pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT',
  c.oid::pg_catalog.regclass::pg_catalog.text""")
    if partitioned and not rows:
        return ["Number of partitions: 0"]
    if rows and not verbose:
        what = "partitions" if partitioned else "child tables"
        return [f"Number of {what}: {len(rows)} (Use \\d+ to list them.)"]
    names = []
    for name, kind, pending, bound in rows:
        text = f"{name}" + (f" {bound}" if bound else "")
        text += ", PARTITIONED" if kind in ("p", "I") else ""
        text += ", FOREIGN" if kind == "f" else ""
        names.append(text + (" (DETACH PENDING)" if pending == "t" else ""))
    return _listed("Partitions" if partitioned else "Child tables", names)


# -- the end -------------------------------------------------------------------------------

_IDENTITIES = {"f": "Replica Identity: FULL", "n": "Replica Identity: NOTHING"}


def _typed(_runner: Any, relation: Any, _verbose: bool) -> list[str]:
    return [f"Typed table of type: {relation.of_type}"] if relation.of_type else []


def _replica(_runner: Any, relation: Any, verbose: bool) -> list[str]:
    usual = "n" if relation.schema == "pg_catalog" else "d"
    identity = relation.replica_identity
    if not verbose or identity in (usual, "i"):
        return []
    return [_IDENTITIES.get(identity, "Replica Identity: ???")]


def _tablespace(runner: Any, relation: Any, _verbose: bool) -> list[str]:
    if relation.tablespace == "0":
        return []
    rows = _rows(runner, "SELECT spcname FROM pg_catalog.pg_tablespace "
                 f"WHERE oid = '{relation.tablespace}'")  # fmt: skip
    return [f'Tablespace: "{name}"' for (name,) in rows]


def _method(runner: Any, relation: Any, verbose: bool) -> list[str]:
    if not verbose or runner.variables.on("HIDE_TABLEAM") or not relation.method:
        return []
    return [f"Access method: {relation.method}"]


def _options(_runner: Any, relation: Any, verbose: bool) -> list[str]:
    return [f"Options: {relation.options}"] if verbose and relation.options else []


Section = Callable[[Any, Any, bool], list[str]]
_SECTIONS: tuple[tuple[str, Section], ...] = (
    ("rfpiI", _partition_of), ("p", _partition_key), ("t", _owning_table), ("iI", _index_facts),
    ("rmpt", _indexes), ("rfp", _checks), ("rfp", _foreign_keys), ("rp", _references),
    ("rp", _policies), ("rmfp", _statistics), ("rmfp", _rules), ("rfp", published),
    ("rfp", _not_null), ("vm", _view_rules), ("rfpv", _triggers), ("f", _server),
    ("rfp", _inherits), ("rfpI", _children), ("rfp", _typed), ("rm", _replica),
    (_TABLES, _tablespace), ("rmpIt", _method), ("rmfpvIit", _options),
)
