"""Upper and lower case, by the rules of the input collation; Unicode forms.

A collation's locale comes from one of three providers. C and POSIX know ASCII; builtin
C.UTF-8 and the C library map one character to one; builtin PG_UNICODE_FAST and ICU follow
Unicode's full mappings (ß becomes SS). Character classes (what is a letter or a digit) go
with it: :class:`Rules` holds both for regular expressions too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from formats.version import ByMajor
from pgtool.errors import SqlError, Unsupported
from pgtool.functions.alphabetic import is_alphabetic
from pgtool.functions.registry import Call, builtin

__all__ = ["Rules", "rules_of", "simple_lower", "simple_upper"]

C_COLLATION, POSIX_COLLATION, DEFAULT_COLLATION = 950, 951, 100


#: Pairs that are newer than the interpreter's tables.
_NEW_UPPER = {"\u019b": "\ua7dc", "\u0264": "\ua7cb"}
_NEWER = str.maketrans(_NEW_UPPER)


def simple_upper(char: str) -> str:
    """A character's one-to-one upper case."""
    made = char.upper()
    if len(made) == 1:
        return _NEW_UPPER.get(made, made)
    made = char.title()
    return made if len(made) == 1 else char


def simple_lower(char: str) -> str:
    """A character's one-to-one lower case."""
    made = char.lower()
    return made if len(made) == 1 else made[0]


def simple_fold(char: str) -> str:
    """A character's one-to-one case folding."""
    made = char.casefold()
    if len(made) == 1:
        return made
    return char if char == "\u0130" else simple_lower(char)


@dataclass(frozen=True, slots=True)
class Rules:
    """How a collation treats case: ASCII only, one-to-one, or Unicode's full mappings."""

    kind: str
    provider: str = "c"

    def upper(self, text: str) -> str:
        """Upper case."""
        if text.isascii():
            return text.upper()
        if self.kind == "full":
            return text.upper().translate(_NEWER)
        return self._each(text, simple_upper)

    def lower(self, text: str) -> str:
        """Lower case."""
        if text.isascii() or self.kind == "full":
            return text.lower()
        return self._each(text, simple_lower)

    def _each(self, text: str, one: Callable[[str], str]) -> str:
        if self.kind == "ascii":
            return "".join([one(c) if c < "\x80" else c for c in text])
        return "".join([one(c) for c in text])

    def is_alnum(self, char: str) -> bool:
        """A letter or a digit."""
        if self.kind == "ascii":
            return char.isascii() and char.isalnum()
        if char.isascii():
            return char.isalnum()
        digits = self.kind == "full" or self.provider == "c"
        return is_alphabetic(char) or (digits and unicodedata.category(char) == "Nd")

    def initcap(self, text: str) -> str:
        """Words with a large first letter."""
        out, inside = [], False
        for char in text:
            if self.kind == "ascii" and char >= "\x80":
                out.append(char)
            elif inside:
                out.append(char.lower() if self.kind == "full" else simple_lower(char))
            elif self.kind == "full":
                out.append(char.title().translate(_NEWER))
            else:
                out.append(simple_upper(char))
            inside = self.is_alnum(char)
        return "".join(out)


ASCII_RULES = Rules("ascii")
_ASCII_LOCALES = frozenset(("C", "POSIX"))


def _of_locale(provider: str, locale: str) -> Rules:
    if provider == "b":
        if locale == "C":
            return ASCII_RULES
        return Rules("full" if locale == "PG_UNICODE_FAST" else "simple", "b")
    if provider == "i":
        language = re.split(r"[-_@]", locale.lower())[0]
        if language in ("tr", "az", "lt", "el"):
            raise Unsupported(f'case rules of ICU locale "{locale}"')
        return Rules("full", "i")
    if locale in _ASCII_LOCALES:
        return ASCII_RULES
    if locale[:2] in ("tr", "az"):
        raise Unsupported(f'case rules of locale "{locale}"')
    return Rules("simple", "c")


def _facts(session: Any, oid: int) -> tuple[str, str]:
    row = session.cache.one("pg_collation", "oid", oid) if oid != DEFAULT_COLLATION else None
    if row is not None and row.collprovider != "d":
        locale = row.collctype if row.collprovider == "c" else (
            getattr(row, "colllocale", None) or getattr(row, "colliculocale", None)
            or row.collctype
        )
        return row.collprovider, str(locale or "C")
    row = session.cache.one("pg_database", "oid", session.database.oid)
    provider = getattr(row, "datlocprovider", "c") or "c"
    locale = row.datctype if provider == "c" else (
        getattr(row, "datlocale", None) or getattr(row, "daticulocale", None)
    )
    return provider, str(locale or "C")


def rules_of(call: Call) -> Rules:
    """The rules of a call's input collation."""
    oid = call.collation or DEFAULT_COLLATION
    if oid in (C_COLLATION, POSIX_COLLATION):
        return ASCII_RULES
    known: dict[int, Rules] = call.session.__dict__.setdefault("_case_rules", {})
    if oid not in known:
        known[oid] = _of_locale(*_facts(call.session, oid))
    return known[oid]


@builtin("upper", call=True)
def upper(call: Call, text: str) -> str:
    return rules_of(call).upper(text)


@builtin("lower", call=True)
def lower(call: Call, text: str) -> str:
    return rules_of(call).lower(text)


@builtin("initcap", call=True)
def initcap(call: Call, text: str) -> str:
    return rules_of(call).initcap(text)


@builtin("casefold", call=True)
def casefold(call: Call, text: str) -> str:
    _need_utf8(call, "Unicode case folding")
    rules = rules_of(call)
    if rules.kind == "full":
        return text.casefold()
    if rules.kind == "ascii":
        return rules.lower(text)
    return "".join([simple_fold(char) for char in text])


# -- Unicode ----------------------------------------------------------------------------

_FORMS = ("NFC", "NFD", "NFKC", "NFKD")
_UNICODE_VERSION = ByMajor({14: "15.1", 18: "16.0"})


def _need_utf8(call: Call, what: str) -> None:
    if call.session.settings.encoding.name != "UTF8":
        raise SqlError(
            f"{what} can only be performed if server encoding is UTF8", "42601"
        )


def _form(call: Call, form: str) -> Any:
    _need_utf8(call, "Unicode normalization")
    if form.upper() not in _FORMS:
        raise SqlError(f"invalid normalization form: {form}", "22023")
    return form.upper()


@builtin("unicode_normalize_func", call=True)
def unicode_normalize(call: Call, text: str, form: str) -> str:
    return unicodedata.normalize(_form(call, form), text)


@builtin("unicode_is_normalized", call=True)
def unicode_is_normalized(call: Call, text: str, form: str) -> bool:
    return unicodedata.is_normalized(_form(call, form), text)


@builtin("unicode_assigned", call=True)
def unicode_assigned(call: Call, text: str) -> bool:
    _need_utf8(call, "Unicode categorization")
    return all(unicodedata.category(c) != "Cn" for c in text)


@builtin("unicode_version", call=True)
def unicode_version(call: Call) -> str:
    return _UNICODE_VERSION[call.session.settings.major]


_ESCAPE = re.compile(
    r"\\(?:(\\)|u?([0-9a-fA-F]{4})|\+([0-9a-fA-F]{6})|U([0-9a-fA-F]{8})|())|([^\\]+)", re.DOTALL
)


@builtin("unistr")
def unistr(text: str) -> str:
    out: list[str] = []
    first = 0
    for match in _ESCAPE.finditer(text):
        digits = match[2] or match[3] or match[4]
        if digits is None:
            if match[5] is not None:
                raise SqlError(
                    "invalid Unicode escape", "42601",
                    hint="Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.",
                )  # fmt: skip
            if first:
                raise SqlError("invalid Unicode surrogate pair", "42601")
            out.append(match[1] or match[6])
            continue
        code = int(digits, 16)
        if not 0 < code <= 0x10FFFF:
            raise SqlError(f"invalid Unicode code point: {code:04X}", "22023")
        second = 0xDC00 <= code < 0xE000
        if bool(first) != second:
            raise SqlError("invalid Unicode surrogate pair", "42601")
        if 0xD800 <= code < 0xDC00:
            first = code
        else:
            out.append(chr(0x10000 + ((first & 0x3FF) << 10) + (code & 0x3FF) if first else code))
            first = 0
    if first:
        raise SqlError("invalid Unicode surrogate pair", "42601")
    return "".join(out)
