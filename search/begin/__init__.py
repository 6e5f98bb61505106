"""A first study of someone's data: what is there, what this machine can do in the time, and a file that says so."""
