"""A trial in a process of its own: Ray Tune's side, its folder, cores, memory and saves."""
