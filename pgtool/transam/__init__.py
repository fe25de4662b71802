"""Transactions: xids, commit status, snapshots, visibility."""
