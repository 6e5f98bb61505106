"""Where trials run: the machines' Ray, what each trial gets of them, CUDA MPS, signals."""
