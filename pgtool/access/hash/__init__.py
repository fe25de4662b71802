"""Hash indexes: page changes and their replay."""
