"""SP-GiST indexes: page changes and their replay."""
