"""What the families have in common."""

from collections.abc import Callable
from typing import Any

import mxnet as mx
import numpy as np

from gluon_lessons.context import device
from gluon_lessons.errors import LessonError
from gluon_lessons.zoo.catalogue import Entry
from gluon_lessons.zoo.families.picture import Picture, Size, prepare
from gluon_lessons.zoo.store import Network


class Family:
    """A kind of network: how it sees a photograph, what its outputs say, and what may be done with it.

    Every family gives `picture`, `decode`, `compared` and `compare`; one whose network sees something other than the
    whole photograph gives `answer` and `inputs` as well. What a network cannot do, a sentence says, which the person
    who asks for it reads.
    """

    fixed_size = True  # of the input, so that memory can be planned once
    whole = True  # whether the body is all of the network
    not_served = ""  # why no endpoint can run it
    not_fused = ""  # why `fast.fused` and `fast.int8` cannot
    not_compared = ""  # why `fast.agreement` cannot
    compared = ""  # what `fast.agreement` counts

    # The fields of a result, from (outputs for one photograph, network, seen, size, and the options of the task):
    # `seen` is the (height, width) of the network's input, `size` that of the photograph.
    decode: Callable[..., dict[str, Any]]

    def picture(self, entry: Entry) -> Picture:
        """What the network wants to see."""
        raise NotImplementedError

    def compare(self, one, other, overlap: float) -> tuple[int, int, float]:
        """Of two results for one photograph: how much is alike, of how much, and the largest difference in a score."""
        raise NotImplementedError

    def prepare(self, photo, entry: Entry) -> tuple[np.ndarray, Size]:
        """The photograph as the network's input, and its true (height, width)."""
        return prepare(photo, self.picture(entry))

    def inputs(self, photo, network: Network) -> list[np.ndarray]:
        """All that the network sees of a photograph."""
        return [self.prepare(photo, network.entry)[0]]

    def answer(self, photo, network: Network, **options) -> dict[str, Any]:
        """The fields of the result for a photograph."""
        pixels, size = self.prepare(photo, network.entry)
        return self.decode(self.run(network, pixels), network, pixels.shape[2:], size, **options)

    def body(self, network: Network):
        """The part of the network that is worth computing fast, as a block: mostly all of it."""
        return network.net

    def run(self, network: Network, pixels: np.ndarray) -> list[mx.nd.NDArray]:
        """The outputs of the body for one picture, which is not copied on its way in."""
        outputs = self.body(network)(mx.nd.from_numpy(pixels, zero_copy=True).as_in_context(device()))
        return [output[0] for output in (outputs if isinstance(outputs, list | tuple) else [outputs])]

    def check_served(self, network: Network) -> None:
        """Refuse what an endpoint could not run."""
        if self.not_served:
            raise LessonError(f"No endpoint can run {network.entry.name}: {self.not_served}")
        if network.plain is not None and not self.whole:
            raise LessonError(
                f"An endpoint fuses {network.entry.name} itself: give it the plain network, as zoo.load returns it."
            )
