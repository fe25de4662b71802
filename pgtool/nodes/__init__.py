"""PostgreSQL's analyzed trees as Python classes, and their stored text (``pg_node_tree``).

* :mod:`pgtool.nodes.base`: what a node is, and walking, copying, comparing.
* :mod:`pgtool.nodes.exprs`, :mod:`~pgtool.nodes.jsonxml`, :mod:`~pgtool.nodes.query`: the
  classes, fields in the order in which PostgreSQL 18 writes them.
* :mod:`pgtool.nodes.enums`: the codes that fields hold.
* :mod:`pgtool.nodes.text`: text → tree for 14 to 18, tree → text for 18.

A tree is what views, defaults, check constraints, index expressions and predicates are
stored as. Nothing here knows a catalog.
"""
