"""EXPLAIN: a plan as PostgreSQL shows it, in each of its formats, with ANALYZE's measurements."""

from __future__ import annotations

import time
from typing import Any

from pgtool.errors import SqlError, Unsupported
from pgtool.nodes import plan as p
from pgtool.sql.define import definition_text, definition_truth
from pgtool.sql.explain_formats import FORMATS, Number
from pgtool.sql.explain_measured import (
    buffer_facts,
    buffer_line,
    buffers,
    measured,
    no_buffers,
)
from pgtool.sql.explain_nodes import Describer, Shown
from pgtool.sql.planner import trees

__all__ = ["explain"]

_TEXT = 25
_BOOLEAN = ("analyze", "verbose", "costs", "buffers", "timing", "summary")
_REFUSED = ("settings", "generic_plan", "wal", "memory")


class Options:
    """The options of one EXPLAIN."""

    def __init__(self, raw: list[Any], major: int) -> None:
        given: dict[str, bool] = {}
        self.format = "text"
        for item in raw:
            name = str(item.defname).lower()
            if name == "format":
                if item.arg is None:
                    raise SqlError("format requires a parameter", "42601")
                self.format = definition_text(item)
                if self.format != "text" and self.format not in FORMATS:
                    raise SqlError(f'unrecognized value for EXPLAIN option "format": '
                                   f'"{self.format}"', "22023",
                                   position=item.location + 1)  # fmt: skip
            elif name in _BOOLEAN:
                given[name] = _boolean(item)
            elif name in _REFUSED:
                if _boolean(item):
                    raise Unsupported(f"EXPLAIN ({name.upper()})")
            elif name == "serialize":
                if item.arg is None or definition_text(item) not in ("none", "off"):
                    raise Unsupported("EXPLAIN (SERIALIZE)")
            else:
                raise SqlError(f'unrecognized EXPLAIN option "{item.defname}"', "42601",
                               position=item.location + 1)  # fmt: skip
        self.analyze = given.get("analyze", False)
        self.verbose = given.get("verbose", False)
        self.costs = given.get("costs", True)
        self.timing = given.get("timing", self.analyze)
        self.summary = given.get("summary", self.analyze)
        self.buffers = given.get("buffers", self.analyze and major >= 18)
        if given.get("timing") and not self.analyze:
            raise SqlError("EXPLAIN option TIMING requires ANALYZE", "22023")
        self.major = major


def _boolean(item: Any) -> bool:
    found = definition_truth(item)
    if found is None:
        raise SqlError(f"{item.defname} requires a Boolean value", "42601")
    return found


def explain(
    planned: Any, session: Any, options: list[Any], params: tuple[Any, ...] = (), text: str = "",
    planning: float | None = None,
) -> tuple[list[str], list[tuple[str | None, ...]], list[int]]:  # fmt: skip
    """(column names, rows, type OIDs) of EXPLAIN's answer."""
    if planning is None:
        planning = float(planned.__dict__.get("planning_time", 0.0))
    chosen = Options(options, session.cache.major)
    measures: dict[int, Any] | None = None
    spent = 0.0
    if chosen.analyze:
        from pgtool.sql.executor.run import execute

        begin = time.perf_counter()
        result = execute(planned, session, params, measure=True)
        for _batch in result.batches():
            pass
        result.context.finish()
        spent = time.perf_counter() - begin
        measures = result.measures
    tree = Printer(planned, session, chosen, measures)
    if chosen.format in FORMATS:
        render, kind = FORMATS[chosen.format]
        return ["QUERY PLAN"], [(render(tree.facts(planning, spent)),)], [kind]
    return ["QUERY PLAN"], [(line,) for line in tree.text(planning, spent)], [_TEXT]


class Printer:
    """Renders one planned statement."""

    def __init__(
        self, planned: Any, session: Any, options: Options, measures: dict[int, Any] | None
    ) -> None:
        self.planned, self.options, self.measures = planned, options, measures
        self.describer = Describer(session, planned, options.verbose)
        self.lines: list[str] = []
        self.shown: set[int] = set()

    # -- measurements ----

    def _actual(self, plan: Any) -> tuple[float, float, float, int] | None:
        """(startup ms, total ms, rows, loops) a loop; None where it never ran."""
        assert self.measures is not None
        found = self.measures.get(plan.plan_node_id)
        if found is None or not found.loops:
            return None
        n = found.loops
        return 1000 * found.startup / n, 1000 * found.total / n, found.rows / n, n

    def _measured(self, plan: Any) -> list[tuple[str, Any]]:
        """Properties that only ANALYZE knows."""
        if self.measures is None:
            return []
        found = self.measures.get(plan.plan_node_id)
        if found is None or not found.loops:
            return []
        return measured(plan, found, self.options.major, self.options.format == "text")

    def _buffers(self, plan: Any) -> tuple[int, int]:
        """Pages (hit, read) of a node and all below it."""
        assert self.measures is not None
        return buffers(self.planned, self.measures, plan)

    # -- the tree ----

    def children(self, plan: Any) -> list[tuple[str, Any]]:
        """(relationship, plan) of the inputs, in the order in which they are shown."""
        if isinstance(plan, (p.Append, p.MergeAppend)):
            members = plan.appendplans if isinstance(plan, p.Append) else plan.mergeplans
            return [("Member", m) for m in members]
        if isinstance(plan, (p.BitmapAnd, p.BitmapOr)):
            return [("Member", m) for m in plan.bitmapplans]
        if isinstance(plan, p.SubqueryScan):
            return [("Subquery", plan.subplan)]
        out = []
        if plan.lefttree is not None:
            out.append(("Outer", plan.lefttree))
        if plan.righttree is not None:
            out.append(("Inner", plan.righttree))
        return out

    def subplans(self, plan: Any) -> list[Any]:
        """The SubPlans in a node's own expressions."""
        out: list[Any] = []
        for name, kind in plan.FIELDS.items():
            if kind in ("NodeRef", "NodeList") and name not in _INPUTS:
                out += [n for n in trees.walk(getattr(plan, name))
                        if type(n).__name__ == "SubPlan" and n not in out]  # fmt: skip
        return sorted(out, key=lambda link: link.plan_id)

    def _fresh(self, links: list[Any]) -> list[Any]:
        out = []
        for link in links:
            if link.plan_id not in self.shown:
                self.shown.add(link.plan_id)
                out.append(link)
        return out

    # -- text ----

    def text(self, planning: float, spent: float) -> list[str]:
        """The lines of the text format."""
        self._node(self.planned.planTree, [], 0, None)
        if self.options.summary:
            self.lines.append(f"Planning Time: {1000 * planning:.3f} ms")
            if self.options.analyze:
                self.lines.append(f"Execution Time: {1000 * spent:.3f} ms")
        return self.lines

    def _node(self, plan: Any, above: list[Any], indent: int, title: str | None) -> None:
        if title is not None:
            self.lines.append("  " * indent + title)
            indent += 1
        shown = self.describer.describe(plan, above)
        line = "  " * indent + "->  " if indent else ""
        indent = indent + 3 if indent else 1
        line += shown.head + self._numbers(plan)
        self.lines.append(line)
        pad = "  " * indent
        self.lines += [pad + head for head in shown.heads]
        for label, value in self._all_properties(shown):
            self.lines.append(f"{pad}{label}: {_text_value(label, value)}")
        stack = [*above, plan]
        for link in self._fresh(plan.initPlan):
            self._node(self.planned.subplans[link.plan_id - 1], [*stack, link], indent,
                       link.plan_name)  # fmt: skip
        links = self.subplans(plan)
        for _, child in self.children(plan):
            self._node(child, stack, indent, None)
        for link in self._fresh(links):
            self._node(self.planned.subplans[link.plan_id - 1], [*stack, link], indent,
                       link.plan_name)  # fmt: skip

    def _all_properties(self, shown: Shown) -> list[tuple[str, Any]]:
        out = list(shown.properties)
        if isinstance(shown.plan, p.Join) and self.options.verbose and shown.plan.inner_unique:
            out.insert(1, ("Inner Unique", True))
        out += self._measured(shown.plan)
        if self.options.buffers and self.measures is not None and self.options.format == "text":
            line = buffer_line(self._buffers(shown.plan))
            if line:
                out.append(("Buffers", line))
        return out

    def _numbers(self, plan: Any) -> str:
        out = ""
        if self.options.costs:
            out += (f"  (cost={plan.startup_cost:.2f}..{plan.total_cost:.2f} "
                    f"rows={plan.plan_rows:.0f} width={plan.plan_width})")  # fmt: skip
        if self.measures is None:
            return out
        found = self._actual(plan)
        if found is None:
            return out + " (never executed)"
        startup, total, rows, loops = found
        timing = f"time={startup:.3f}..{total:.3f} " if self.options.timing else ""
        digits = 2 if self.options.major >= 18 else 0
        return out + f" (actual {timing}rows={rows:.{digits}f} loops={loops})"

    # -- the other formats ----

    def facts(self, planning: float, spent: float) -> dict[str, Any]:
        """What all formats but text lay out."""
        out: dict[str, Any] = {"Plan": self._object(self.planned.planTree, [], None, None)}
        if self.options.buffers:
            out["Planning"] = no_buffers()
        if self.options.summary:
            out["Planning Time"] = Number(f"{1000 * planning:.3f}")
        if self.options.analyze:
            out["Triggers"] = []
            if self.options.summary:
                out["Execution Time"] = Number(f"{1000 * spent:.3f}")
        return out

    def _json_properties(self, shown: Shown) -> list[tuple[str, Any]]:
        """JSON says after an index's conditions how many rows they removed: none here."""
        out: list[tuple[str, Any]] = []
        again = self.measures is not None and not isinstance(shown.plan, p.BitmapIndexScan)
        for label, value in shown.properties:
            out.append((label, value))
            if again and label in ("Index Cond", "Recheck Cond"):
                out.append(("Rows Removed by Index Recheck", 0))
        return out + self._measured(shown.plan)

    def _object(
        self, plan: Any, above: list[Any], relationship: str | None, title: str | None
    ) -> dict[str, Any]:
        shown = self.describer.describe(plan, above)
        out: dict[str, Any] = dict(shown.facts)
        if relationship:
            out["Parent Relationship"] = relationship
        if title:
            out["Subplan Name"] = title
        out["Parallel Aware"] = out["Async Capable"] = False
        out.update(shown.target)
        if self.options.costs:
            out["Startup Cost"] = Number(f"{plan.startup_cost:.2f}")
            out["Total Cost"] = Number(f"{plan.total_cost:.2f}")
            out["Plan Rows"] = Number(f"{plan.plan_rows:.0f}")
            out["Plan Width"] = plan.plan_width
        if self.measures is not None:
            startup, total, rows, loops = self._actual(plan) or (0.0, 0.0, 0.0, 0)
            if self.options.timing:
                out["Actual Startup Time"] = Number(f"{startup:.3f}")
                out["Actual Total Time"] = Number(f"{total:.3f}")
            digits = 2 if self.options.major >= 18 else 0
            out["Actual Rows"] = Number(f"{rows:.{digits}f}")
            out["Actual Loops"] = loops
        if self.options.major >= 18:
            out["Disabled"] = False
        for label, value in shown.properties[: 1 if self.options.verbose else 0]:
            out[label] = value
        if isinstance(plan, p.Join):
            out["Inner Unique"] = plan.inner_unique
        for label, value in self._json_properties(shown):
            if label == "Sort Method":
                out[label], out["Sort Space Used"] = value
                out["Sort Space Type"] = "Disk" if "external" in value[0] else "Memory"
            else:
                out[label] = value
        if self.options.buffers and self.measures is not None:
            out.update(buffer_facts(self._buffers(plan)))
        stack = [*above, plan]
        below: list[dict[str, Any]] = []
        for link in self._fresh(plan.initPlan):
            below.append(self._object(self.planned.subplans[link.plan_id - 1], [*stack, link],
                                      "InitPlan", link.plan_name))  # fmt: skip
        below += [self._object(child, stack, word, None) for word, child in self.children(plan)]
        for link in self._fresh(self.subplans(plan)):
            below.append(self._object(self.planned.subplans[link.plan_id - 1], [*stack, link],
                                      "SubPlan", link.plan_name))  # fmt: skip
        if below:
            out["Plans"] = below
        return out


_INPUTS = ("lefttree", "righttree", "appendplans", "mergeplans", "bitmapplans", "subplan",
           "initPlan")  # fmt: skip


def _text_value(label: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    if label == "Sort Method":
        where = "Disk" if "external" in value[0] else "Memory"
        return f"{value[0]}  {where}: {value[1]}kB"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
