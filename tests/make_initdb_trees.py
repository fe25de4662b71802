"""Write pgtool/catalog/data/initdb/trees.bin: analyzed queries that initdb stores.

Usage: ``python -m tests.make_initdb_trees``, after a change to views.sql, functions.sql,
function_defaults.txt, or to what analysis makes of them. A fresh cluster of a real server
gives the catalogs against which :mod:`pgtool.sql.analyze` resolves names; its OIDs of views
become those that initdb gives them. The file is JSON, compressed: a test holds it equal to
what the texts say.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import zlib
from pathlib import Path
from typing import Any

from pgtool.catalog.cluster import Cluster
from pgtool.catalog.genesis.declared import View, read_text, views
from pgtool.catalog.genesis.facts import Facts
from pgtool.functions.session import Session
from pgtool.nodes.base import walk
from pgtool.nodes.enums import CmdType, CoercionForm, RTEKind
from pgtool.nodes.exprs import Var
from pgtool.nodes.query import Query, RangeTblEntry, RangeTblRef
from pgtool.nodes.text import node_to_text
from pgtool.sql.analyze.coerce import Context, coerce_to_target
from pgtool.sql.analyze.nodetypes import expr_collation, expr_type, expr_typmod
from pgtool.sql.analyze.query import analyze_in
from pgtool.sql.analyze.state import FunctionScope, ParseState, Shared
from pgtool.sql.parse import parse
from tests.servers import cluster

OUT = Path(__file__).resolve().parent.parent / "pgtool" / "catalog" / "data" / "initdb"
MAJOR = 18
FIRST_UNPINNED = 12000
SETTINGS = "pg_settings"


class Trees:
    """Analysis in one session on template1 of a real cluster."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.facts = Facts()
        known = {view.name: view.oid for view in views()}
        rows = session.cache.rows("pg_class")
        self.oids = {row.oid: known[row.relname] for row in rows
                     if row.oid >= FIRST_UNPINNED and row.relname in known}  # fmt: skip
        self.procs = {row.oid: row for row in session.cache.rows("pg_proc")}

    def analyzed(self, text: str, types: list[int] | None = None) -> tuple[Query, ParseState]:
        scope = FunctionScope("", [""] * len(types), types) if types is not None else None
        shared = Shared(self.session, text, types or [], scope)
        (statement,) = parse(text)
        return analyze_in(shared, statement), ParseState(shared)

    def renumbered(self, tree: Any) -> str:
        """The stored text with our OIDs of views."""
        for node in walk([tree]):
            for name, kind in type(node).FIELDS.items():
                value = getattr(node, name)
                if kind == "Oid" and value >= FIRST_UNPINNED:
                    setattr(node, name, self.oids[value])
        return node_to_text(tree)

    # -- views ---------------------------------------------------------------------------

    def view(self, view: View, text: str) -> dict[str, Any]:
        """The rule of a view and the columns of other views that it needs."""
        query, _state = self.analyzed(text)
        visible = [entry for entry in query.targetList if not entry.resjunk]
        found = []
        for entry, column in zip(visible, view.columns, strict=True):
            expr = entry.expr
            found.append((expr_type(expr), expr_typmod(expr), expr_collation(expr)))
            entry.resname = column.name
        assert found == [self.expected(c) for c in view.columns], view.name
        needs = self.needs(query)
        return {"action": f"({self.renumbered(query)})", "needs": needs}

    def expected(self, column: Any) -> tuple[int, int, int]:
        type_ = self.facts.types[column.type]
        collation = 100 if column.collation is None else column.collation
        return type_.oid, column.typmod, collation if type_.collation else 0

    def needs(self, query: Query) -> list[tuple[int, int]]:
        """(OID, column) of what is not pinned, in order."""
        out = set()
        for inner in walk([query]):
            if isinstance(inner, RangeTblEntry) and inner.relid >= FIRST_UNPINNED:
                assert inner in query.rtable, "a view inside a subquery"
        tables = [rte for rte in query.rtable if rte.rtekind != RTEKind.RTE_JOIN]
        for var in walk([query.targetList, query.jointree, *tables]):
            if isinstance(var, Var) and not var.varlevelsup:
                rte = query.rtable[var.varno - 1] if var.varno <= len(query.rtable) else None
                if rte is not None and rte.relid >= FIRST_UNPINNED:
                    out.add((self.oids[rte.relid], var.varattno))
        return sorted(out)

    def settings_rules(self) -> list[dict[str, Any]]:
        """UPDATE of pg_settings sets the setting, and nothing else."""
        both = f"{SETTINGS} old, {SETTINGS} new"
        change, _ = self.analyzed(f"select set_config(old.name, new.setting, false) from {both}")
        same, _ = self.analyzed(f"select new.name = old.name from {both}")
        nothing, _ = self.analyzed(f"select from {both}")
        for query in (change, nothing):
            for rte, permission in zip(query.rtable, query.rteperminfos):
                rte.inh = rte.inFromCl = permission.inh = False
        change.jointree.fromlist = [RangeTblRef(rtindex=1)]
        nothing.jointree.fromlist = []
        nothing.commandType, nothing.canSetTag = CmdType.CMD_NOTHING, False
        qual = self.renumbered(same.targetList[0].expr)
        oid = next(view.oid for view in views() if view.name == SETTINGS)
        return [
            {"name": "pg_settings_u", "instead": False, "qual": qual,
             "action": f"({self.renumbered(change)})", "needs": [(oid, 1), (oid, 2), (oid, 1)]},
            {"name": "pg_settings_n", "instead": True, "qual": "<>",
             "action": f"({self.renumbered(nothing)})", "needs": [(oid, 0)]},
        ]  # fmt: skip

    # -- functions -----------------------------------------------------------------------

    def body(self, oid: int, text: str) -> dict[str, str]:
        """prosrc or prosqlbody of a function."""
        if text.startswith("'"):
            return {"source": text.strip("'")}
        types = [int(t) for t in self.procs[oid].proargtypes]
        single = text.startswith("return ")
        query, _ = self.analyzed("select " + text[7:] if single else text, types)
        if not single:
            return {"body": f"(({self.renumbered(query)}))"}
        query.isReturn = True
        query.targetList[0].resname = None
        return {"body": self.renumbered(query)}

    def defaults(self, oid: int, text: str) -> dict[str, Any]:
        """proargdefaults of a function."""
        query, state = self.analyzed(f"select {text}")
        exprs = [entry.expr for entry in query.targetList]
        inputs = [int(t) for t in self.procs[oid].proargtypes][-len(exprs) :]
        coerced = [
            coerce_to_target(state, e, expr_type(e), t, -1, Context.assignment,
                             CoercionForm.COERCE_IMPLICIT_CAST)
            for e, t in zip(exprs, inputs)
        ]  # fmt: skip
        return {"count": len(exprs), "defaults": self.renumbered(coerced)}


def sections(text: str, heading: str) -> list[tuple[str, str]]:
    """(heading, statement) of a file of statements."""
    parts = re.split(heading, text, flags=re.MULTILINE)[1:]
    return [(a, b.strip().removesuffix(";")) for a, b in zip(parts[::2], parts[1::2])]


def make(session: Session) -> dict[str, Any]:
    """All trees by what they belong to."""
    trees = Trees(session)
    texts = dict(sections(read_text("views.sql"), r"^-- (pg_\w+)$"))
    bodies = sections(read_text("functions.sql"), r"^-- (\d+) \w+$")
    lines = [line.split(" ", 2) for line in read_text("function_defaults.txt").splitlines()]
    return {
        "views": {view.name: trees.view(view, texts[view.name]) for view in views()},
        "settings": trees.settings_rules(),
        "bodies": {oid: trees.body(int(oid), text) for oid, text in bodies},
        "defaults": {oid: trees.defaults(int(oid), text) for oid, _, text in lines},
    }


def main() -> None:
    """Analyze against a fresh cluster and write the file."""
    with cluster(MAJOR, start=False) as server, tempfile.TemporaryDirectory() as place:
        shutil.copytree(server.data, f"{place}/data")
        made = make(Session.open(Cluster(f"{place}/data"), "template1"))
    (OUT / "trees.bin").write_bytes(pack(made))


def pack(made: dict[str, Any]) -> bytes:
    """The file's bytes."""
    return zlib.compress(json.dumps(made, separators=(",", ":")).encode(), 9)


if __name__ == "__main__":
    main()
