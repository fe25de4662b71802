"""What every pageinspect function gets: one page, and the checks they share.

The functions are pure functions of a page's bytes. Around the bytes a :class:`RawPage`
carries what their SQL counterparts get as further arguments: the block number, the
major whose extension is spoken, attribute descriptions, a way to fetch other blocks of
the same index, and where NOTICEs go.

Errors: a page of the wrong kind is the caller's mistake and says so in the extension's
words (:class:`PageError`); bytes that contradict the format are CorruptData.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from formats.deform import Attribute
from formats.errors import CorruptData, UserError
from formats.layout import PageView
from formats.units import BLCKSZ, Lsn
from formats.version import WRITE_MAJOR

if TYPE_CHECKING:
    from pgtool.inspect.typed import Shape

PAGE_SIZE_MASK = 0xFF00
PAGE_VERSION_MASK = 0x00FF


class PageError(UserError):
    """The page is not of the kind that the function is for."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(f"{message}: {detail}" if detail else message)
        self.message = message
        self.detail = detail


def _no_fetch(block: int) -> bytes:
    raise UserError("this function needs the whole index, not one page")


def _silent(message: str) -> None:
    return None


class RawPage(PageView):
    """A page as the pageinspect functions take it."""

    def __init__(
        self,
        data: bytes,
        block: int = 0,
        major: int = WRITE_MAJOR,
        *,
        attributes: Sequence[Attribute] | None = None,
        shape: Callable[[], Shape] | None = None,
        detoast: bool = False,
        fetch: Callable[[int], bytes] = _no_fetch,
        notice: Callable[[str], None] = _silent,
    ) -> None:
        if len(data) != BLCKSZ:
            raise PageError("invalid page size", f"Expected {BLCKSZ} bytes, got {len(data)}.")
        super().__init__(data)
        self.block = block
        self.major = major
        self.attributes = attributes
        self.shape = shape
        self.detoast = detoast
        self.fetch = fetch
        self.notice = notice

    @property
    def page_size(self) -> int:
        """The size that the header names."""
        return int(self.header.pd_pagesize_version & PAGE_SIZE_MASK)

    @property
    def lsn(self) -> Lsn:
        """LSN of the last change."""
        return Lsn(self.header.pd_lsn_xlogid << 32 | self.header.pd_lsn_xrecoff)

    @property
    def free_space(self) -> int:
        """Room for one more tuple with its line pointer."""
        space = int(self.header.pd_upper) - int(self.header.pd_lower)
        return space - 4 if space >= 4 else 0

    def require_special_size(self, expected: int, message: str) -> None:
        """PageError unless the special space has the size of the access method's."""
        got = self.page_size - int(self.header.pd_special) & 0xFFFF
        if got != expected:
            raise PageError(message, f"Expected special size {expected}, got {got}.")
        if self.special + expected > BLCKSZ:
            raise CorruptData("special space ends beyond the page", field="pd_special")


def int2(value: int) -> int:
    """The smallint with these 16 bits."""
    return value - 0x10000 if value & 0x8000 else value


def int4(value: int) -> int:
    """The integer with these 32 bits."""
    return value - 0x1_0000_0000 if value & 0x8000_0000 else value


class Float8(float):
    """A float8 that prints as PostgreSQL does: shortest digits, no needless ``.0``."""

    def __str__(self) -> str:
        if self != self:
            return "NaN"
        if self in (float("inf"), float("-inf")):
            return "Infinity" if self > 0 else "-Infinity"
        mantissa, _, exponent = f"{self:e}".partition("e")
        digits, _, power = float.__repr__(self).partition("e")
        if -5 < int(exponent) < 15:
            return _plain(self)
        if power:
            return f"{digits.removesuffix('.0')}e{int(power):+03d}"
        shown = digits.removesuffix(".0").lstrip("-").rstrip("0")
        sign = "-" if mantissa.startswith("-") else ""
        rest = f".{shown[1:]}" if len(shown) > 1 else ""
        return f"{sign}{shown[0]}{rest}e{int(exponent):+03d}"


def _plain(value: float) -> str:
    return float.__repr__(value).removesuffix(".0")


Row = tuple[Any, ...]


def flag_names(bits: int, names: Sequence[tuple[int, str]]) -> list[str]:
    """The names of the set bits, what has no name in one hexadecimal number at the end."""
    out = [name for bit, name in names if bits & bit]
    rest = bits & ~sum(bit for bit, _name in names)
    return [*out, f"{rest:x}"] if rest else out
