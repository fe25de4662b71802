"""The tests of pgtool: `python -m pytest`; not installed."""
