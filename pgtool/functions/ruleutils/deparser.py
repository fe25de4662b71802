"""The text being written: where it goes, how it is laid out, what is in force.

One :class:`Deparser` for each query level; those of inner queries write into the same
list of pieces. Node classes are written by the functions in :data:`EXPRS`, which get the
deparser, the node and whether implicit casts are to be shown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from pgtool.errors import Unsupported
from pgtool.functions.ruleutils.names import Names

if TYPE_CHECKING:
    from pgtool.functions.ruleutils.columns import Namespace

__all__ = ["EXPRS", "INDENT", "PRETTY", "Deparser", "Namer", "handles"]

#: Flags: fewer parentheses, line breaks, schemas only where needed.
PAREN, INDENT, SCHEMA = 1, 2, 4
PRETTY = PAREN | INDENT | SCHEMA
STD, JOIN, VAR, LIMIT = 8, 4, 4, 40

Writer = Callable[["Deparser", Any, bool], None]
EXPRS: dict[str, Writer] = {}


class Namer(Protocol):
    """Names what only a plan knows: Vars, Params, window references, subplans."""

    def __call__(self, node: Any) -> str | None:
        """The text of a node, None where it is to be written as usual."""


def handles(*names: str) -> Callable[[Writer], Writer]:
    """Register the writer of some node classes."""

    def register(function: Writer) -> Writer:
        for name in names:
            EXPRS[name] = function
        return function

    return register


class Deparser:
    """One query level's context."""

    def __init__(
        self, names: Names, namespaces: list[Namespace], flags: int = 0, *, wrap: int = 0,
        indent: int = 0, prefix: bool = False, parts: list[str] | None = None,
        namer: Namer | None = None,
    ) -> None:  # fmt: skip
        self.names = names
        self.namespaces = namespaces
        self.flags = flags
        self.wrap = wrap
        self.level = indent
        self.prefix = prefix
        self.parts: list[str] = [] if parts is None else parts
        self.namer = namer
        #: The view's own column names, where a SELECT's must be called so.
        self.result_names: list[str] | None = None
        self.targets: list[Any] = []
        self.windows: list[Any] = []
        self.names_visible = True
        self.in_group_by = False
        self.in_order_by = False

    # -- text ----------------------------------------------------------------------------

    def put(self, *texts: str) -> None:
        """Write."""
        self.parts += texts

    @property
    def text(self) -> str:
        """What has been written."""
        return "".join(self.parts)

    @property
    def pretty(self) -> bool:
        """Whether parentheses are left out where they are not needed."""
        return bool(self.flags & PAREN)

    @property
    def indented(self) -> bool:
        """Whether there are line breaks."""
        return bool(self.flags & INDENT)

    def strip(self) -> None:
        """Take trailing blanks back."""
        while self.parts:
            last = self.parts[-1].rstrip(" ")
            if last:
                self.parts[-1] = last
                return
            self.parts.pop()

    def line_length(self) -> int:
        """Bytes on the line being written."""
        length = 0
        for part in reversed(self.parts):
            _before, newline, after = part.rpartition("\n")
            length += len(after.encode())
            if newline:
                break
        return length

    def keyword(self, text: str, before: int = 0, after: int = 0, plus: int = 0) -> None:
        """A word that begins a line, where there are lines."""
        if not self.indented:
            self.put(text)
            return
        self.level += before
        self.strip()
        if self.level < LIMIT:
            amount = max(self.level, 0) + plus
        else:
            # Deep nesting moves right more slowly, and starts over.
            amount = (LIMIT + (self.level - LIMIT) // (STD // 2)) % LIMIT + plus
        self.put("\n" + " " * amount, text)
        self.level = max(self.level + after, 0)

    def clause(self, text: str, plus: int = 1) -> None:
        """A clause's keyword."""
        self.keyword(text, -STD, STD, plus)

    def captured(self, write: Callable[[], Any]) -> tuple[str, Any]:
        """What a function writes, kept aside, and its result."""
        saved, self.parts = self.parts, []
        try:
            result = write()
            return "".join(self.parts), result
        finally:
            self.parts = saved

    def wrapped(self, text: str, first: bool, force: bool = False) -> None:
        """One of a list's items: on a line of its own where it does not fit the current one."""
        if self.indented and self.wrap >= 0:
            if text.startswith("\n"):
                self.strip()
            elif not first and (
                force or self.line_length() + len(text.encode()) > self.wrap
            ):  # fmt: skip
                self.keyword("", -STD, STD, VAR)
        self.put(text)

    # -- nodes ---------------------------------------------------------------------------

    def expr(self, node: Any, implicit: bool = False) -> None:
        """Write an expression, or a list of them."""
        if node is None:
            return
        if isinstance(node, list):
            self.listed(node, implicit)
            return
        if self.namer is not None:
            text = self.namer(node)
            if text is not None:
                self.put(text)
                return
        writer = EXPRS.get(type(node).__name__)
        if writer is None:
            raise Unsupported(f"deparsing of {type(node).__name__}")
        writer(self, node, implicit)

    def listed(self, nodes: list[Any], implicit: bool = False) -> None:
        """Write expressions with commas between."""
        for i, node in enumerate(nodes):
            if i:
                self.put(", ")
            self.expr(node, implicit)

    def opened(self) -> None:
        """The parenthesis that is always there unless pretty."""
        if not self.pretty:
            self.put("(")

    def closed(self) -> None:
        """Its counterpart."""
        if not self.pretty:
            self.put(")")

    def sub(self, namespace: Namespace, indent: int) -> Deparser:
        """The context of a query inside this one."""
        return Deparser(
            self.names, [namespace, *self.namespaces], self.flags, wrap=self.wrap,
            indent=indent, parts=self.parts, namer=self.namer,
        )  # fmt: skip
