"""Btree indexes: descent by scan keys, and what the planner asks about a tree."""
