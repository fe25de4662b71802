"""Pages and records shown as the real inspection tools show them.

``functions`` is the table of the pageinspect functions; beside it one module for each
access method, each function a pure function of a page's bytes. ``source`` finds the
bytes of a block. ``explain`` annotates a page field by field from the declarations'
own documentation, ``pagemap`` prints that in a terminal, ``html`` as one file.
"""
