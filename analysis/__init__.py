"""What the trials mean: selection, fusion, one final test, the report."""
