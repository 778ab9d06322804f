"""The exercises of lesson 21, updates without downtime."""

import numpy as np

from gluon_lessons.course.check import Mistake, call, exercise


@exercise("Correct. It needs no truth, only two periods of answers.")
def drift(function):
    before, after = ["dog"] * 3 + ["bus"] * 2 + ["person"], ["person"] * 3 + ["dog", "bus"] + ["cat"] * 3
    answer = call(function, list(before), list(after))
    if np.ndim(answer) or not np.isreal(answer):
        return "Return one number, from 0 to 1."
    labels = ("cat", "dog", "bus", "person")  # a cat is only in `after`
    then, now = (np.array([names.count(label) for label in labels]) for names in (before, after))
    moved = now / now.sum() - then / then.sum()
    if np.isclose(answer, np.abs(moved).sum()):
        return "Whatever one label loses, another gains, so yours counts each move twice. Take half."
    if np.isclose(answer, np.abs(moved[1:]).sum() / 2):
        return "A label that is only in `after` is left out of yours. Go over the labels of both lists."
    if np.isclose(answer, moved[0] / 2):
        return "Yours leaves labels out that both lists have. Go over the labels of both lists."
    if np.isclose(answer, np.abs(now - then).sum()) or np.isclose(answer, np.abs(now - then).sum() / 2):
        return "Yours compares counts, and a busy week would look like drift. Divide each list by its own length."
    if np.isclose(answer, np.abs(moved).max()):
        return "That is the label that moved most. Add the moves of all labels, and take half."
    if np.isclose(answer, moved.sum() / 2, atol=1e-6):
        return "What one label gains and another loses cancels out in yours. Take absolute values."
    if not np.isclose(answer, np.abs(moved).sum() / 2):
        return f"On a small example it should be {np.abs(moved).sum() / 2:.3f}; yours is {float(answer):.3f}."
    if not np.isclose(call(function, ["dog", "bus"], ["bus", "dog"] * 3), 0):
        return "The same mix in another order and number should give 0."
    if not np.isclose(call(function, ["dog"], ["vase", "bus"]), 1):
        return "Two lists with nothing in common should give 1, one label that vanished included."
    return None


def _package(version, status):
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:model-package/detectors/{version}"
    return {"ModelPackageVersion": version, "ModelApprovalStatus": status, "ModelPackageArn": arn}


@exercise("Correct. To roll back, take the approval back.")
def to_deploy(function):
    packages = [
        _package(2, "Approved"), _package(12, "Rejected"), _package(9, "Approved"), _package(10, "Approved"),
        _package(13, "PendingManualApproval"), _package(1, "Approved"),
    ]  # fmt: skip
    answer = call(function, [dict(package) for package in packages])
    if isinstance(answer, dict):
        return "That is the whole package. Return its ModelPackageArn."
    if not isinstance(answer, str):
        return f"Return an ARN, which is a text; yours is a {type(answer).__name__}."
    version = answer.rpartition("/")[2]
    if version == "13":
        return "Yours is the newest of all, and nobody has approved it."
    if version == "12":
        return "Yours was rejected. Only 'Approved' counts, not everything that has been decided."
    if version == "9":
        return "Yours compares versions as text, in which 9 comes after 10. Compare ModelPackageVersion, a number."
    if version in ("1", "2"):
        return "Approved, but not the newest: do not rely on the order of the list."
    if version != "10":
        return f"Version 10 is the newest approved one; yours gives {answer[:80]!r}."
    try:
        none = call(function, [_package(1, "Rejected")])
    except Mistake as mistake:
        return f"When nothing is approved: {mistake}"
    if none != "":
        return f"When nothing is approved, return an empty text; yours gives {none!r}."
    if call(function, [_package(3, "Approved"), _package(2, "Approved")]).rpartition("/")[2] != "3":
        return "With the newest first in the list yours goes wrong: do not rely on the order."
    return None
