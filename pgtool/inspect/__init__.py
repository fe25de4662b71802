"""Inspection: pages, SLRUs and maps shown with the real tools' names and columns."""
