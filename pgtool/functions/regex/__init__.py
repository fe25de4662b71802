"""Regular expressions in PostgreSQL's dialect: compile once, match often.

:func:`compile_regex` parses an expression under a collation's rules and keeps it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from pgtool.errors import Unsupported
from pgtool.functions.regex.engine import Matcher, Spans
from pgtool.functions.regex.lexer import Flags, with_options
from pgtool.functions.regex.native import Native
from pgtool.functions.regex.parser import parse_regex
from pgtool.functions.textcase import Rules

__all__ = ["Finder", "Flags", "Regex", "Spans", "compile_regex", "with_options"]


@contextmanager
def _bounded() -> Iterator[None]:
    """What is nested too deep for the interpreter's stack is refused."""
    try:
        yield
    except RecursionError:
        raise Unsupported("a regular expression nested this deep") from None


class Regex:
    """A compiled expression."""

    def __init__(self, pattern: str, flags: Flags, rules: Rules) -> None:
        with _bounded():
            self.program = parse_regex(pattern, flags, rules)
            self.native = Native(self.program)
        self.groups = self.program.groups

    def test(self, text: str) -> bool:
        """Whether there is a match anywhere in the text."""
        native = self.native
        if native.test is not None and len(text) <= native.longest:
            translated = native.translated(text)
            if native.test is not None:
                return native.test.search(translated) is not None
        with _bounded():
            return Matcher(self.program, text).test()

    def finder(self, text: str) -> Finder:
        """Something that finds matches in the text, one after the other."""
        return Finder(self, text)


class Finder:
    """An expression on one text."""

    def __init__(self, regex: Regex, text: str) -> None:
        self.regex = regex
        self.text = text
        self.matcher: Matcher | None = None
        self.translated = text
        native = regex.native
        if native.divide is not None and len(text) <= native.longest:
            self.translated = native.translated(text)
        # Only now: a text with new kinds of characters may have changed what can be done.
        self.native = native.divide if len(text) <= native.longest else None

    def search(self, start: int) -> Spans | None:
        """The places of the first match from ``start`` on and of its groups, −1 for none."""
        if self.native is not None:
            match = self.native.search(self.translated, start)
            return None if match is None else list(match.regs)
        if self.matcher is None:
            self.matcher = Matcher(self.regex.program, self.text)
        with _bounded():
            return self.matcher.search(start)


@lru_cache(maxsize=256)
def compile_regex(pattern: str, flags: Flags, rules: Rules) -> Regex:
    """The compiled form; SqlError 2201B where the expression is wrong."""
    return Regex(pattern, flags, rules)
