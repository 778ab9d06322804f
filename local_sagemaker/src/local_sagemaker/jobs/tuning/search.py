"""Which hyperparameters to try next, at random, on a grid, or where a Gaussian process expects most.

Every range becomes the interval from 0 to 1, on the scale that the request chose, so all three strategies see points of
a unit cube.
"""

import itertools
import math
import random
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from local_sagemaker.control.refusals import invalid

Json = dict[str, Any]


@dataclass(frozen=True)
class Number:
    """A range of whole or real numbers."""

    name: str
    low: float
    high: float
    scale: str
    whole: bool

    def value(self, position: float) -> str:
        """Return what a training job gets for a position between 0 and 1."""
        if self.scale == "Logarithmic":
            value = math.exp(math.log(self.low) + position * (math.log(self.high) - math.log(self.low)))
        elif self.scale == "ReverseLogarithmic":
            value = 1 - math.exp(math.log(1 - self.low) + position * (math.log(1 - self.high) - math.log(1 - self.low)))
        else:
            value = self.low + position * (self.high - self.low)
        value = min(max(value, self.low), self.high)
        return str(round(value)) if self.whole else repr(float(f"{value:.12g}"))

    def coordinates(self, position: float) -> list[float]:
        return [position]


@dataclass(frozen=True)
class Choice:
    """A list of values that have no order."""

    name: str
    values: tuple[str, ...]

    def value(self, position: float) -> str:
        return self.values[min(int(position * len(self.values)), len(self.values) - 1)]

    def coordinates(self, position: float) -> list[float]:
        """Return one coordinate a value, so that all values are equally far apart."""
        chosen = self.value(position)
        return [float(value == chosen) / math.sqrt(2) for value in self.values]


def ranges(request: Json) -> list[Number | Choice]:
    """Return the parameters of a ParameterRanges structure; a range that is none is refused."""
    if request.get("AutoParameters"):
        raise invalid("AutoParameters are not simulated here; give every hyperparameter a range.")
    found = []
    for kind, whole in (("IntegerParameterRanges", True), ("ContinuousParameterRanges", False)):
        for entry in request.get(kind, []):
            found.append(_number(entry, whole))
    for entry in request.get("CategoricalParameterRanges", []):
        found.append(Choice(entry["Name"], tuple(entry["Values"])))
    if not found:
        raise invalid("A tuning job needs at least one range in ParameterRanges.")
    names = [parameter.name for parameter in found]
    if len(set(names)) < len(names):
        raise invalid("A hyperparameter has two ranges; give it one.")
    return found


def _number(entry, whole):
    name, scale = entry["Name"], entry.get("ScalingType", "Auto")
    try:
        low, high = float(entry["MinValue"]), float(entry["MaxValue"])
    except ValueError:
        raise invalid(f"The range of {name} must have numbers as MinValue and MaxValue.") from None
    if not low < high:
        raise invalid(f"The range of {name} must have a MinValue below its MaxValue, not {low:g} and {high:g}.")
    if scale == "Logarithmic" and low <= 0:
        raise invalid(f"The range of {name} must be above 0 for the logarithmic scale.")
    if scale == "ReverseLogarithmic" and not (low >= 0 and high < 1):
        raise invalid(f"The range of {name} must lie within [0, 1) for the reverse logarithmic scale.")
    if scale == "Auto":  # a range over several orders of magnitude is searched by the order
        scale = "Logarithmic" if low > 0 and high / low >= 1000 else "Linear"
    return Number(name, low, high, scale, whole)


def hyperparameters(parameters: list[Number | Choice], point: Sequence[float]) -> dict[str, str]:
    """Return the hyperparameters that a point stands for."""
    return {parameter.name: parameter.value(position) for parameter, position in zip(parameters, point, strict=True)}


class Random:
    """Tries points at random, none twice while there are others."""

    def __init__(self, parameters, seed):
        self.parameters, self.random, self.tried = parameters, random.Random(seed), set()

    def next(self, seen: list[tuple[tuple[float, ...], float | None]]) -> tuple[float, ...] | None:
        """Return the next point; `seen` lists (point, value), where None is a job that has not ended yet."""
        return self.take(self.draw())

    def draw(self) -> tuple[float, ...]:
        for _ in range(100):
            point = tuple(self.random.random() for _ in self.parameters)
            if tuple(hyperparameters(self.parameters, point).values()) not in self.tried:
                break
        return point

    def take(self, point: tuple[float, ...]) -> tuple[float, ...]:
        self.tried.add(tuple(hyperparameters(self.parameters, point).values()))
        return point


class Grid:
    """Tries every combination of the listed values, once."""

    def __init__(self, parameters, seed):
        if not all(isinstance(parameter, Choice) for parameter in parameters):
            raise invalid("The Grid strategy takes only CategoricalParameterRanges.")
        sizes = [len(parameter.values) for parameter in parameters]
        self.size = math.prod(sizes)
        self.points = itertools.product(*[[(i + 0.5) / size for i in range(size)] for size in sizes])

    def next(self, seen: list[tuple[tuple[float, ...], float | None]]) -> tuple[float, ...] | None:
        return next(self.points, None)


class Bayesian:
    """Tries the point where a Gaussian process expects the greatest improvement."""

    first = 3  # points at random before the process is asked
    candidates = 500

    def __init__(self, parameters, seed):
        self.parameters, self.seed, self.fallback = parameters, seed, Random(parameters, seed)

    def next(self, seen: list[tuple[tuple[float, ...], float | None]]) -> tuple[float, ...] | None:
        known = [(point, value) for point, value in seen if value is not None]
        if len(known) < self.first:
            return self.fallback.next(seen)
        import numpy as np
        from scipy.stats import norm
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import Matern, WhiteKernel

        # A job that still runs counts as if it would come out as the worst did, so that its neighbours are left alone.
        values = np.array([value for _, value in known])
        lie = values.min()
        x = np.array([self._coordinates(point) for point, _ in seen])
        y = np.array([lie if value is None else value for _, value in seen])
        y = (y - y.mean()) / (y.std() or 1)
        process = GaussianProcessRegressor(
            Matern(length_scale=0.3, length_scale_bounds=(0.05, 5), nu=2.5) + WhiteKernel(1e-3, (1e-6, 1e-1)),
            random_state=self.seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            process.fit(x, y)
        points = [self.fallback.draw() for _ in range(self.candidates)]
        mean, deviation = process.predict(np.array([self._coordinates(point) for point in points]), return_std=True)
        deviation = np.maximum(deviation, 1e-9)
        gain = mean - y.max()
        expected = gain * norm.cdf(gain / deviation) + deviation * norm.pdf(gain / deviation)
        return self.fallback.take(points[int(expected.argmax())])

    def _coordinates(self, point):
        pairs = zip(self.parameters, point, strict=True)
        return [coordinate for parameter, position in pairs for coordinate in parameter.coordinates(position)]


Strategy = Random | Grid | Bayesian
STRATEGIES: dict[str, type[Strategy]] = {"Random": Random, "Grid": Grid, "Bayesian": Bayesian}
