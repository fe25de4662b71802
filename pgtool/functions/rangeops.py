"""The geometry of ranges: where they begin and end, how they meet, what they have in common.

:class:`RangeType` knows one range type: how its bounds compare and what its canonical form
is. Bounds are compared as places on a line: before a value, on it, or after it.
"""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.compare_containers import bound_cmp, element_cmp, range_facts
from pgtool.functions.values import RangeValue

__all__ = ["RangeType", "range_type"]

_INT4_MAX, _INT8_MAX = 0x7FFFFFFF, 0x7FFFFFFFFFFFFFFF
#: Canonical function → (greatest value, error's words, SQLSTATE, values that have no neighbours).
_DISCRETE: dict[str, tuple[int, str, str, tuple[int, ...]]] = {
    "int4range_canonical": (_INT4_MAX, "integer out of range", "22003", ()),
    "int8range_canonical": (_INT8_MAX, "bigint out of range", "22003", ()),
    "daterange_canonical": (
        2145031948, "date out of range", "22008", (_INT4_MAX, -_INT4_MAX - 1),
    ),
}  # fmt: skip


class RangeType:
    """One range type of a session."""

    def __init__(self, session: Any, typid: int) -> None:
        facts = range_facts(session, typid)
        self.oid = facts.rngtypid
        self.multirange = facts.rngmultitypid
        self.subtype = facts.rngsubtype
        self.canonical = _DISCRETE.get(facts.rngcanonical)
        self.compare = element_cmp(session, facts.rngsubtype, facts.rngcollation)
        self.empty = RangeValue(self.oid, empty=True)

    def make(self, lower: Any, upper: Any, lower_inc: bool, upper_inc: bool) -> RangeValue:
        """The range with these bounds in canonical form."""
        lower_inc, upper_inc = lower_inc and lower is not None, upper_inc and upper is not None
        if lower is not None and upper is not None:
            order = self.compare(lower, upper)
            if order > 0:
                message = "range lower bound must be less than or equal to range upper bound"
                raise SqlError(message, "22000")
            if order == 0 and not (lower_inc and upper_inc):
                return self.empty
        if self.canonical is not None:
            if lower is not None and not lower_inc and lower not in self.canonical[3]:
                lower, lower_inc = self._next(lower), True
            if upper is not None and upper_inc and upper not in self.canonical[3]:
                upper, upper_inc = self._next(upper), False
            if lower is not None and lower == upper and not (lower_inc and upper_inc):
                return self.empty
        return RangeValue(self.oid, lower, upper, lower_inc, upper_inc)

    def _next(self, value: int) -> int:
        assert self.canonical is not None
        top, words, sqlstate, _fixed = self.canonical
        if value + 1 > top:
            raise SqlError(words, sqlstate)
        return value + 1

    # -- bounds ------------------------------------------------------------------------

    def lowers(self, a: RangeValue, b: RangeValue) -> int:
        """The lower bound of one beside the other's."""
        return bound_cmp(self.compare, a, False, b, False)

    def uppers(self, a: RangeValue, b: RangeValue) -> int:
        """The upper bound of one beside the other's."""
        return bound_cmp(self.compare, a, True, b, True)

    def lower_upper(self, a: RangeValue, b: RangeValue) -> int:
        """The first's lower bound beside the second's upper bound."""
        return bound_cmp(self.compare, a, False, b, True)

    def _touches(self, a: RangeValue, b: RangeValue) -> bool:
        """Whether nothing lies between the end of one and the beginning of the other."""
        if a.upper is None or b.lower is None:
            return False
        order = self.compare(a.upper, b.lower)
        if order == 0:
            return a.upper_inc != b.lower_inc
        if order > 0 or self.canonical is None:
            return False
        return self.make(a.upper, b.lower, not a.upper_inc, not b.lower_inc).empty

    # -- relations ----------------------------------------------------------------------

    def holds(self, a: RangeValue, value: Any) -> bool:
        """Whether a value lies in the range."""
        if a.empty:
            return False
        if a.lower is not None:
            order = self.compare(a.lower, value)
            if order > 0 or (order == 0 and not a.lower_inc):
                return False
        if a.upper is not None:
            order = self.compare(a.upper, value)
            if order < 0 or (order == 0 and not a.upper_inc):
                return False
        return True

    def contains(self, a: RangeValue, b: RangeValue) -> bool:
        """Whether the second lies in the first."""
        if b.empty or a.empty:
            return b.empty
        return self.lowers(a, b) <= 0 and self.uppers(a, b) >= 0

    def before(self, a: RangeValue, b: RangeValue) -> bool:
        """Whether the first ends before the second begins."""
        return not (a.empty or b.empty) and self.lower_upper(b, a) > 0

    def overlaps(self, a: RangeValue, b: RangeValue) -> bool:
        """Whether they have anything in common."""
        if a.empty or b.empty:
            return False
        return self.lower_upper(a, b) <= 0 and self.lower_upper(b, a) <= 0

    def overleft(self, a: RangeValue, b: RangeValue) -> bool:
        """Whether the first does not reach beyond the second's end."""
        return not (a.empty or b.empty) and self.uppers(a, b) <= 0

    def overright(self, a: RangeValue, b: RangeValue) -> bool:
        """Whether the first does not begin before the second."""
        return not (a.empty or b.empty) and self.lowers(a, b) >= 0

    def adjacent(self, a: RangeValue, b: RangeValue) -> bool:
        """Whether one begins exactly where the other ends."""
        if a.empty or b.empty:
            return False
        return self._touches(a, b) or self._touches(b, a)

    # -- combinations ------------------------------------------------------------------

    def span(self, a: RangeValue, b: RangeValue) -> RangeValue:
        """From the lower of the lower bounds to the upper of the upper ones."""
        if a.empty or b.empty:
            return b if a.empty else a
        low = a if self.lowers(a, b) <= 0 else b
        high = a if self.uppers(a, b) >= 0 else b
        return RangeValue(self.oid, low.lower, high.upper, low.lower_inc, high.upper_inc)

    def union(self, a: RangeValue, b: RangeValue) -> RangeValue:
        """Both together, if there is no gap."""
        if not (a.empty or b.empty or self.overlaps(a, b) or self.adjacent(a, b)):
            raise SqlError("result of range union would not be contiguous", "22000")
        return self.span(a, b)

    def intersection(self, a: RangeValue, b: RangeValue) -> RangeValue:
        """What they have in common."""
        if not self.overlaps(a, b):
            return self.empty
        low = a if self.lowers(a, b) >= 0 else b
        high = a if self.uppers(a, b) <= 0 else b
        return self.make(low.lower, high.upper, low.lower_inc, high.upper_inc)

    def left_of(self, a: RangeValue, b: RangeValue) -> RangeValue:
        """The part of the first that lies before the second, which begins within it."""
        return self.make(a.lower, b.lower, a.lower_inc, not b.lower_inc)

    def right_of(self, a: RangeValue, b: RangeValue) -> RangeValue:
        """The part of the first that lies after the second, which ends within it."""
        return self.make(b.upper, a.upper, not b.upper_inc, a.upper_inc)

    def difference(self, a: RangeValue, b: RangeValue) -> list[RangeValue]:
        """What is left of the first without the second: up to two parts."""
        if not self.overlaps(a, b):
            return [a]
        out = []
        if self.lowers(a, b) < 0:
            out.append(self.left_of(a, b))
        if self.uppers(a, b) > 0:
            out.append(self.right_of(a, b))
        return out

    def normalized(self, ranges: list[RangeValue]) -> tuple[RangeValue, ...]:
        """In order, without empty ones, those that touch or overlap made one."""
        import functools

        def order(a: RangeValue, b: RangeValue) -> int:
            return self.lowers(a, b) or self.uppers(a, b)

        out: list[RangeValue] = []
        live = [one for one in ranges if not one.empty]
        for one in sorted(live, key=functools.cmp_to_key(order)):
            if out and (self.overlaps(out[-1], one) or self.adjacent(out[-1], one)):
                out[-1] = self.span(out[-1], one)
            else:
                out.append(one)
        return tuple(out)


def range_type(session: Any, typid: int) -> RangeType:
    """The range type, also of a multirange type's OID."""
    known: dict[int, RangeType] = session.__dict__.setdefault("_range_types", {})
    found = known.get(typid)
    if found is None:
        found = known[typid] = RangeType(session, typid)
    return found
