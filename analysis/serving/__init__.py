"""A bundle behind a page to try it, and the same for programs."""
