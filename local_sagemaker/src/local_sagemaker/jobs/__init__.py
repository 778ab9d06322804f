"""Jobs, one module or package per kind, each of which runs what it is asked to run."""
