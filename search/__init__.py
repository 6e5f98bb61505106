"""Which trials run, where, and what is remembered."""

from search import environment

# Whatever of this package is imported first: Ray and MLflow read the environment while they are imported.
environment.prepare()
