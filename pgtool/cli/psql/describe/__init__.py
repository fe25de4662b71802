r"""\d and its kin: what the catalogs hold, asked for in SQL and shown as psql shows it.

* :mod:`.pattern`: patterns of names; :mod:`.listing`, :mod:`.lists`: lists that are data;
* :mod:`.relations`, :mod:`.routines`, :mod:`.methods`, :mod:`.publications`,
  :mod:`.textsearch`, :mod:`.misc`: lists with more to them;
* :mod:`.table`, :mod:`.footers`: one relation in detail; :mod:`.source`: \sf and \sv.

A command's name is letters, then modifiers: ``S`` with what the system has, ``x`` expanded,
``+`` with more. Letters that mean nothing make the command an invalid one.
"""

from __future__ import annotations

import re
from typing import Any

from pgtool.cli.psql.describe.pattern import NotFound
from pgtool.cli.psql.slash import Arguments

__all__ = ["run_describe"]

_NAME = re.compile(r"(?P<letters>[a-zA-Z_]*?)(?P<modifiers>[Sx+]*)")
#: Commands whose letters are followed by x, which must not be taken for their own.
_WHOLE = ("dx", "dX")
_WORDS = {"list": "l", "lo_list": "dl", "z": "dp"}
_RELATIONS = re.compile(r"d[tvmsiE]+")


def _taken_apart(name: str) -> tuple[str, tuple[bool, bool, bool]] | None:
    """(letters, (+, S, x)) of a command's name."""
    if name.startswith(_WHOLE):
        letters, modifiers = name[:2], name[2:]
    else:
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        letters, modifiers = match["letters"], match["modifiers"]
    if set(modifiers) - set("Sx+"):
        return None
    return _WORDS.get(letters, letters), ("+" in modifiers, "S" in modifiers, "x" in modifiers)


def run_describe(runner: Any, name: str, args: Arguments) -> bool:
    """Run one; False if there is no such command."""
    found = _taken_apart(name)
    if found is None:
        return False
    letters, flags = found
    words: list[str] = []
    while (word := args.word(semicolon=True)) is not None:
        words.append(word)
        if len(words) == _most(letters):
            break
    pattern = words[0] if words else None
    try:
        return _special(runner, letters, words, flags) or _listed(runner, letters, pattern, flags)
    except NotFound as nothing:
        runner.say(str(nothing), "error")
        return True


def _most(letters: str) -> int:
    """How many arguments a command takes."""
    if letters.startswith("df"):
        return 101
    return {"do": 3, "drds": 2, "dAc": 2, "dAf": 2, "dAo": 2, "dAp": 2}.get(letters, 1)


def _listed(
    runner: Any, letters: str, pattern: str | None, flags: tuple[bool, bool, bool]
) -> bool:
    from pgtool.cli.psql.describe.listing import print_listing
    from pgtool.cli.psql.describe.lists import LISTS
    from pgtool.cli.psql.describe.routines import type_name

    listing = LISTS.get(letters)
    if listing is None:
        return False
    verbose, system, expanded = flags
    extra: list[str] = []
    if letters == "dT" and (pattern is None or "[]" not in pattern):
        extra.append("NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.oid = t.typelem "
                     "AND e.typarray = t.oid)")  # fmt: skip
    if letters == "dT" and pattern is not None:
        pattern = type_name(pattern)
    print_listing(listing, runner, pattern, verbose=verbose, system=system, expanded=expanded,
                  extra=extra)  # fmt: skip
    return True


def _special(
    runner: Any, letters: str, words: list[str], flags: tuple[bool, bool, bool]
) -> bool:
    """The commands that are more than one query."""
    from pgtool.cli.psql.describe import (
        methods,
        misc,
        publications,
        relations,
        routines,
        table,
        textsearch,
    )

    pattern = words[0] if words else None
    verbose = flags[0]
    if letters == "d":
        table.describe(runner, pattern, flags)
    elif _RELATIONS.fullmatch(letters):
        relations.list_relations(runner, letters[1:], pattern, flags)
    elif letters[:2] == "dP" and not set(letters[2:]) - set("itn"):
        relations.list_partitioned(runner, letters[2:], pattern, flags)
    elif letters == "dp":
        relations.list_privileges(runner, pattern, flags)
    elif letters[:2] == "df":
        if set(letters[2:]) - set("anptw"):
            return False
        routines.list_functions(runner, letters[2:], words, flags)
    elif letters == "do":
        routines.list_operators(runner, words, flags)
    elif letters == "dC":
        routines.list_casts(runner, pattern, flags)
    elif letters in ("dA", "dAc", "dAf", "dAo", "dAp"):
        methods.list_methods(runner, letters[2:], words, flags)
    elif letters == "dRp":
        publications.list_publications(runner, pattern, flags)
    elif letters == "dF" and verbose:
        textsearch.describe_configurations(runner, pattern, flags)
    elif letters == "dFp" and verbose:
        textsearch.describe_parsers(runner, pattern, flags)
    elif letters == "dx" and verbose:
        misc.list_extension_contents(runner, pattern, flags)
    elif letters == "drds":
        misc.list_role_settings(runner, words, flags)
    elif letters in _MISC:
        getattr(misc, _MISC[letters])(runner, pattern, flags)
    else:
        return False
    return True


_MISC = {"du": "list_roles", "dg": "list_roles", "dconfig": "list_settings",
         "dd": "list_comments", "dRs": "list_subscriptions"}  # fmt: skip
