"""WAL records as pg_waldump shows them.

The way of a record: :mod:`.target` finds the files and the first record, the reader (or
the fast walk) gives records, :mod:`.filters` chooses, :mod:`.lines` writes the text,
:mod:`.stats` counts, :mod:`.dump` ties them together.
"""
