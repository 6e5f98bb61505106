"""A folder or a CSV as a table of samples: nothing is lost without a word."""
