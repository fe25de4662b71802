"""SQL: parse, analyze, rewrite, plan, execute."""
