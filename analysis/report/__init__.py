"""What a person reads of the analysis: sentences, tables, plots, in HTML and Markdown."""
