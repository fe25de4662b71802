"""Where bytes come from: backends, segments, buffers, checksums. Knows files, not their meaning."""
