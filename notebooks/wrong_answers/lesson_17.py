"""What learners answer in lesson 17, and the part of the hint that each mistake must get."""

import json
from pathlib import Path


def only_scripts(path):
    return f"code/{Path(path).name}" if path.endswith(".py") else Path(path).name


def as_json(prediction, accept):
    return json.dumps({"name": prediction["name"], "score": float(prediction["score"])})


def refuse_silently(prediction, accept):
    if accept != "application/json":
        raise ValueError("no")
    return as_json(prediction, accept)


def refuse_with_a_key_error(prediction, accept):
    return {"application/json": as_json(prediction, accept)}[accept]


def first_error(lines):
    return next(line for line in lines if "Error" in line).partition(" - ")[2]


def last_error(lines):
    return [line for line in lines if "Error" in line][-1]


WRONG_ANSWERS = {
    "member": [
        (lambda path: path, "no folder of yours"),
        (lambda path: Path(path).name, "looks for the script in code/"),
        (lambda path: f"code/{Path(path).name}", "network lies in code/"),
        (only_scripts, "requirements.txt"),
        (lambda path: "model.json", "looks for the script"),
        (lambda path: f"model/{Path(path).name}", "should become model.json"),
    ],
    "output_fn": [
        (lambda prediction, accept: prediction, "cannot travel"),
        (lambda prediction, accept: str({**prediction, "score": 0.75}), "not JSON"),
        (lambda prediction, accept: json.dumps(prediction), "not JSON serializable"),
        (lambda prediction, accept: json.dumps(prediction, default=str), "float(...)"),
        (lambda prediction, accept: as_json(prediction, accept).encode(), "not bytes"),
        (lambda prediction, accept: json.dumps(prediction["name"]), "should read"),
        (as_json, "Raise a ValueError"),
        (refuse_silently, "Put `accept`"),
        (refuse_with_a_key_error, "KeyError"),
    ],
    "reason": [
        (first_error, "recovered"),
        (last_error, "not why"),
        (lambda lines: lines[-1], "not why"),
        (lambda lines: next(line for line in lines[::-1] if "Traceback" in line), "not indented"),
        (lambda lines: lines[-2], "Cut it after"),
        (lambda lines: lines[-4:], "one line"),
        (lambda lines: "Worker ended", "ends with a ValueError"),
    ],
}
