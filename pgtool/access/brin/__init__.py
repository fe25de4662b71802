"""BRIN indexes: page changes and their replay."""
