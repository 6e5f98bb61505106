"""One life of a study's driver: begun or gone on with, run by Ray Tune, ended."""
