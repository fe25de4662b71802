"""Polymorphic types: whether arguments agree, and what the actual types are.

Manual, "Polymorphic Types". The *any* family must agree exactly on one element type; the
*anycompatible* family is brought to a common type as UNION does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError

if TYPE_CHECKING:
    from pgtool.sql.analyze.state import ParseState

__all__ = ["enforce_generics", "generics_consistent"]


class _Facts:
    """What the arguments say about the two families; 0 where nothing is said."""

    def __init__(self) -> None:
        self.element = self.array = self.range = self.multirange = 0
        self.nonarray = self.enum = False
        self.compatible: list[int] = []
        self.compatible_nonarray = False
        self.compatible_array = self.compatible_range = self.compatible_multirange = False
        self.range_type = self.multirange_type = 0
        self.unknowns = False
        self.any_seen = False
        self.compatible_seen = False


def _mismatch(slot: str, one: int, two: int, state: ParseState) -> SqlError:
    names = state.types.names(one, two)
    return SqlError(
        f'arguments declared "{slot}" are not all alike', "42804", f"{names[0]} versus {names[1]}"
    )


#: Polymorphic type → attribute of _Facts for the exact family.
_EXACT = {
    t.ANYELEMENTOID: ("element", "anyelement"), t.ANYNONARRAYOID: ("element", "anyelement"),
    t.ANYENUMOID: ("element", "anyelement"), t.ANYARRAYOID: ("array", "anyarray"),
    t.ANYRANGEOID: ("range", "anyrange"), t.ANYMULTIRANGEOID: ("multirange", "anymultirange"),
}  # fmt: skip


def _collect(state: ParseState, actual: list[int], declared: list[int]) -> _Facts:
    facts = _Facts()
    for source, target in zip(actual, declared):
        if target in _EXACT:
            _collect_exact(state, facts, source, target)
        elif target in t.ANYCOMPATIBLE_FAMILY:
            _collect_compatible(state, facts, source, target)
    return facts


def _collect_exact(state: ParseState, facts: _Facts, source: int, target: int) -> None:
    facts.any_seen = True
    facts.nonarray |= target == t.ANYNONARRAYOID
    facts.enum |= target == t.ANYENUMOID
    if source == t.UNKNOWNOID:
        facts.unknowns = True
        return
    slot, name = _EXACT[target]
    if target != t.ANYELEMENTOID and target != t.ANYNONARRAYOID and target != t.ANYENUMOID:
        source = state.types.base_type(source)
    old = getattr(facts, slot)
    if old and old != source:
        raise _mismatch(name, old, source, state)
    setattr(facts, slot, source)


def _collect_compatible(state: ParseState, facts: _Facts, source: int, target: int) -> None:
    types = state.types
    facts.compatible_seen = True
    facts.compatible_nonarray |= target == t.ANYCOMPATIBLENONARRAYOID
    if target == t.ANYCOMPATIBLEARRAYOID:
        facts.compatible_array = True
    if source == t.UNKNOWNOID:
        return
    if target in (t.ANYCOMPATIBLEOID, t.ANYCOMPATIBLENONARRAYOID):
        facts.compatible.append(source)
        return
    source = types.base_type(source)
    if target == t.ANYCOMPATIBLEARRAYOID:
        element = types.element_type(source)
        if not element:
            raise SqlError(
                "argument declared anycompatiblearray is not an array but type "
                f"{types.name(source)}", "42804",
            )  # fmt: skip
        facts.compatible.append(element)
    elif target == t.ANYCOMPATIBLERANGEOID:
        facts.compatible_range = True
        subtype = types.range_subtype(source)
        if not subtype:
            raise SqlError(
                "argument declared anycompatiblerange is not a range type but type "
                f"{types.name(source)}", "42804",
            )  # fmt: skip
        if facts.range_type and facts.range_type != source:
            raise _mismatch("anycompatiblerange", facts.range_type, source, state)
        facts.range_type = source
        facts.compatible.append(subtype)
    else:
        facts.compatible_multirange = True
        inner = types.multirange_range(source)
        if not inner:
            raise SqlError(
                "argument declared anycompatiblemultirange is not a multirange type but type "
                f"{types.name(source)}", "42804",
            )  # fmt: skip
        if facts.multirange_type and facts.multirange_type != source:
            raise _mismatch("anycompatiblemultirange", facts.multirange_type, source, state)
        facts.multirange_type = source
        facts.compatible.append(types.range_subtype(inner))


def _settle_exact(state: ParseState, facts: _Facts) -> None:
    """Derive the element, array, range and multirange of the exact family from each other."""
    types = state.types
    if facts.array and facts.array != t.ANYARRAYOID:
        element = types.element_type(facts.array)
        if not element:
            raise SqlError(
                f"argument declared anyarray is not an array but type {types.name(facts.array)}",
                "42804",
            )
        if facts.element and facts.element != element:
            raise SqlError(
                "argument declared anyarray is not consistent with argument declared anyelement",
                "42804", "{} versus {}".format(*types.names(facts.array, facts.element)),
            )  # fmt: skip
        facts.element = element
    elif facts.array and not facts.element:
        facts.element = t.ANYELEMENTOID
    if facts.multirange:
        inner = types.multirange_range(facts.multirange)
        if not inner:
            raise SqlError(
                "argument declared anymultirange is not a multirange type but type "
                f"{types.name(facts.multirange)}", "42804",
            )  # fmt: skip
        if facts.range and facts.range != inner:
            raise SqlError(
                "argument declared anymultirange is not consistent with argument declared anyrange",
                "42804", "{} versus {}".format(*types.names(facts.multirange, facts.range)),
            )  # fmt: skip
        facts.range = inner
    if facts.range:
        subtype = types.range_subtype(facts.range)
        if not subtype:
            raise SqlError(
                "argument declared anyrange is not a range type but type "
                f"{types.name(facts.range)}", "42804",
            )  # fmt: skip
        if facts.element and facts.element != subtype:
            raise SqlError(
                "argument declared anyrange is not consistent with argument declared anyelement",
                "42804", "{} versus {}".format(*types.names(facts.range, facts.element)),
            )  # fmt: skip
        facts.element = subtype
    if facts.nonarray and facts.element and types.element_type(facts.element):
        raise SqlError(
            f"type matched to anynonarray is an array type: {types.name(facts.element)}", "42804"
        )
    if facts.enum and facts.element and types.row(facts.element).typtype != "e":
        raise SqlError(
            f"type matched to anyenum is not an enum type: {types.name(facts.element)}", "42804"
        )


def generics_consistent(state: ParseState, actual: list[int], declared: list[int]) -> bool:
    """Whether the arguments of polymorphic parameters agree."""
    try:
        facts = _collect(state, actual, declared)
        _settle_exact(state, facts)
        _common_element(state, facts)
    except SqlError:
        return False
    return True


def _common_element(state: ParseState, facts: _Facts) -> int:
    """The common type of the anycompatible family; 0 where no argument tells."""
    if not facts.compatible:
        return 0
    from pgtool.sql.analyze.coerce import Context, can_coerce

    if facts.range_type or facts.multirange_type:
        # A range cannot be converted, so its subtype decides.
        inner = facts.range_type or state.types.multirange_range(facts.multirange_type)
        if facts.multirange_type and state.types.range_multirange(inner) != facts.multirange_type:
            names = state.types.names(facts.multirange_type, facts.range_type)
            raise SqlError(
                "argument declared anycompatiblemultirange is not consistent with argument "
                "declared anycompatiblerange", "42804", f"{names[0]} versus {names[1]}",
            )  # fmt: skip
        common = state.types.range_subtype(inner)
    else:
        common = common_of_types(state, facts.compatible)
    if not common:
        raise SqlError("arguments of anycompatible family cannot be cast to a common type", "42804")
    for source in facts.compatible:
        if not can_coerce(state, [source], [common], Context.implicit):
            raise SqlError(
                "arguments of anycompatible family cannot be cast to a common type", "42804"
            )
    if facts.compatible_nonarray and state.types.element_type(common):
        raise SqlError(
            "type matched to anycompatiblenonarray is an array type: "
            f"{state.types.name(common)}", "42804",
        )  # fmt: skip
    return common


def common_of_types(state: ParseState, found: list[int]) -> int:
    """The common type of several types, as for UNION; 0 where their categories differ."""
    from pgtool.sql.analyze.coerce import Context, can_coerce

    types = state.types
    known = [typid for typid in found if typid != t.UNKNOWNOID]
    if not known:
        return t.TEXTOID
    if len(set(known)) == 1 and len(known) == len(found):
        return known[0]
    best = types.base_type(known[0])
    category, preferred = types.category_and_preferred(best)
    for typid in known[1:]:
        other = types.base_type(typid)
        if other == best:
            continue
        other_category, other_preferred = types.category_and_preferred(other)
        if other_category != category:
            return 0
        if (
            not preferred
            and can_coerce(state, [best], [other], Context.implicit)
            and not can_coerce(state, [other], [best], Context.implicit)
        ):
            best, preferred = other, other_preferred
    return best


def enforce_generics(
    state: ParseState, actual: list[int], declared: list[int], result: int
) -> tuple[list[int], int]:
    """Actual types for polymorphic parameters and result: (declared types, result type).

    SqlError where they cannot be determined or do not agree.
    """
    facts = _collect(state, actual, declared)
    _settle_exact(state, facts)
    compatible = _common_element(state, facts)
    if facts.any_seen and not facts.element:
        raise _undetermined()
    if facts.compatible_seen and not compatible:
        # Nothing but unknown literals: text, as elsewhere.
        compatible = t.TEXTOID
    table = _actual_types(state, facts, compatible)
    resolved = [
        _required(table, source, target) if target in t.POLYMORPHIC else target
        for source, target in zip(actual, declared)
    ]
    if result in t.POLYMORPHIC:
        found = table[result]()
        if not found:
            raise SqlError(
                f"could not find {_KIND.get(result, 'array')} type for data type "
                f"{state.types.name(facts.element or compatible)}", "42704",
            )  # fmt: skip
        result = found
    return resolved, result


_KIND = {
    t.ANYRANGEOID: "range", t.ANYMULTIRANGEOID: "multirange",
    t.ANYCOMPATIBLERANGEOID: "range", t.ANYCOMPATIBLEMULTIRANGEOID: "multirange",
}  # fmt: skip


def _undetermined() -> SqlError:
    return SqlError(
        "could not determine polymorphic type because input has type unknown", "42804"
    )


def _required(table: dict[int, Any], source: int, target: int) -> int:
    return table[target]() or source


def _actual_types(state: ParseState, facts: _Facts, compatible: int) -> dict[int, Any]:
    types = state.types
    element = facts.element

    def array() -> int:
        return facts.array or (types.array_type(element) if element else 0)

    def multirange() -> int:
        return facts.multirange or types.range_multirange(facts.range)

    def compatible_multirange() -> int:
        return facts.multirange_type or types.range_multirange(facts.range_type)

    def compatible_range() -> int:
        return facts.range_type or types.multirange_range(facts.multirange_type)

    return {
        t.ANYELEMENTOID: lambda: element, t.ANYNONARRAYOID: lambda: element,
        t.ANYENUMOID: lambda: element, t.ANYARRAYOID: array,
        t.ANYRANGEOID: lambda: facts.range or types.multirange_range(facts.multirange),
        t.ANYMULTIRANGEOID: multirange,
        t.ANYCOMPATIBLEOID: lambda: compatible,
        t.ANYCOMPATIBLENONARRAYOID: lambda: compatible,
        t.ANYCOMPATIBLEARRAYOID: lambda: types.array_type(compatible),
        t.ANYCOMPATIBLERANGEOID: compatible_range,
        t.ANYCOMPATIBLEMULTIRANGEOID: compatible_multirange,
    }  # fmt: skip
