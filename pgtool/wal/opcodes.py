"""The small vocabulary between the fast walk and those who set it up."""

from __future__ import annotations

import enum

#: Bytes of WAL that a walker holds.
CHUNK = 4 << 20


class Stop(enum.IntEnum):
    """Why a walk stopped."""

    MORE = 1  # bytes are missing
    IRREGULAR = 2  # the next record is for the plain reader
    FULL = 3  # the output is to be written
    LIMIT = 4  # enough records


class Action(enum.IntEnum):
    """What a walk does with a record that passes the filters."""

    NOTHING = 0
    COUNT = 1
    TEXT = 2


class Op(enum.IntEnum):
    """Steps of a description program: each has one operand byte, some have more behind it."""

    END = 0
    LITERAL = 1  # length; then the text
    HEAD = 2  # lengths, transaction and positions
    U16 = 3  # offset in the main data
    U32 = 4  # offset in the main data
    HEX8 = 5  # offset in the main data
    CHOICE = 6  # offset in the main data; the table of texts for its byte
    TIME = 7  # offset in the main data
    REFUSE = 8  # offset in the main data; mask of bits that the program cannot show
    REFUSE_U16 = 9  # offset in the main data of a number that must be 0
    NEED_DATA = 10  # ends the description where block 0 carries no data
    SKIP_UNLESS = 11  # offset in the main data; mask of flags; bytes to skip without them
    COUNTED = 12  # register; see HotRecord.find_list
    COUNT_OF = 13  # register
    SKIP_EMPTY = 14  # register; bytes to skip where its list is empty
    LIST = 15  # register
    PAIRS = 16  # register


#: Slots of a block reference in a walker's ``blocks``.
BLOCK_SLOTS = 16


class Slot(enum.IntEnum):
    """What stands in the slots of a block reference."""

    ID = 0
    FLAGS = 1
    DATA_LEN = 2
    DATA_AT = 3
    IMAGE = 4
    IMAGE_LEN = 5
    HOLE_AT = 6
    HOLE_LEN = 7
    INFO = 8
    SPC = 9
    DB = 10
    REL = 11
    BLKNO = 12


class Page(enum.IntEnum):
    """What is to be done with a page that a record refers to."""

    NEEDS_REDO = 0
    DONE = 1
    RESTORED = 2
