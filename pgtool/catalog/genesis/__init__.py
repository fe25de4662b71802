"""The catalogs of a new cluster: from facts to rows to files.

1. :mod:`~pgtool.catalog.genesis.declared` reads what catalogs there are, with columns and
   indexes, :mod:`~pgtool.catalog.genesis.facts` the rows that every cluster begins with;
2. :mod:`~pgtool.catalog.genesis.rows` gathers rows by catalog, and derives those that
   describe relations; :mod:`~pgtool.catalog.genesis.views`,
   :mod:`~pgtool.catalog.genesis.grants` and their neighbours add the rest;
3. :mod:`~pgtool.catalog.genesis.files` forms pages: heap, TOAST, indexes, maps.

Nothing here reads or writes a directory: the result is bytes by file name.
"""
