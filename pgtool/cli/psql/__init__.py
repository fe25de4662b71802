r"""What ``pgtool query`` has of psql: statement splitting, variables, output forms, prompts.

* :mod:`.loop`: lines to statements and backslash commands, conditions; with
  :mod:`.scan` (SQL) and :mod:`.slash` (arguments of commands), :mod:`.variables`;
* :mod:`.run`: statements through the engine, with :mod:`.transactions` and :mod:`.results`;
* :mod:`.printing`: rows in a form (:mod:`.table`, :mod:`.expanded`, :mod:`.plain`,
  :mod:`.markup`) by a :mod:`.style`, which :mod:`.pset` sets; :mod:`.errors`, :mod:`.width`;
* :mod:`.commands`: backslash commands, with :mod:`.copycmd`, :mod:`.connect`, :mod:`.watch`,
  :mod:`.crosstab`, :mod:`.help`; :mod:`.describe`: ``\d`` and its kin;
* :mod:`.prompt`: the interactive loop.
"""

from __future__ import annotations
