"""Pipelines: steps, each run as the real job that it describes."""
