"""A model that multiplies, and that misbehaves when it is asked to: what the tests of serving deploy."""

import json
import os
import time
from pathlib import Path

from sagemaker_inference.errors import BaseInferenceToolkitError


def model_fn(model_dir):
    return float(json.loads((Path(model_dir) / "factor.json").read_text()))


def transform_fn(factor, data, content_type, accept):
    if content_type == "application/octet-stream":
        return bytes(data)[::-1], content_type
    if content_type != "application/json":
        raise BaseInferenceToolkitError(415, f"{content_type} is not read here; send application/json.", "Unsupported")
    try:
        request = json.loads(data)
    except (ValueError, RecursionError):
        raise BaseInferenceToolkitError(400, "The body is not JSON.", "Bad Request") from None
    if isinstance(request, dict):
        return json.dumps(misbehave(request)), "application/json"
    if not isinstance(request, list) or [type(number) for number in request] != [int] * 3:
        raise BaseInferenceToolkitError(400, "The body must be a list of three numbers.", "Bad Request")
    return json.dumps(factor * sum(request)), "application/json"


def misbehave(request):
    if "sleep" in request:
        time.sleep(request["sleep"])
    if "print" in request:
        print(request["print"])
    if "exit" in request:
        os._exit(1)
    if "raise" in request:
        raise RuntimeError(request["raise"])
    return {"pid": os.getpid(), "cwd": str(Path.cwd()), "variables": dict(os.environ)}
