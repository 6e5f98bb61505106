"""Features of frozen networks, computed once for all trials and kept among the caches."""
