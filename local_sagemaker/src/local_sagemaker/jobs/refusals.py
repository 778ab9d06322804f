"""The limits room: what a job may not ask for here, said before anything starts."""

from local_sagemaker.errors import ApiError

# The images whose place this machine's Python takes, by the name of their repository.
FAMILIES = ("mxnet-training", "sagemaker-scikit-learn", "sagemaker-xgboost")


def refuse(request, members):
    """Refuse a request that sets a member which is not simulated: {"OutputDataConfig.KmsKeyId": "leave it out"}."""
    for path, cure in members.items():
        value = request
        for name in path.split("."):
            value = value.get(name) if value else None
        if value:
            raise ApiError("ValidationException", f"{path} is not simulated here; {cure}.")


def invalid(message):
    """Return the refusal of a request that AWS would refuse too."""
    return ApiError("ValidationException", message)


def family(image):
    """Return which of the stood-in images this is; any other cannot run where there are no containers."""
    name = image.rpartition("/")[2].partition(":")[0].partition("@")[0]
    if name not in FAMILIES:
        raise invalid(
            f"The image {image} cannot run here, where there are no containers. Scripts for the images "
            f"{', '.join(FAMILIES)} run on this machine's Python instead."
        )
    return name
