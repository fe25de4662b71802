"""Transaction ids: 32 bits that wrap around, compared on a circle.

Of two normal xids one precedes the other if it is less than 2^31 behind it; the three
special ones (invalid, bootstrap, frozen) precede every normal one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from formats.units import FIRST_NORMAL_XID

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def precedes(a: int, b: int) -> bool:
    """Whether xid ``a`` logically precedes ``b``."""
    if a < FIRST_NORMAL_XID or b < FIRST_NORMAL_XID:
        return a < b
    return (a - b) & 0x80000000 != 0


def multi_precedes(a: int, b: int) -> bool:
    """Whether multixact ``a`` was made before ``b``; no multixact is special."""
    return (a - b) & 0x80000000 != 0


def precede(xids: npt.NDArray[np.uint32], limit: int) -> npt.NDArray[np.bool_]:
    """Which *normal* xids of an array precede the normal xid ``limit``."""
    import numpy as np

    out: Any = (xids - np.uint32(limit)).view(np.int32) < 0
    return np.asarray(out, bool)


def age(xid: int, next_xid: int) -> int:
    """How many transactions ago a xid was assigned, as the SQL function age() says it."""
    if xid < FIRST_NORMAL_XID:
        return 2**31 - 1
    diff = (next_xid - xid) & 0xFFFFFFFF
    return diff - 2**32 if diff >= 2**31 else diff


def full_xid(xid: int, next_full_xid: int) -> int:
    """The 64-bit xid of a 32-bit one, given the next one to be assigned."""
    if xid < FIRST_NORMAL_XID:
        return xid
    epoch = next_full_xid >> 32
    return (epoch - (xid > next_full_xid & 0xFFFFFFFF)) << 32 | xid
