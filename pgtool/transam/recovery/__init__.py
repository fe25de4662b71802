"""Recovery: from a crashed directory or a backup to a consistent one.

How it goes (``pgtool recover``, and every reading command over an overlay, where
:mod:`.opening` finds that a directory is not whole):

1. :mod:`.start` finds where to begin: pg_control or backup_label name a checkpoint, its
   record names the redo point.
2. :mod:`.driver` replays from there and stops at the end of WAL or where :mod:`.targets` says
   so: over regular stretches by the compiled loop (:mod:`.fast`), else record by record, read
   by the plain reader and replayed through :mod:`pgtool.wal.redo`.
3. :mod:`.finish` settles what only the end can decide (unlogged relations, prepared
   transactions, pages of SLRUs) and writes everything out; over a real directory a
   checkpoint and pg_control follow, over an overlay only pg_control. A new timeline, where
   one begins, is the matter of :mod:`.promotion`.

Nothing here writes except through the backend that it was given.
"""
