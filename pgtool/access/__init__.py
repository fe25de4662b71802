"""Access methods: heap, indexes, TOAST. Pure page functions and scans."""
