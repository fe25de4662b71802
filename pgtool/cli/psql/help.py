r"""What \? prints."""

from __future__ import annotations

__all__ = ["HELP"]

_COMMANDS = r"""General
  \crosstabview [COLUMNS]  run the statement, show its result turned
  \errverbose            the last error with all that is known of it
  \g [(OPTIONS)] [FILE]  run the statement (result to FILE or |command)
  \gdesc                 the columns that the statement would give
  \gexec                 run the statement, then each value of its result
  \gset [PREFIX]         run the statement, its one row into variables
  \gx [(OPTIONS)] [FILE] as \g, expanded
  \q                     quit
  \watch [[i=]SEC] [c=N] [m=MIN]  run the statement every SEC seconds

Query buffer
  \p                     show it
  \r                     clear it
  \s [FILE]              show the history, or save it
  \w FILE                write it to FILE or |command

Input and output
  \copy ...              COPY from or to a file of yours
  \echo, \qecho, \warn [-n] [TEXT]  write TEXT to the output, to that of \o, to errors
  \i FILE, \ir FILE      run statements of FILE (\ir: beside the script)
  \o [FILE]              results go to FILE or |command

Conditions
  \if EXPR, \elif EXPR, \else, \endif

Information (S: with what the system has, x: expanded, +: more about each)
  \d[Sx+] [NAME]         describe a relation, or list tables, views, sequences
  \dt \di \dv \dm \ds \dE[Sx+]  list tables, indexes, views, materialized views,
                         sequences, foreign tables
  \da \db \dc \dC \dd \dD \ddp \dO \do \dL \dT[Sx+]  aggregates, tablespaces, conversions,
                         casts, comments, domains, default privileges, collations,
                         operators, languages, types
  \dA \dAc \dAf \dAo \dAp[x+]   access methods and what operators they know
  \dconfig[x+] [NAME]    settings
  \des \det \deu \dew[x+]       foreign servers, tables, user mappings, wrappers
  \df[anptw][Sx+] [NAME [TYPES]] functions
  \dF \dFd \dFp \dFt[x+] text search configurations, dictionaries, parsers, templates
  \dg \du \drg \drds[Sx+]       roles, memberships, settings of roles
  \dl[x+]                large objects
  \dn[Sx+]               schemas
  \dp \z[Sx]             privileges
  \dP[itnx+]             partitioned relations
  \dRp \dRs[x+]          publications, subscriptions
  \dx[x+] \dX[x] \dy[x+] extensions, statistics objects, event triggers
  \l[x+]                 databases
  \sf[+] FUNCTION, \sv[+] VIEW  its definition

Formatting
  \a, \H, \t, \x [on|off|auto]  unaligned, HTML, rows only, expanded output
  \C [TEXT], \f [TEXT], \T [TEXT]  title, field separator, attributes of HTML tables
  \pset [NAME [VALUE]]   any option of output

Connection and system
  \c [DATABASE [USER]]   open another database of the directory
  \conninfo              what is open
  \encoding              show the encoding
  \cd [DIR], \! [COMMAND], \getenv VAR NAME, \setenv NAME [VALUE]
  \timing [on|off]       tell how long statements take

Variables
  \prompt [TEXT] NAME, \set [NAME [VALUE]], \unset NAME
"""
_VARIABLES = """Variables that mean something
  AUTOCOMMIT             off: statements open a transaction block
  ECHO                   all, queries, errors, none: what is printed of the input
  ECHO_HIDDEN            print the queries of backslash commands (noexec: only that)
  HIDE_TABLEAM, HIDE_TOAST_COMPRESSION  leave these out of \\d+
  ON_ERROR_ROLLBACK      on, interactive: a savepoint around each statement of a block
  ON_ERROR_STOP          stop after an error
  PROMPT1, PROMPT2       the prompts
  QUIET                  no command tags
  SHOW_ALL_RESULTS       off: of several results the last only
  SHOW_CONTEXT           never, errors, always
  SINGLELINE             a line end ends a statement
  VERBOSITY              default, verbose, terse, sqlstate
  WATCH_INTERVAL         seconds between runs of \\watch
"""
#: By what stands behind \?.
HELP = {"commands": _COMMANDS, "variables": _VARIABLES}
