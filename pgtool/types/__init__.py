"""Data types: stored datum ↔ text and binary form.

The layers above talk to a :class:`~pgtool.types.registry.TypeRegistry`::

    registry = TypeRegistry(Settings(major=18, encoding=UTF8, timezone="UTC"), lookups)
    io = registry.io_of(typeoid)
    io.text(datum)       # bytes in the database's encoding: what COPY escapes and writes
    io.output(datum)     # the same as str
    io.send(datum)       # what COPY BINARY writes after the length
    io.input(text, typmod); io.receive(wire, typmod)     # → datum
    io.to_python(datum)  # int, Decimal, datetime, UUID, dict …; the text where nothing fits

A **datum** is ``bytes``: a varlena's payload without its header and already detoasted, a
fixed-length type's typlen bytes, a cstring without its zero byte. NULL never gets here.

``lookups`` (:class:`~pgtool.types.info.Lookups`) answers from the catalogs: pg_type rows,
enum labels, columns of composite types, ranges, names behind OIDs. Without it the built-in
types work and names print as numbers. ``Settings`` are the session's DateStyle, TimeZone,
IntervalStyle, bytea_output, extra_float_digits, the database's encoding, and the major.

Damaged data raises CorruptData, input that the server would refuse SqlError with its
wording and SQLSTATE, what is not implemented Unsupported. An extension type without a
built-in output function shows as its name, a colon and its bytes in hexadecimal
(:class:`~pgtool.types.strings.Hexed`).

For bulk output, :mod:`pgtool.types.vector` turns whole column batches
(:mod:`pgtool.types.column`) into text or wire form at once, with the same result.

Modules by family: numbers, floats, numeric, strings, json, jsonb, jsonpath, dates,
intervals (with calendar and zones under them, ``*_in`` for input), misc (uuid, bits,
snapshots, aclitem), network, geometry, tsearch, arrays, composite (rows, enums, domains,
ranges), regtypes, stats.
"""

from __future__ import annotations
