"""How one trial learns: data, networks, loops, checkpoints. Knows neither the search nor the analysis."""
