"""The families: one module for each kind of network, which says how its pictures are prepared and its outputs read.

An entry of the catalogue names its family, `of(entry)` gives it, and `predict`, `serve` and `fast` ask it.

To add a kind of network: a module here that ends with `FAMILY = ...` (`base.Family` says what it gives, `Detector` has
what finding boxes needs), its name and task under `families:` in catalogue.yaml, and `family: ...` in the entries.
"""

from gluon_lessons import compat
from gluon_lessons.zoo.catalogue import Entry


def of(entry: Entry):
    """The family of a network, a `base.Family`; its module is imported when it is first asked for."""
    return compat.import_module(f"{__name__}.{entry.family}").FAMILY
