"""System information functions: what a server knows of its catalogs, files and state.

The directory is at rest, so what a server would tell of running processes is an empty set
or NULL; everything else comes from the catalogs, the files, pg_control and the statistics
file that a clean shutdown leaves.
"""
