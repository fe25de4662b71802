"""The catalogs of a new cluster: from facts to rows to files.

1. :mod:`~pgtool.catalog.genesis.declared` reads what catalogs and views there are, with
   columns and indexes, :mod:`~pgtool.catalog.genesis.facts` the rows that every cluster
   begins with;
2. :mod:`~pgtool.catalog.genesis.rows` gathers rows by catalog, and derives those that
   describe relations; :mod:`~pgtool.catalog.genesis.stored` adds the rules of the system views
   and the bodies of functions, :mod:`~pgtool.catalog.genesis.textsearch` the languages,
   :mod:`~pgtool.catalog.genesis.statistics` what the planner wants to know;
   :mod:`~pgtool.catalog.genesis.contents` puts it all together for what was asked;
3. :mod:`~pgtool.catalog.genesis.files` forms pages: heap, TOAST, indexes, maps.

Nothing here reads or writes a data directory: the result is pages by file name. The data lies
in ``catalog/data/initdb``; the scripts ``tests/make_initdb_*.py`` made it with a real server,
but for ``views.sql`` and ``functions.sql``, which are written by hand.
"""
