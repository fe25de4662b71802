"""COPY … TO: column batches into the forms that the server's COPY writes, and others."""
