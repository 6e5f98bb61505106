"""Picture files as arrays: decoded once into a cache that every trial maps, or streamed."""
