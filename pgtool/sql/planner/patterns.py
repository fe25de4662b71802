"""Patterns (LIKE, regular expressions): their fixed prefix, and what part of a column matches."""

from __future__ import annotations

from typing import Any

from pgtool.nodes.exprs import Const
from pgtool.sql.planner.base import Root
from pgtool.sql.planner.stats import Variable, comparable

DEFAULT_MATCH = 0.005
_FIXED_CHAR, _FULL_WILD, _ANY_CHAR, _RANGE = 0.20, 5.0, 0.9, 0.25
_PARTIAL_WILD = 2.0
_REGEX_SPECIAL = set(".*+?()[]{}|\\^$")


def like_prefix(pattern: bytes) -> tuple[bytes, bytes, bool]:
    """(fixed prefix, rest of the pattern, whether the prefix is all)."""
    out = bytearray()
    at = 0
    while at < len(pattern):
        c = pattern[at]
        if c in b"%_":
            break
        if c == 0x5C:
            at += 1
            if at >= len(pattern):
                break
        out.append(pattern[at])
        at += 1
    return bytes(out), pattern[at:], at >= len(pattern)


def regex_prefix(pattern: str) -> tuple[str, bool]:
    """(fixed prefix of an anchored regular expression, whether it is exact)."""
    if not pattern.startswith("^") or "|" in pattern:
        return "", False
    out: list[str] = []
    body = pattern[1:]
    for i, c in enumerate(body):
        if c == "$" and i == len(body) - 1:
            return "".join(out), True
        if c in _REGEX_SPECIAL:
            if c in "*?{" and out:
                out.pop()
            break
        out.append(c)
    return "".join(out), False


def prefix_of(kind: str, const: Const, datum: bytes) -> tuple[bytes, bytes, bool]:
    """(prefix, rest, exact) of a pattern of any kind."""
    if kind == "like":
        return like_prefix(datum)
    if kind == "prefix":
        return datum, b"", False
    if kind == "regex":
        text = datum.decode("utf-8", "replace")
        found, exact = regex_prefix(text)
        return found.encode(), text[len(found) + 1 :].encode() if found else datum, exact
    return b"", datum, False


def greater_string(prefix: bytes) -> bytes | None:
    """A string above all that begin with the prefix (byte order)."""
    work = bytearray(prefix)
    while work:
        if work[-1] < 0x7F or (0x80 <= work[-1] < 0xFF and len(work) == 1):
            work[-1] += 1
            return bytes(work)
        if 0x80 <= work[-1] < 0xBF:
            work[-1] += 1
            return bytes(work)
        work.pop()
    return None


def selectivity(
    root: Root, var: Variable, const: Const | None, kind: str, negate: bool
) -> float:
    """The part of a column that matches a pattern."""
    if const is None:
        return 1.0 - DEFAULT_MATCH if negate else DEFAULT_MATCH
    if const.constisnull:
        return 0.0
    datum = root.glob.types.datum_of_const(const)
    assert datum is not None
    nullfrac = var.stats.nullfrac if var.stats else 0.0
    found = _match(root, var, bytes(datum), kind, const, nullfrac)
    if negate:
        found = 1.0 - found - nullfrac
    return min(max(found, 0.0), 1.0)


def _match(
    root: Root, var: Variable, datum: bytes, kind: str, const: Const, nullfrac: float
) -> float:
    from pgtool.sql.planner import selfuncs

    prefix, rest, exact = prefix_of(kind, const, datum)
    if exact:
        base = root.glob.types.base_type(const.consttype)
        return selfuncs.eq_const(var, comparable(base, prefix))
    matches = _matcher(kind, datum)
    s = var.stats
    if s is None:
        return _from_pattern(root, var, prefix, rest, kind)
    sample = s.histogram[10:-10] if len(s.histogram) >= 120 else s.histogram[1:-1]
    found = -1.0
    if len(sample) >= 100 or (len(s.histogram) >= 100 and sample):
        found = sum(1 for v in sample if matches(v)) / max(len(sample), 1)
    size = len(s.histogram)
    if found < 0 or size < 100:
        heuristic = _from_pattern(root, var, prefix, rest, kind)
        if found < 0:
            found = heuristic
        else:
            weight = size / 100.0
            found = found * weight + heuristic * (1.0 - weight)
    found = min(max(found, 0.0001), 0.9999)
    mcv = sum(f for v, f in zip(s.mcv, s.mcv_freqs) if matches(v))
    found *= 1.0 - nullfrac - sum(s.mcv_freqs)
    return min(max(found + mcv, 0.0), 1.0)


def _from_pattern(
    root: Root, var: Variable, prefix: bytes, rest: bytes, kind: str
) -> float:
    found = prefix_selectivity(root, var, prefix) if prefix else 1.0
    tail = _like_rest(rest) if "like" in kind else (1.0 if kind == "prefix" else _regex_rest(rest))
    return found * tail


def prefix_selectivity(root: Root, var: Variable, prefix: bytes) -> float:
    """The part of a column in the range from a prefix to just above it."""
    from pgtool.sql.planner import selfuncs

    eq = selfuncs.eq_const(var, prefix)
    if var.stats is None or len(var.stats.histogram) < 2:
        return max(0.005, eq)
    found = selfuncs.histogram_range(root, var, prefix, True, True)
    above = greater_string(prefix)
    if above is not None:
        found = found + selfuncs.histogram_range(root, var, above, False, False) - 1.0
    if found <= 0.0:
        found = max(found, 1.0e-10)
    return max(found, eq)


def _like_rest(rest: bytes) -> float:
    sel = 1.0
    at = 0
    while at < len(rest) and rest[at] in b"%_":
        at += 1
    while at < len(rest):
        c = rest[at]
        if c == 0x25:
            sel *= _FULL_WILD
        elif c == 0x5F:
            sel *= _ANY_CHAR
        elif c == 0x5C:
            at += 1
            if at >= len(rest):
                break
            sel *= _FIXED_CHAR
        else:
            sel *= _FIXED_CHAR
        at += 1
    return min(sel, 1.0)


def _regex_rest(rest: bytes) -> float:
    sel = 1.0
    depth = 0
    for c in rest.decode("utf-8", "replace"):
        if c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
            if c == "]":
                sel *= _RANGE
        elif depth:
            continue
        elif c == ".":
            sel *= _ANY_CHAR
        elif c in "*?+":
            sel *= _PARTIAL_WILD
        elif c not in "|^$\\":
            sel *= _FIXED_CHAR
    if not rest.endswith(b"$"):
        sel *= _FULL_WILD
    return min(sel, 1.0)


def _matcher(kind: str, datum: bytes) -> Any:
    """A rough matcher for values of statistics."""
    import re

    text = datum.decode("utf-8", "replace")
    flags = re.S | (re.I if kind.startswith("i") else 0)
    if kind == "prefix":
        return lambda v: bytes(v).startswith(datum)
    if "like" in kind:
        body = re.sub(r"\\\\(.)|\\(.)", lambda m: m[0], _like_regex(text))
        compiled = re.compile(body, flags)
        return lambda v: compiled.fullmatch(bytes(v).decode("utf-8", "replace")) is not None
    try:
        compiled = re.compile(text, flags)
    except re.error:
        return lambda _v: False
    return lambda v: compiled.search(bytes(v).decode("utf-8", "replace")) is not None


def _like_regex(text: str) -> str:
    import re

    out = []
    at = 0
    while at < len(text):
        c = text[at]
        if c == "%":
            out.append(".*")
        elif c == "_":
            out.append(".")
        elif c == "\\" and at + 1 < len(text):
            at += 1
            out.append(re.escape(text[at]))
        else:
            out.append(re.escape(c))
        at += 1
    return "".join(out)


# -- where a string lies between two others ----


def string_fraction(low: Any, high: Any, value: Any) -> float:
    """Strings as fractions in the base of the characters that occur."""
    one, two, mid = (bytes(v) if not isinstance(v, str) else v.encode() for v in (low, high, value))
    if two <= one:
        return 0.5
    if mid <= one:
        return 0.0
    if mid >= two:
        return 1.0
    everything = one + two
    rlo, rhi = min(everything), max(everything)
    for a, b in ((65, 90), (97, 122), (48, 57)):
        if rlo <= b and rhi >= a:
            rlo, rhi = min(rlo, a), max(rhi, b)
    if rhi - rlo < 9:
        rlo, rhi = 32, 127
    common = 0
    while common < min(len(one), len(two), len(mid)) and one[common] == two[common] == mid[common]:
        common += 1
    f1, f2, fm = (_scalar(s[common:], rlo, rhi) for s in (one, two, mid))
    if f2 <= f1:
        return 0.5
    return min(max((fm - f1) / (f2 - f1), 0.0), 1.0)


def _scalar(text: bytes, low: int, high: int) -> float:
    base = high - low + 1
    num, denom = 0.0, float(base)
    for c in text[:12]:
        c = min(max(c, low - 1), high + 1)
        num += (c - low) / denom
        denom *= base
    return num
