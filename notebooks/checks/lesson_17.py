"""The exercises of lesson 17, endpoints."""

import json

import numpy as np

from gluon_lessons.course.check import call, exercise


@exercise("Correct. The network lies on top, whatever is code lies in code/.")
def member(function):
    right = {
        "out/detector/model.json": "model.json",
        "out/detector/model-0000.params": "model-0000.params",
        "scripts/inference.py": "code/inference.py",
        "scripts/requirements.txt": "code/requirements.txt",
    }
    answer = {path: str(call(function, path)) for path in right}
    if answer == right:
        return None
    if all(name == path for path, name in answer.items()):
        return "These are the paths on your machine. In the archive no folder of yours may stand before the name."
    if all("/" not in name for name in answer.values()):
        return "Now everything lies on top. SageMaker looks for the script in code/."
    if all(name.startswith("code/") for name in answer.values()):
        return "Now the network lies in code/ too, where model_fn does not look. Only what is code goes there."
    if all(answer[path] == name for path, name in right.items() if "requirements" not in path):
        return "Nearly: requirements.txt, the list of packages that the script needs, belongs beside the script."
    path = next(path for path in right if answer[path] != right[path])
    return f"{path} should become {right[path]}; yours becomes {answer[path]}."


@exercise("Correct. What it does not write, it refuses by name.")
def output_fn(function):
    prediction = {"name": "dog", "score": np.float32(0.75)}
    answer = call(function, dict(prediction), "application/json")
    if isinstance(answer, dict):
        return "A dictionary cannot travel. Return text: json.dumps makes it."
    if not isinstance(answer, str):
        return f"Return text, not {type(answer).__name__}."
    try:
        read = json.loads(answer)
    except ValueError:
        return (
            "That is text, and not JSON: str(...) writes Python, with quotes that JSON does not know. Use json.dumps."
        )
    if read == {"name": "dog", "score": "0.75"}:
        return "The score arrives as text. Turn it into a number of Python's with float(...) before you write it."
    if read != {"name": "dog", "score": 0.75}:
        return f'It should read {{"name": "dog", "score": 0.75}}; yours reads {answer}.'
    try:
        function(dict(prediction), "text/csv")
    except ValueError as error:
        return (
            None
            if "text/csv" in str(error)
            else "It refuses text/csv without saying so. Put `accept` into the message."
        )
    except Exception as error:
        return f"It should refuse text/csv with a ValueError; yours stops with {type(error).__name__}."
    return "Somebody who accepts only text/csv gets JSON. Raise a ValueError for everything but application/json."


LOG = """\
00:01 INFO ModelServer - Loading initial models
00:02 INFO Worker - Traceback (most recent call last):
00:02 INFO Worker -   File "inference.py", line 9, in model_fn
00:02 INFO Worker -     return load(folder, "gpu")
00:02 INFO Worker - ConnectionError: no answer yet
00:03 INFO Worker - Retry in 1 second.
00:04 INFO Worker - Traceback (most recent call last):
00:04 INFO Worker -   File "inference.py", line 9, in model_fn
00:04 INFO Worker -     return load(folder, "gpu")
00:04 INFO Worker - ValueError: the archive holds no model.json
00:04 WARN Lifecycle - Worker ended - Error code 1""".splitlines()


@exercise("Correct. You can read a log of ten thousand lines now.")
def reason(function):
    answer = call(function, list(LOG))
    if isinstance(answer, list | tuple):
        return "Return one line, not a list of them."
    answer = str(answer).strip()
    if answer == "ValueError: the archive holds no model.json":
        return None
    if answer.endswith("no model.json"):
        return "The right line. Cut it after the first ' - '."
    if "ConnectionError" in answer:
        return "That is the first error, from which the server recovered. The last traceback counts."
    if answer.endswith("Traceback (most recent call last):"):
        return "There the traceback begins. Its reason is the first line after it that is not indented."
    if "Error code 1" in answer:
        return "That is the last line with the word Error in it. It says that the worker ended, not why."
    return f"The last traceback ends with a ValueError; yours is {answer!r}."
