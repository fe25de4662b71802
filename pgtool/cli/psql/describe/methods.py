r"""\dA and its kin: access methods, and what operators and functions they know."""

from __future__ import annotations

from typing import Any

from pgtool.cli.psql.describe.listing import Column, Listing, select, show
from pgtool.cli.psql.describe.lists import yes_no
from pgtool.cli.psql.describe.pattern import Names, conditions

__all__ = ["list_methods"]


def _qualified(alias: str, column: str, schema: str, visible: str) -> str:
    """A name, with its schema where the search path hides it."""
    return (f"CASE WHEN pg_catalog.{visible}({alias}.oid) THEN "
            f"pg_catalog.quote_ident({alias}.{column}) ELSE pg_catalog.quote_ident({schema}) || "
            f"'.' || pg_catalog.quote_ident({alias}.{column}) END")  # fmt: skip


_FAMILY = _qualified("f", "opfname", "n.nspname", "pg_opfamily_is_visible")
_METHOD = Names("am.amname")
_FAMILIES = ("pg_catalog.pg_opfamily f LEFT JOIN pg_catalog.pg_am am ON am.oid = f.opfmethod "
             "LEFT JOIN pg_catalog.pg_namespace n ON n.oid = f.opfnamespace")  # fmt: skip
_OF_FAMILY = Names("f.opfname", "n.nspname")
_OF_TYPE = Names("t.typname", "tn.nspname", "pg_catalog.format_type(t.oid, NULL)",
                 "pg_catalog.pg_type_is_visible(t.oid)")  # fmt: skip
_METHODS = Listing(
    "List of access methods", (
        Column("Name", "am.amname"),
        Column("Type", "CASE am.amtype WHEN 'i' THEN 'Index' WHEN 't' THEN 'Table' END"),
        Column("Handler", "am.amhandler", True),
        Column("Description", "pg_catalog.obj_description(am.oid, 'pg_am')", True),
    ), "pg_catalog.pg_am am", _METHOD, order="1",
)  # fmt: skip
_CLASSES = Listing(
    "List of operator classes", (
        Column("AM", "am.amname"),
        Column("Input type", "pg_catalog.format_type(c.opcintype, NULL)"),
        Column("Storage type", "CASE WHEN c.opckeytype NOT IN (0, c.opcintype) THEN "
               "pg_catalog.format_type(c.opckeytype, NULL) END"),
        Column("Operator class", _qualified("c", "opcname", "n.nspname", "pg_opclass_is_visible")),
        Column("Default?", yes_no("c.opcdefault")),
        Column("Operator family", _qualified("f", "opfname", "fn.nspname",
                                             "pg_opfamily_is_visible"), True),
        Column("Owner", "pg_catalog.pg_get_userbyid(c.opcowner)", True),
    ), "pg_catalog.pg_opclass c LEFT JOIN pg_catalog.pg_am am ON am.oid = c.opcmethod "
    "LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.opcnamespace "
    "LEFT JOIN pg_catalog.pg_type t ON t.oid = c.opcintype "
    "LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace", _METHOD, order="1, 2, 4",
    more_source=" LEFT JOIN pg_catalog.pg_opfamily f ON f.oid = c.opcfamily "
    "LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = f.opfnamespace",
)  # fmt: skip
_FAMILY_LIST = Listing(
    "List of operator families", (
        Column("AM", "am.amname"), Column("Operator family", _FAMILY),
        Column("Applicable types", "(SELECT pg_catalog.string_agg("
               "pg_catalog.format_type(oc.opcintype, NULL), ', ') FROM pg_catalog.pg_opclass oc "
               "WHERE oc.opcfamily = f.oid)"),
        Column("Owner", "pg_catalog.pg_get_userbyid(f.opfowner)", True),
    ), _FAMILIES, _METHOD,
)  # fmt: skip
_FAMILY_OPERATORS = Listing(
    "List of operators of operator families", (
        Column("AM", "am.amname"), Column("Operator family", _FAMILY),
        Column("Operator", "o.amopopr::pg_catalog.regoperator"),
        Column("Strategy", "o.amopstrategy"),
        Column("Purpose", "CASE o.amoppurpose WHEN 'o' THEN 'ordering' "
               "WHEN 's' THEN 'search' END"),
        Column("Sort opfamily", "sf.opfname", True),
        Column("Leakproof?", yes_no("p.proleakproof"), True, since=0),
    ), "pg_catalog.pg_amop o LEFT JOIN " + _FAMILIES.replace(
        "pg_opfamily f ", "pg_opfamily f ON f.oid = o.amopfamily ", 1).replace(
        "am.oid = f.opfmethod", "am.oid = f.opfmethod AND am.oid = o.amopmethod"),
    _METHOD, order="1, 2, o.amoplefttype = o.amoprighttype DESC, "
    "pg_catalog.format_type(o.amoplefttype, NULL), "
    "pg_catalog.format_type(o.amoprighttype, NULL), o.amopstrategy",
    more_source=" LEFT JOIN pg_catalog.pg_opfamily sf ON sf.oid = o.amopsortfamily "
    "LEFT JOIN pg_catalog.pg_operator op ON op.oid = o.amopopr "
    "LEFT JOIN pg_catalog.pg_proc p ON p.oid = op.oprcode",
)  # fmt: skip
_FAMILY_FUNCTIONS = Listing(
    "List of support functions of operator families", (
        Column("AM", "am.amname"), Column("Operator family", _FAMILY),
        Column("Registered left type", "pg_catalog.format_type(a.amproclefttype, NULL)"),
        Column("Registered right type", "pg_catalog.format_type(a.amprocrighttype, NULL)"),
        Column("Number", "a.amprocnum"), Column("Function", "{function}"),
    ), "pg_catalog.pg_amproc a LEFT JOIN " + _FAMILIES.replace(
        "pg_opfamily f ", "pg_opfamily f ON f.oid = a.amprocfamily ", 1)
    + " LEFT JOIN pg_catalog.pg_proc p ON p.oid = a.amproc",
    _METHOD, order="1, 2, a.amproclefttype = a.amprocrighttype DESC, 3, 4, 5",
)  # fmt: skip
#: By the letter behind \dA: the list, and what its second pattern is held against.
_LISTS = {"": (_METHODS, None), "c": (_CLASSES, _OF_TYPE), "f": (_FAMILY_LIST, _OF_TYPE),
          "o": (_FAMILY_OPERATORS, _OF_FAMILY), "p": (_FAMILY_FUNCTIONS, _OF_FAMILY)}  # fmt: skip


def list_methods(
    runner: Any, letter: str, words: list[str], flags: tuple[bool, bool, bool]
) -> None:
    r"""\dA, \dAc, \dAf, \dAo, \dAp."""
    listing, second = _LISTS[letter]
    verbose, _system, expanded = flags
    extra: list[str] = []
    if second is not None and len(words) > 1:
        extra = conditions(words[1], second, runner.engine.session.database.name)
        if letter == "f":
            test = " AND ".join(extra) or "true"
            extra = ["EXISTS (SELECT FROM pg_catalog.pg_type t JOIN pg_catalog.pg_opclass oc ON "
                     "oc.opcintype = t.oid LEFT JOIN pg_catalog.pg_namespace tn ON "
                     f"tn.oid = t.typnamespace WHERE oc.opcfamily = f.oid AND {test})"]  # fmt: skip
    text = select(listing, runner, words[0] if words else None, verbose=verbose, extra=extra)
    function = "a.amproc::pg_catalog.regprocedure" if verbose else "p.proname"
    names, types, rows = runner.query(text.replace("{function}", function))
    show(runner, names, types, rows, listing.title, expanded)
