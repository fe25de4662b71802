"""Replay of the records that concern transactions, files and the log itself.

Each module holds one table per resource manager (named in :mod:`pgtool.wal.rmgr`): record
name → function of (record, :class:`pgtool.wal.redo.RedoContext`). ``context.instance`` is a
:class:`pgtool.transam.redo.state.RecoveryState`.
"""
