"""Which trials run, where, and what is remembered of them."""
