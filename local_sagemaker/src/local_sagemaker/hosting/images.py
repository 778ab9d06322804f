"""Container images that run here, without Docker: which handler stands in for each."""

import importlib.util
from functools import cache
from pathlib import Path

import yaml

from local_sagemaker.errors import ApiError


@cache
def images() -> dict[str, dict[str, str]]:
    """Return {repository of an image: its entry in images.yaml}."""
    text = Path(__file__).with_name("images.yaml").read_text()
    return {image["name"]: image for image in yaml.safe_load(text)}


def handler_of(image: str) -> str:
    """Return the module of the handler that an image holds, or refuse an image that cannot run here."""
    entry = images().get(image.rpartition("/")[2].partition(":")[0])
    if entry is None:
        raise ApiError(
            "ValidationException",
            f"Image {image} is not simulated here, where no container runs. Images that do: {', '.join(images())}; "
            "on AWS any image does.",
        )
    if not is_installed(entry["handler"]) or not is_installed(entry.get("needs", "sys")):
        extra = entry["extra"]
        raise ApiError(
            "ValidationException",
            f"Image {image} needs what the extra `{extra}` installs, which is missing here: "
            f"pip install 'local_sagemaker[{extra}]' and start again.",
        )
    return entry["handler"]


def is_installed(module: str) -> bool:
    """Return whether a module's package could be imported; nothing is."""
    return importlib.util.find_spec(module.partition(".")[0]) is not None
