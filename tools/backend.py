"""The package's build: Hatchling's, once it is clear that the course can run here.

`pip install .` thus says in one sentence what to do, before it fetches anything or fails for want of a wheel.
"""

from setup import supported

if supported.problem():
    raise SystemExit(supported.problem())

from hatchling.build import *  # noqa: F403  (the hooks of PEP 517, as they are)
