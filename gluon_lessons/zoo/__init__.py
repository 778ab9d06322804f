"""The zoo: networks by name, with real weights that are fetched once, verified always, and say where they come from."""

from gluon_lessons.zoo.store import Network, load, obtain

__all__ = ["Network", "load", "obtain"]
