"""Text search in many languages: a stemming dictionary and a configuration for each.

Both follow one pattern, so ``languages.txt`` holds the languages only. The stemmers are in a
library that comes with the server, as the lists of stop words do; what is here names them.
"""

from __future__ import annotations

from pgtool.catalog.genesis.declared import read_text
from pgtool.catalog.genesis.facts import OID, vector
from pgtool.catalog.genesis.rows import BOOTSTRAP_SUPERUSER, PG_CATALOG, Rows

LIBRARY = b"$libdir/dict_snowball"
DEFAULT_PARSER, SIMPLE = 3722, 3765
#: Token types of the default parser: words that are stemmed, of ASCII letters and of any.
ASCII_WORDS, WORDS = (1, 11, 16), (2, 10, 17)
#: What else a text is made of and is kept as it stands.
PLAIN = (3, 4, 5, 6, 7, 8, 9, 15, 18, 19, 20, 21, 22)


def add_languages(rows: Rows) -> None:
    """The template, the dictionaries, the configurations, and what depends on what."""
    template = _template(rows)
    dictionaries: dict[str, int] = {}
    texts = [line.split() for line in read_text("languages.txt").splitlines()]
    plans = []
    for name, *marks in texts:
        option = f"language = '{name}'"
        option += f", stopwords = '{name}'" if "stopwords" in marks else ""
        dictionary = dictionaries[name] = rows.oid()
        rows.add(
            "pg_ts_dict", oid=dictionary, dictname=f"{name}_stem".encode(),
            dictnamespace=PG_CATALOG, dictowner=BOOTSTRAP_SUPERUSER, dicttemplate=template,
            dictinitoption=option.encode(),
        )  # fmt: skip
        rows.depend(("pg_ts_dict", dictionary, 0), ("pg_ts_template", template, 0), "n")
        other = next((m.removeprefix("ascii=") for m in marks if m.startswith("ascii=")), name)
        plans.append((name, other))
    for name, other in plans:
        _configuration(rows, name, dictionaries[name], dictionaries[other])


def _template(rows: Rows) -> int:
    """The template of stemming dictionaries and its two functions."""
    types = rows.facts.types
    made = []
    for name, count in (("dsnowball_init", 1), ("dsnowball_lexize", 4)):
        internal = types["internal"].oid
        made.append(
            rows.add_c_function(name, LIBRARY, internal, vector(OID, "I", [internal] * count))
        )
    template = rows.oid()
    rows.add("pg_ts_template", oid=template, tmplname=b"snowball", tmplnamespace=PG_CATALOG,
             tmplinit=made[0], tmpllexize=made[1])  # fmt: skip
    for function in made:
        rows.depend(("pg_ts_template", template, 0), ("pg_proc", function, 0), "n")
    return template


def _configuration(rows: Rows, name: str, words: int, ascii_words: int) -> None:
    config = rows.oid()
    rows.add("pg_ts_config", oid=config, cfgname=name.encode(), cfgnamespace=PG_CATALOG,
             cfgowner=BOOTSTRAP_SUPERUSER, cfgparser=DEFAULT_PARSER)  # fmt: skip
    for kinds, dictionary in ((ASCII_WORDS, ascii_words), (WORDS, words), (PLAIN, SIMPLE)):
        for kind in kinds:
            rows.add("pg_ts_config_map", mapcfg=config, maptokentype=kind, mapseqno=1,
                     mapdict=dictionary)  # fmt: skip
    for dictionary in sorted({words, ascii_words}):
        rows.depend(("pg_ts_config", config, 0), ("pg_ts_dict", dictionary, 0), "n")
