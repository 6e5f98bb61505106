"""The page of a data check: one HTML file with what was found, pictures beside it."""
