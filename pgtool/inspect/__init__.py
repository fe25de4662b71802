"""Pages and records shown as the real inspection tools show them.

``functions`` is the table of the pageinspect functions; beside it one module for each
access method, each function a pure function of a page's bytes (``rawpage``); ``typed``
has those that print values and so need the catalogs. ``source`` finds the bytes of a
block, by file or by relation. ``explain`` annotates a page field by field from the
declarations' own documentation (``mapnotes`` says which heap blocks a map's bytes mean),
``pagemap`` prints that in a terminal, ``html`` as one file.
"""
