"""Descriptions of the frequent record types as programs for the fast walk.

Each row says the same as the function of :mod:`pgtool.wal.desc` for its record type (a
test compares them over all fixtures), in steps that need no record object: a row is a
template over the fields of a declared layout, compiled to :class:`.opcodes.Op` steps. A
step may refuse a record that goes beyond the row (freeze plans, posting list updates);
that one record is then described the plain way. Record types without a row always are.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter

from construct import Construct

from formats.derive import fields, offset_of, sizeof
from formats.version import ByMajor
from formats.wal import brin, btree, hash, heap, heap2, spgist, xact
from formats.wal.heap2 import PruneFlags
from formats.wal.record import IMAGE_BITS, XLR_RMGR_INFO_MASK
from formats.wal.rmgrs import RecordType
from formats.wal.xact import XactInfo
from pgtool.wal.desc.heap import INFOBITS, INFOBITS_14
from pgtool.wal.desc.text import no_text
from pgtool.wal.opcodes import Op
from pgtool.wal.rmgr import Rmgr, entry, rmgrs
from pgtool.wal.wording import NAMES_METHOD

#: What ``{field:choice}`` prints for each value of a byte.
CHOICES: Mapping[str, Sequence[str]] = {
    "infobits": INFOBITS,
    "infobits_14": INFOBITS_14,
    "catalog": ["T" if bits & PruneFlags.XLHP_IS_CATALOG_REL else "F" for bits in range(256)],
    "newpage": [""] + [" (newpage)"] * 255,
    "nulls": [""] + [" (nulls)"] * 255,
}
NO_FIELD = 0


@dataclass(frozen=True)
class Program:
    """Steps after the record's name; ``least`` bytes of main data must be there.

    ``flagged`` replaces it where the info byte has flags beside the opcode that the name
    does not show.
    """

    least: int
    code: bytes = b""
    flagged: Program | None = None


def _template(layout: Construct, text: str) -> bytes:
    """Steps for literals, ``{field}`` (decimal), ``{field:X}`` (two hexadecimal digits) and
    ``{field:choice}``."""
    code = b""
    for literal, name, how, _conversion in Formatter().parse(text):
        if literal:
            code += bytes([Op.LITERAL, len(literal.encode())]) + literal.encode()
        if name is None:
            continue
        at = offset_of(layout, name)
        if how == "X":
            code += bytes([Op.HEX8, at])
        elif how:
            code += bytes([Op.CHOICE, at, list(CHOICES).index(how)])
        else:
            size = next(f.size for f in fields(layout) if f.offset == at)
            code += bytes([{2: Op.U16, 4: Op.U32}[size], at])
    return code


def _line(layout: Construct, *steps: str | bytes) -> Program:
    code = [_template(layout, step) if isinstance(step, str) else step for step in steps]
    return Program(sizeof(layout), b"".join(code))


def _lines(layout: Construct, wording: Mapping[int, str]) -> ByMajor[Program]:
    return ByMajor({major: _line(layout, text) for major, text in wording.items()})


def _if(layout: Construct, name: str, mask: int, *steps: bytes) -> bytes:
    body = b"".join(steps)
    return bytes([Op.SKIP_UNLESS, offset_of(layout, name), mask, len(body)]) + body


def _refuse(layout: Construct, name: str, mask: int, byte: int = 0) -> bytes:
    return bytes([Op.REFUSE, offset_of(layout, name) + byte, mask])


def _counted(register: int, layout: Construct, flags: str, mask: int, width: int) -> bytes:
    """A list in the block's data behind its own count, where a flag says it is there."""
    return bytes([Op.COUNTED, register, 1, offset_of(layout, flags), mask, width])


def _listed(register: int, layout: Construct, count: str, width: int) -> bytes:
    """A list in the block's data (``width`` 0: behind the main data) with its count in main."""
    return bytes([Op.COUNTED, register, 0, offset_of(layout, count), 0, width])


def _if_any(register: int, layout: Construct, label: str, op: Op) -> bytes:
    body = _template(layout, label) + bytes([op, register])
    return bytes([Op.SKIP_EMPTY, register, len(body)]) + body


NEED_DATA = bytes([Op.NEED_DATA, NO_FIELD])

_INSERT = _lines(
    heap.xl_heap_insert,
    {14: "off {offnum} flags 0x{flags:X}", 16: "off: {offnum}, flags: 0x{flags:X}"},
)
_XMAX = "xmax: {xmax}, off: {offnum}, infobits: {infobits_set:infobits}, flags: 0x{flags:X}"
_DELETE = _lines(
    heap.xl_heap_delete,
    {14: "off {offnum} flags 0x{flags:X} {infobits_set:infobits_14}", 16: _XMAX},
)
_LOCK = _lines(
    heap.xl_heap_lock,
    {14: "off {offnum}: xid {xmax}: flags 0x{flags:X} {infobits_set:infobits_14}", 16: _XMAX},
)
_UPDATE = _lines(
    heap.xl_heap_update,
    {
        14: "off {old_offnum} xmax {old_xmax} flags 0x{flags:X} {old_infobits_set:infobits_14}"
        "; new off {new_offnum} xmax {new_xmax}",
        16: "old_xmax: {old_xmax}, old_off: {old_offnum}, "
        "old_infobits: {old_infobits_set:infobits}, flags: 0x{flags:X}, "
        "new_xmax: {new_xmax}, new_off: {new_offnum}",
    },
)
_VISIBLE = _lines(
    heap2.xl_heap_visible,
    {
        14: "cutoff xid {snapshotConflictHorizon} flags 0x{flags:X}",
        16: "snapshotConflictHorizon: {snapshotConflictHorizon}, flags: 0x{flags:X}",
    },
)

_multi = heap2.xl_heap_multi_insert
_MULTI_INSERT_INIT = _lines(
    _multi, {14: "{ntuples} tuples flags 0x{flags:X}", 16: "ntuples: {ntuples}, flags: 0x{flags:X}"}
)
_MULTI_INSERT = ByMajor(
    {
        14: _MULTI_INSERT_INIT[14],
        16: Program(
            sizeof(_multi),
            _MULTI_INSERT_INIT[16].code + NEED_DATA + _listed(0, _multi, "ntuples", 0)
            + _template(_multi, ", offsets:") + bytes([Op.LIST, 0]),
        ),
    }
)  # fmt: skip

_prune = heap2.xl_heap_prune[17]
_PRUNE: ByMajor[Program] = ByMajor(
    {
        17: _line(
            _prune,
            _refuse(_prune, "flags", PruneFlags.XLHP_HAS_FREEZE_PLANS),
            _if(
                _prune, "flags", PruneFlags.XLHP_HAS_CONFLICT_HORIZON,
                _template(_prune, "snapshotConflictHorizon: "), bytes([Op.U32, sizeof(_prune)]),
            ),
            ", isCatalogRel: {flags:catalog}",
            NEED_DATA,
            _counted(0, _prune, "flags", PruneFlags.XLHP_HAS_REDIRECTIONS, 2),
            _counted(1, _prune, "flags", PruneFlags.XLHP_HAS_DEAD_ITEMS, 1),
            _counted(2, _prune, "flags", PruneFlags.XLHP_HAS_NOW_UNUSED_ITEMS, 1),
            ", nplans: 0, nredirected: ", bytes([Op.COUNT_OF, 0]),
            ", ndead: ", bytes([Op.COUNT_OF, 1]), ", nunused: ", bytes([Op.COUNT_OF, 2]),
            _if_any(0, _prune, ", redirected:", Op.PAIRS),
            _if_any(1, _prune, ", dead:", Op.LIST),
            _if_any(2, _prune, ", unused:", Op.LIST),
        )
    }
)  # fmt: skip

_vacuum = btree.xl_btree_vacuum
_BTREE_VACUUM: ByMajor[Program] = ByMajor(
    {
        16: _line(
            _vacuum, bytes([Op.REFUSE_U16, offset_of(_vacuum, "nupdated")]),
            "ndeleted: {ndeleted}, nupdated: 0", NEED_DATA, _listed(0, _vacuum, "ndeleted", 1),
            ", deleted:", bytes([Op.LIST, 0]), ", updated: []",
        )
    }
)  # fmt: skip
_BTREE_INSERT = _lines(btree.xl_btree_insert, {14: "off {offnum}", 16: "off: {offnum}"})
_SPLIT = _lines(
    btree.xl_btree_split,
    {
        14: "level {level}, firstrightoff {firstrightoff}, newitemoff {newitemoff}, "
        "postingoff {postingoff}",
        16: "level: {level}, firstrightoff: {firstrightoff}, newitemoff: {newitemoff}, "
        "postingoff: {postingoff}",
    },
)

_xinfo = xact.xl_xact_xinfo
_SHOWS_NOTHING = XactInfo.XACT_XINFO_HAS_DBINFO | XactInfo.XACT_XINFO_HAS_AE_LOCKS
_SHOWN_BYTES = (~_SHOWS_NOTHING & 0xFFFFFFFF).to_bytes(sizeof(_xinfo), "little")
_time = bytes([Op.TIME, offset_of(xact.xl_xact_time, "xact_time")])
_ENDED = ByMajor(
    {
        14: Program(
            sizeof(xact.xl_xact_time),
            _time,
            Program(
                sizeof(xact.xl_xact_time) + sizeof(_xinfo),
                b"".join(
                    bytes([Op.REFUSE, sizeof(xact.xl_xact_time) + byte, mask])
                    for byte, mask in enumerate(
                        (~_SHOWS_NOTHING & 0xFFFFFFFF).to_bytes(4, "little")
                    )
                )
                + _time,
            ),
        )
    }
)

#: Resource manager → record name (with its flags' suffixes) → program by major.
PROGRAMS: Mapping[str, Mapping[str, ByMajor[Program]]] = {
    "Transaction": {"COMMIT": _ENDED, "ABORT": _ENDED},
    "Heap": {
        "INSERT": _INSERT, "INSERT+INIT": _INSERT, "DELETE": _DELETE, "LOCK": _LOCK,
        "UPDATE": _UPDATE, "UPDATE+INIT": _UPDATE,
        "HOT_UPDATE": _UPDATE, "HOT_UPDATE+INIT": _UPDATE,
    },
    "Heap2": {
        "VISIBLE": _VISIBLE, "MULTI_INSERT": _MULTI_INSERT,
        "MULTI_INSERT+INIT": _MULTI_INSERT_INIT, "PRUNE_ON_ACCESS": _PRUNE,
        "PRUNE_VACUUM_SCAN": _PRUNE, "PRUNE_VACUUM_CLEANUP": _PRUNE,
    },
    "Btree": {
        "INSERT_LEAF": _BTREE_INSERT, "INSERT_UPPER": _BTREE_INSERT, "INSERT_META": _BTREE_INSERT,
        "INSERT_POST": _BTREE_INSERT, "SPLIT_L": _SPLIT, "SPLIT_R": _SPLIT,
        "DEDUP": _lines(
            btree.xl_btree_dedup, {14: "nintervals {nintervals}", 16: "nintervals: {nintervals}"}
        ),
        "VACUUM": _BTREE_VACUUM,
    },
    "Hash": {"INSERT": _lines(hash.xl_hash_insert, {14: "off {offnum}"})},
    "SPGist": {
        "ADD_LEAF": _lines(
            spgist.spgxlogAddLeaf,
            {14: "off: {offnumLeaf}, headoff: {offnumHeadLeaf}, parentoff: {offnumParent}, "
             "nodeI: {nodeI}{newPage:newpage}{storesNulls:nulls}"},
        ),
    },
    "BRIN": {
        "INSERT": _lines(
            brin.xl_brin_insert,
            {14: "heapBlk {heapBlk} pagesPerRange {pagesPerRange} offnum {offnum}"},
        ),
        "SAMEPAGE_UPDATE": _lines(brin.xl_brin_samepage_update, {14: "offnum {offnum}"}),
    },
}  # fmt: skip


@dataclass(frozen=True)
class Compiled:
    """All programs of one major, as :class:`pgtool.wal.hotrecord.HotRecord` takes them."""

    code: bytes
    starts: array[int]
    choices: list[list[bytes]]
    methods: list[bytes]


def compile_programs(major: int) -> Compiled:
    """The programs for every (resource manager, opcode) that has one."""
    code = bytearray()
    starts = array("i", [-1]) * 4096
    for rmid, manager in rmgrs(major).items():
        for kind in manager.records:
            if not kind.known_in(major):
                continue
            for info, name in kind.names().items():
                program = _program(manager, kind, info, name, major)
                if program is not None:
                    starts[rmid << 4 | (info & XLR_RMGR_INFO_MASK) >> 4] = len(code)
                    code += _assembled(manager, name, program)
    choices = [[text.encode() for text in table] for table in CHOICES.values()]
    return Compiled(bytes(code), starts, choices, _methods(major))


def _program(manager: Rmgr, kind: RecordType, info: int, name: str, major: int) -> Program | None:
    """The program for one info byte; the empty one for a type that has no description."""
    if entry(major, manager.id, info).describe is no_text:
        return Program(0)
    row = PROGRAMS.get(manager.name, {}).get(name)
    if row is None or major not in row:
        return None
    program = row[major]
    hidden_flags = info != kind.opcode and name == kind.name
    return program.flagged if hidden_flags else program


def _assembled(manager: Rmgr, name: str, program: Program) -> bytes:
    def literal(text: str) -> bytes:
        return bytes([Op.LITERAL, len(text)]) + text.encode()

    return (
        bytes([program.least])
        + literal(f"rmgr: {manager.name:<11} len (rec/tot): ")
        + bytes([Op.HEAD, NO_FIELD])
        + literal(f", desc: {name} ")
        + program.code
        + bytes([Op.END, NO_FIELD])
    )


def _methods(major: int) -> list[bytes]:
    """For each value of bimg_info what the detailed form says about the compression."""
    if not NAMES_METHOD[major]:
        return [b""] * 256
    bits = IMAGE_BITS[major]
    names = [next((n for bit, n in bits.methods if info & bit), "") for info in range(256)]
    return [f", method: {name}".encode() for name in names]
