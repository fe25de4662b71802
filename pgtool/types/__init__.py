"""Data types: stored datum ↔ text and binary form."""
