"""The text search configuration that goes with a locale."""

from __future__ import annotations

import re

from pgtool.catalog.genesis.declared import read_text

DEFAULT = "simple"
#: Languages as locales name them; the C locale stands for English.
_CODES = {
    "ar": "arabic", "hy": "armenian", "eu": "basque", "ca": "catalan", "da": "danish",
    "nl": "dutch", "c": "english", "posix": "english", "en": "english", "et": "estonian",
    "fi": "finnish", "fr": "french", "de": "german", "el": "greek", "hi": "hindi",
    "hu": "hungarian", "id": "indonesian", "ga": "irish", "it": "italian", "lt": "lithuanian",
    "ne": "nepali", "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian",
    "sr": "serbian", "es": "spanish", "sv": "swedish", "ta": "tamil", "tr": "turkish",
    "yi": "yiddish",
}  # fmt: skip


def configurations() -> set[str]:
    """Those that a new cluster has."""
    return {DEFAULT, *(line.split()[0] for line in read_text("languages.txt").splitlines())}


def configuration_of(ctype: str) -> str | None:
    """The configuration for a locale's language, None where there is none."""
    language = re.split(r"[_.@-]", ctype, maxsplit=1)[0].lower()
    return _CODES.get(language) or (language if language in configurations() else None)
