"""Utility statements: what COPY and its kin do, over the layers below."""
