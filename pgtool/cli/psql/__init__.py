"""What ``pgtool query`` has of psql: statement splitting, variables, output forms, prompts.

* :mod:`.scan`: text → statements and backslash commands, variables put in;
* :mod:`.width`, :mod:`.table`, :mod:`.plain`: rows as psql prints them;
* :mod:`.errors`: errors as psql prints them;
* :mod:`.run`: statements and their output; :mod:`.commands`, :mod:`.describe`: backslash
  commands; :mod:`.prompt`: the interactive loop.
"""

from __future__ import annotations
