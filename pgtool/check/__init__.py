"""Verifiers of a whole cluster: they yield findings and never stop at the first."""
