"""The scripts that make fixtures; `tests.fixture_script` says how they are read."""
