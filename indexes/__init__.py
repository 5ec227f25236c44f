"""A corpus of report sentences as a verified, memory-mapped index."""
