"""What pg_waldump says of each record: one module per resource manager, a function per type."""
