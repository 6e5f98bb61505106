"""Arrays or records in, numbers out: no path, no torch, no plot."""
