"""Parse analysis: raw parse trees → Query, by the directory's own catalogs.

* :mod:`.state`: what is known while a query is analyzed: range table, names in scope;
* :mod:`.nodetypes`: type, typmod and collation of any expression;
* :mod:`.coerce`, :mod:`.functions`, :mod:`.operators`: type conversion and the choice of
  functions and operators (manual, chapter 10);
* :mod:`.expressions`, :mod:`.target`, :mod:`.from_clause`, :mod:`.clauses`,
  :mod:`.aggregates`, :mod:`.setops`, :mod:`.cte`: one clause each;
* :mod:`.query`: the statement as a whole.
"""
