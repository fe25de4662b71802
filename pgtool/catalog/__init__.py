"""Catalogs of the directory itself: relations, attributes, types, by name and by OID."""
