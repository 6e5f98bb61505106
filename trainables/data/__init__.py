"""From folders and CSVs to one table of samples, and the data sets that can be made here."""
