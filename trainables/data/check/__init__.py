"""What may mislead a search: faults, duplicates, shortcuts, splits that are no sample of one another."""
