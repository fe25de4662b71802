"""Locales and encodings: what the machine has, and whether a choice fits together."""

from __future__ import annotations

import locale as clib
import os
import re
import subprocess
import time
from dataclasses import dataclass, field

from pgtool.commands.initdb.options import CATEGORIES, Options
from pgtool.errors import Unsupported, UserError
from pgtool.types.encoding import SQL_ASCII, UTF8, Encoding, encoding_by_name

#: Names of character sets in C libraries that are not simply the encoding's name.
_CODESETS = {
    "ansix341968": "SQL_ASCII", "usascii": "SQL_ASCII", "646": "SQL_ASCII", "ascii": "SQL_ASCII",
    "gb2312": "EUC_CN", "eucjp": "EUC_JP", "euckr": "EUC_KR", "euctw": "EUC_TW",
    "iso88591": "LATIN1", "iso88592": "LATIN2", "iso88593": "LATIN3", "iso88594": "LATIN4",
    "iso88599": "LATIN5", "iso885910": "LATIN6", "iso885913": "LATIN7", "iso885914": "LATIN8",
    "iso885915": "LATIN9", "iso885916": "LATIN10", "cp1250": "WIN1250", "cp1251": "WIN1251",
    "cp1252": "WIN1252", "cp1253": "WIN1253", "cp1254": "WIN1254", "cp1255": "WIN1255",
    "cp1256": "WIN1256", "cp1257": "WIN1257", "cp1258": "WIN1258", "cp866": "WIN866",
    "ibm866": "WIN866", "cp874": "WIN874", "eucjisx0213": "EUC_JIS_2004",
}  # fmt: skip
_BUILTIN = {"C": "C", "C.UTF-8": "C.UTF-8", "C.UTF8": "C.UTF-8", "PG_UNICODE_FAST":
            "PG_UNICODE_FAST"}  # fmt: skip
_UTF8_ONLY = ("C.UTF-8", "PG_UNICODE_FAST")
_ATTRIBUTE = {
    "collate": clib.LC_COLLATE, "ctype": clib.LC_CTYPE, "messages": clib.LC_MESSAGES,
    "monetary": clib.LC_MONETARY, "numeric": clib.LC_NUMERIC, "time": clib.LC_TIME,
}  # fmt: skip


@dataclass
class Locales:
    """The locale settings of a new cluster."""

    provider: str
    lc: dict[str, str]
    datlocale: str | None
    encoding: Encoding
    version: str | None
    datestyle: str
    collations: list[tuple[str, int, str, str | None]] = field(default_factory=list)


def settle(options: Options) -> Locales:
    """All choices, checked against the machine and against each other."""
    lc = {c: checked(c, options.lc.get(c) or options.locale or "") for c in CATEGORIES}
    datlocale = None
    if options.provider == "builtin":
        datlocale = _builtin(options.builtin_locale or options.locale)
    encoding = _encoding(options, lc["ctype"])
    if datlocale in _UTF8_ONLY and encoding is not UTF8:
        raise UserError(f'builtin provider locale "{datlocale}" requires encoding "UTF-8"')
    for category in ("ctype", "collate"):
        _check_match(lc[category], encoding)
    version = "1" if datlocale else libc_version(lc["collate"])
    out = Locales(
        {"builtin": "b", "libc": "c"}[options.provider], lc, datlocale, encoding, version,
        date_order(lc["time"]),
    )  # fmt: skip
    out.collations = system_collations()
    return out


def checked(category: str, name: str) -> str:
    """The C library's own name of a locale; UserError where it has none such."""
    which = _ATTRIBUTE[category]
    before = clib.setlocale(which)
    try:
        found = clib.setlocale(which, name)
    except clib.Error:
        if name:
            raise UserError(f'invalid locale name "{name}"') from None
        raise UserError("invalid locale settings; check LANG and LC_* environment variables") from (
            None
        )
    finally:
        clib.setlocale(which, before)
    if not found.isascii():
        raise UserError(f'locale name "{found}" contains non-ASCII characters')
    return found


def _builtin(name: str | None) -> str:
    if name is None:
        raise UserError("locale must be specified if provider is builtin")
    if name not in _BUILTIN:
        raise UserError(f'invalid locale name "{name}" for builtin provider')
    return _BUILTIN[name]


def _encoding(options: Options, ctype: str) -> Encoding:
    if options.encoding is not None:
        try:
            return encoding_by_name(options.encoding)
        except Unsupported:
            raise UserError(f'"{options.encoding}" is not a valid server encoding name') from None
    found = encoding_of(ctype)
    if found is None:
        raise UserError(f'could not find suitable encoding for locale "{ctype}"')
    return found


def encoding_of(name: str) -> Encoding | None:
    """The encoding whose characters a locale classifies."""
    if name in ("C", "POSIX"):
        return SQL_ASCII
    before = clib.setlocale(clib.LC_CTYPE)
    try:
        clib.setlocale(clib.LC_CTYPE, name)
        codeset = clib.nl_langinfo(clib.CODESET)
    except clib.Error:
        return None
    finally:
        clib.setlocale(clib.LC_CTYPE, before)
    plain = re.sub(r"[^a-z0-9]", "", codeset.lower())
    try:
        return encoding_by_name(_CODESETS.get(plain, codeset))
    except Unsupported:
        return None


def _check_match(name: str, encoding: Encoding) -> None:
    found = encoding_of(name)
    if found in (encoding, SQL_ASCII, None) or encoding is SQL_ASCII:
        return
    assert found is not None
    raise UserError(
        f"encoding mismatch: the encoding {encoding.name} does not go with the locale {name}, "
        f"which is for {found.name}; choose another encoding or another locale"
    )


def libc_version(name: str) -> str | None:
    """The version of the C library that sorts by a locale; the C locales have none."""
    if name.upper() in ("C", "POSIX") or name.upper().startswith("C."):
        return None
    import ctypes

    try:
        call = ctypes.CDLL(None).gnu_get_libc_version
    except (OSError, AttributeError):
        return None
    call.restype = ctypes.c_char_p
    return (call() or b"").decode() or None


def date_order(name: str) -> str:
    """mdy, dmy or ymd, as a locale writes a date in numbers."""
    before = clib.setlocale(clib.LC_TIME)
    try:
        clib.setlocale(clib.LC_TIME, name)
        text = time.strftime("%x", (2022, 11, 17, 0, 0, 0, 3, 321, 0))
    except clib.Error:
        return "mdy"
    finally:
        clib.setlocale(clib.LC_TIME, before)
    places = [(text.find(part), kind) for part, kind in (("22", "y"), ("11", "m"), ("17", "d"))]
    order = "".join(kind for at, kind in sorted(places) if at >= 0)
    return order if order in ("mdy", "dmy", "ymd") else "mdy"


def system_collations() -> list[tuple[str, int, str, str | None]]:
    """(name, encoding, locale, version) of what ``locale -a`` offers, aliases last."""
    try:
        run = subprocess.run(
            ["locale", "-a"], capture_output=True, check=False, stdin=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
    except OSError:
        return []
    known = {("C", -1), ("POSIX", -1)}
    found: list[tuple[str, int, str]] = []
    aliases: list[tuple[str, int, str]] = []
    for line in run.stdout.splitlines():
        name = line.decode("latin-1")
        encoding = encoding_of(name) if name.isascii() and len(name) < 64 else None
        if encoding is None or encoding is SQL_ASCII:
            continue
        found.append((name, encoding.id, name))
        alias = re.sub(r"\.[A-Za-z0-9-]*", "", name, count=1)
        if alias != name:
            aliases.append((alias, encoding.id, name))
    out = []
    for name, number, meant in found + sorted(aliases):
        if (name, number) not in known and (name, -1) not in known:
            known.add((name, number))
            out.append((name, number, meant, libc_version(meant)))
    return out
