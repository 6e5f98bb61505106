"""What can be known before the first trial, all of it checked at once."""
