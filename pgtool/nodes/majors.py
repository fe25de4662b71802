"""What older majors wrote differently in stored trees, as data, mapped to 18.

Each step maps the trees of one major to the form of the next; a tree of 15 passes the
steps 15 and 16 and 17. Steps work on raw nodes (tags, field names, tokens).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from formats.version import MAJORS

if TYPE_CHECKING:
    from pgtool.nodes.text import Raw

#: Old tag → new tag, by the last major that wrote the old one.
TAGS: dict[int, dict[str, str]] = {
    14: {
        "RTE": "RANGETBLENTRY", "CASE": "CASEEXPR", "WHEN": "CASEWHEN", "ARRAY": "ARRAYEXPR",
        "ROW": "ROWEXPR", "ROWCOMPARE": "ROWCOMPAREEXPR", "COALESCE": "COALESCEEXPR",
        "MINMAX": "MINMAXEXPR", "NOTIFY": "NOTIFYSTMT", "COLLATE": "COLLATEEXPR",
    },
}  # fmt: skip

#: (tag, old field) → new field, by the last major that wrote the old one.
RENAMED: dict[int, dict[tuple[str, str], str]] = {
    17: {("ROWCOMPAREEXPR", "rctype"): "cmptype"},
}

#: Fields that a later major no longer has and that mean nothing to a stored tree.
DROPPED: dict[int, set[tuple[str, str]]] = {
    15: {("RANGETBLENTRY", "extraUpdatedCols")},
    16: {("WINDOWCLAUSE", "runCondition"), ("CONSTRAINT", "old_pktable_oid")},
    17: {("WINDOWCLAUSE", "runCondition")},
}

#: CmdType of 14 lacks MERGE: UTILITY and NOTHING move up by one.
_CMD_14 = {"5": "6", "6": "7"}
_PERMISSIONS = ("requiredPerms", "checkAsUser", "selectedCols", "insertedCols", "updatedCols")
_NULL = "<>"


def adapt(raw: Any, major: int) -> Any:
    """A raw tree of ``major`` in the form of 18; trees of 18 come back as they are."""
    for step in MAJORS:
        if major <= step < MAJORS[-1]:
            raw = _step(raw, step)
    return raw


def _step(raw: Any, major: int) -> Any:
    from pgtool.nodes.text import Raw

    if isinstance(raw, list):
        return [_step(item, major) for item in raw]
    if not isinstance(raw, Raw):
        return raw
    tag = TAGS.get(major, {}).get(raw.tag, raw.tag)
    renamed = RENAMED.get(major, {})
    dropped = DROPPED.get(major, set())
    fields = {
        renamed.get((tag, name), name): _step(value, major)
        for name, value in raw.fields.items()
        if (tag, name) not in dropped
    }
    node = Raw(tag, fields)
    special = _SPECIAL.get((major, tag))
    if special is not None:
        special(node)
    return node


def _query_14(node: Raw) -> None:
    command = node.fields["commandType"]
    node.fields["commandType"] = _CMD_14.get(command, command)


def _query_15(node: Raw) -> None:
    """Permissions move from the range table entries into a list of their own."""
    from pgtool.nodes.text import Raw

    infos: list[Any] = []
    table = node.fields.get("rtable", _NULL)
    for entry in table if isinstance(table, list) else []:
        found = {name: entry.fields.pop(name) for name in _PERMISSIONS if name in entry.fields}
        if entry.fields["rtekind"] == "0" and found:
            head = {"relid": entry.fields["relid"], "inh": entry.fields["inh"]}
            infos.append(Raw("RTEPERMISSIONINFO", {**head, **found}))
            entry.fields["perminfoindex"] = str(len(infos))
    node.fields["rteperminfos"] = infos or _NULL


def _merge_action_16(node: Raw) -> None:
    """``matched`` becomes a match kind: WHEN MATCHED or WHEN NOT MATCHED BY TARGET."""
    matched = node.fields.pop("matched", None)
    if matched is not None:
        node.fields["matchKind"] = "0" if matched == "true" else "2"


def _query_16(node: Raw) -> None:
    """MERGE named its target's join by a flag; the join condition was in the join tree."""
    node.fields.pop("mergeUseOuterJoin", None)


_SPECIAL: dict[tuple[int, str], Callable[[Any], None]] = {
    (14, "QUERY"): _query_14,
    (15, "QUERY"): _query_15,
    (16, "QUERY"): _query_16,
    (16, "MERGEACTION"): _merge_action_16,
}
