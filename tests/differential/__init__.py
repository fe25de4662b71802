"""Differential tests: what we compute beside what the real server computes."""
