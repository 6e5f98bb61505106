"""One check of a whole data set: its splits are found and read, its pictures looked at once, its texts tokenized."""
