"""GIN indexes: page changes and their replay."""
