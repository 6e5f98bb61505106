"""New data sets on disk: split, split anew, cleaned, fetched."""
