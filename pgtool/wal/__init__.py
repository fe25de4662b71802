"""Write-ahead log: reader, resource manager table, descriptions."""
