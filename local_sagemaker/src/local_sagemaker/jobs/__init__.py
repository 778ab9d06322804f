"""The jobs room: one module a kind of job, each of which runs what it is asked to run."""
