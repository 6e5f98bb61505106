"""A study: its config and file, its folder, who runs it, and what may change between two sessions."""
