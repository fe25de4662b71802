"""attmissingval: the value of a column in rows that are older than the column.

ALTER TABLE ADD COLUMN … DEFAULT with a constant does not rewrite the table; it stores the
constant as a one-element array in pg_attribute, for every row that ends before the column.
"""

from __future__ import annotations

from formats.datum import ALIGN_BASE, ArrayType
from formats.deform import Attribute as Stored
from formats.deform import spans
from formats.derive import reader, sizeof
from formats.units import maxalign
from formats.varlena import VarattForm, read_varlena
from pgtool.catalog.relation import Attribute
from pgtool.errors import CorruptData

_read = reader(ArrayType)
_BOUNDS = 8


def missing_datum(array: bytes | None, attribute: Attribute) -> bytes | None:
    """The only element of the array as a datum; None where there is none."""
    if array is None:
        return None
    try:
        head = _read(array, 0)
        if head.ndim != 1 or head.dataoffset != 0:
            raise CorruptData(f"attmissingval has {head.ndim} dimensions")
        start = maxalign(ALIGN_BASE + sizeof(ArrayType) + _BOUNDS)
        # Alignment counts from the array's header, which the payload lacks.
        whole = bytes(ALIGN_BASE) + array
        shape = Stored(attribute.attlen, attribute.attalign, attribute.attname)
        found = spans(whole, start, len(whole), [shape])[0]
        assert found is not None
        value = whole[found[0] : found[1]]
        if attribute.attlen == -1:
            lies = read_varlena(value, 0)
            if lies.form not in (VarattForm.PLAIN, VarattForm.SHORT):
                raise CorruptData(f"attmissingval is stored with a {lies.form.value}")
            return bytes(value[lies.body : lies.end])
        return bytes(value)
    except (IndexError, ValueError, CorruptData) as problem:
        raise CorruptData(
            f"invalid attmissingval of {attribute.attname}: {problem}", field="attmissingval"
        ) from None
