"""The images whose place this machine's Python takes in training and processing jobs."""

from local_sagemaker.control.refusals import invalid

REPOSITORIES = ("mxnet-training", "sagemaker-scikit-learn", "sagemaker-xgboost")


def check_image(image: str) -> str:
    """Return the repository of an image that can run here; any other is refused, since there are no containers."""
    name = image.rpartition("/")[2].partition(":")[0].partition("@")[0]
    if name not in REPOSITORIES:
        raise invalid(
            f"The image {image} cannot run here, where there are no containers. Scripts for the images "
            f"{', '.join(REPOSITORIES)} run on this machine's Python instead."
        )
    return name
