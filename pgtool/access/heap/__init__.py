"""The heap: pages of row versions. Line pointers, visibility, attributes, batches."""
