"""Running plans: batches of columns through PostgreSQL's plan nodes.

* :mod:`.run`: ``execute(planned, session, params)`` → Result; :mod:`.build` makes an
  :class:`~pgtool.sql.executor.node.Exec` of every plan node;
* :mod:`.batch`: rows as columns, gathered only when read;
* :mod:`.vectors` (over batches) and :mod:`.scalar` (over one row): the two forms of every
  expression; :mod:`.scope` says where Vars are;
* :mod:`.scan` and its kin read relations; :mod:`.nestloop`, :mod:`.hashjoin`,
  :mod:`.mergejoin` join; :mod:`.sorting`, :mod:`.agg`, :mod:`.window`, :mod:`.setop`,
  :mod:`.limit`, :mod:`.cte`, :mod:`.functionscan`, :mod:`.projectset` are named after what
  they do; :mod:`.subplans` are subqueries in expressions;
* :mod:`.keys` (order) and :mod:`.interning` (equality) turn values of any type into integers;
  :mod:`.spill` keeps rows in temporary files beyond work_mem.
"""

from __future__ import annotations
