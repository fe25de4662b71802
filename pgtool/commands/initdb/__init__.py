"""``pgtool initdb``: a new data directory, made without any PostgreSQL file.

1. :mod:`~pgtool.commands.initdb.options` settles what was asked for;
   :mod:`~pgtool.commands.initdb.locales` and :mod:`~pgtool.commands.initdb.timezone`
   fill in what the machine says;
2. :mod:`~pgtool.commands.initdb.directory` makes the directories, and takes everything
   away again where something fails;
3. :mod:`~pgtool.commands.initdb.config` words the configuration files;
4. :mod:`pgtool.catalog.genesis` makes the pages of the catalogs, which
   :mod:`~pgtool.commands.initdb.databases` writes three times over;
5. :mod:`~pgtool.commands.initdb.control` writes the first WAL segment with the shutdown
   checkpoint, transaction status, and pg_control last.
"""
