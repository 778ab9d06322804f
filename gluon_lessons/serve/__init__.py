"""Serving: what an endpoint, a batch job or a training job of SageMaker runs, and the archive that they start from."""

from gluon_lessons.serve.archive import INFERENCE, TRAIN, archive, picture_of, save, save_block
from gluon_lessons.zoo.families.picture import Picture

__all__ = ["INFERENCE", "TRAIN", "Picture", "archive", "picture_of", "save", "save_block"]
