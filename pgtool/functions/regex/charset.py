"""Sets of characters: what one atom of a regular expression stands for.

A set is made of single characters, ranges and named classes; what the classes hold
depends on the collation's rules. Membership is decided one character at a time and
remembered, which is all that the matchers need.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from pgtool.functions.alphabetic import is_alphabetic
from pgtool.functions.textcase import Rules, simple_lower, simple_upper

__all__ = ["CLASSES", "CharSet", "fold"]

_BLANKS = "\t "
_ASCII_SPACE = "\t\n\v\f\r "
_SEPARATORS_NOT_SPACE = "\x1c\x1d\x1e\x1f"


def _category(char: str) -> str:
    return unicodedata.category(char)


def _is_digit(char: str, rules: Rules) -> bool:
    if char.isascii() or rules.kind != "full":
        return "0" <= char <= "9"
    return _category(char) == "Nd"


def _is_alpha(char: str, rules: Rules) -> bool:
    if rules.kind == "ascii" and not char.isascii():
        return False
    return is_alphabetic(char)


def _is_alnum(char: str, rules: Rules) -> bool:
    return _is_alpha(char, rules) or _is_digit(char, rules)


def _is_space(char: str, rules: Rules) -> bool:
    if char.isascii() or rules.kind == "ascii":
        return char in _ASCII_SPACE
    return char.isspace() and char not in _SEPARATORS_NOT_SPACE


def _is_punct(char: str, rules: Rules) -> bool:
    if rules.kind == "ascii" and not char.isascii():
        return False
    if rules.kind == "full":
        return _category(char)[0] == "P"
    if char.isascii():
        return "!" <= char <= "~" and not char.isalnum()
    return not is_alphabetic(char) and _category(char)[0] in "PS"


def _is_graph(char: str, rules: Rules) -> bool:
    if char.isascii() or rules.kind == "ascii":
        return "!" <= char <= "~"
    return not char.isspace() and _category(char) not in ("Cc", "Cs", "Cn")


def _is_print(char: str, rules: Rules) -> bool:
    if char.isascii() or rules.kind == "ascii":
        return " " <= char <= "~"
    return _is_graph(char, rules) or _category(char) == "Zs"


def _is_upper(char: str, rules: Rules) -> bool:
    return char.isupper() and (char.isascii() or rules.kind != "ascii")


#: Small letters that are newer than the interpreter's tables.
_NEW_LOWER = frozenset("\u10fc\ua7f2\ua7f3\ua7f4\uab69")


def _is_lower(char: str, rules: Rules) -> bool:
    small = char.islower() or char in _NEW_LOWER
    return small and (char.isascii() or rules.kind != "ascii")


def _is_cntrl(char: str, rules: Rules) -> bool:
    return char <= "\x1f" or "\x7f" <= char <= "\x9f"


#: Names in [:…:] → membership.
CLASSES: dict[str, Callable[[str, Rules], bool]] = {
    "alnum": _is_alnum, "alpha": _is_alpha, "ascii": lambda c, _: c.isascii(),
    "blank": lambda c, _: c in _BLANKS, "cntrl": _is_cntrl, "digit": _is_digit,
    "graph": _is_graph, "lower": _is_lower, "print": _is_print, "punct": _is_punct,
    "space": _is_space, "upper": _is_upper,
    "xdigit": lambda c, _: c in "0123456789abcdefABCDEF",
    "word": lambda c, rules: c == "_" or _is_alnum(c, rules),
}  # fmt: skip


def fold(char: str, rules: Rules) -> tuple[str, ...]:
    """A character and its other case."""
    if rules.kind == "ascii" and not char.isascii():
        return (char,)
    return tuple({char, simple_lower(char), simple_upper(char)})


class CharSet:
    """A set of characters under one collation's rules."""

    def __init__(self, rules: Rules, *, negated: bool = False, ignore_case: bool = False) -> None:
        self.rules = rules
        self.negated = negated
        self.ignore_case = ignore_case
        self.singles: set[str] = set()
        self.ranges: list[tuple[str, str]] = []
        self.classes: list[str] = []
        self.missing_classes: list[str] = []
        self.never = ""
        self._known: dict[str, bool] = {}
        self._ascii_table: bytes | None = None

    def add_class(self, name: str, *, complement: bool = False) -> None:
        """Add a named class or all that is not in it."""
        if self.ignore_case and name in ("lower", "upper"):
            name = "alpha"
        (self.missing_classes if complement else self.classes).append(name)

    def __contains__(self, char: str) -> bool:
        found = self._known.get(char)
        if found is None:
            found = self._known[char] = self._decide(char)
        return found

    def _decide(self, char: str) -> bool:
        if char in self.never:
            return False
        forms = fold(char, self.rules) if self.ignore_case else (char,)
        return self.negated != any(self._holds(form) for form in forms)

    def _holds(self, char: str) -> bool:
        return (
            char in self.singles
            or any(low <= char <= high for low, high in self.ranges)
            or any(CLASSES[name](char, self.rules) for name in self.classes)
            or any(not CLASSES[name](char, self.rules) for name in self.missing_classes)
        )

    @property
    def is_plain(self) -> bool:
        """Whether the members beyond ASCII are exactly what the set lists."""
        return not (self.classes or self.missing_classes or self.ignore_case)

    @property
    def ascii_table(self) -> bytes:
        """256 bytes: '1' at the ASCII characters of the set."""
        if self._ascii_table is None:
            bits = [b"1" if chr(i) in self else b"0" for i in range(128)]
            self._ascii_table = b"".join(bits) + b"0" * 128
        return self._ascii_table

    def __getitem__(self, code: int) -> str:
        """'1' or '0' for a code point: the set as a table for str.translate."""
        return "1" if chr(code) in self else "0"


