"""The exercises of lesson 22, the loop from labels to the edge."""

import json

from gluon_lessons.course.check import call, exercise

BELT = "s3://bucket/belt/pictures"


@exercise("Correct. The share tells you which pictures to show to more people.")
def consolidate(function):
    answer = call(function, ["bag", "trouser", "bag", "bag"])
    if isinstance(answer, str) or not isinstance(answer, tuple | list) or len(answer) != 2:
        return "Return two things: the label, and the share of the people who gave it."
    name, share = answer
    if name == 3 or share == "bag":
        return "The label comes first, then the share."
    if name != "bag":
        return f"Three of four say bag, and one says trouser; your label is {name!r}."
    if share == 3:
        return "3 is how many gave it. Divide by how many were asked, so that it can be compared."
    if share in (0.5, 3 / 2):
        return "You divide by how many different labels there are. Divide by how many people were asked: len(labels)."
    if share == 1:
        return "The share is 1 although one of the four disagrees. Count first, then divide."
    if share != 0.75:
        return f"Three of four are 0.75; yours is {share}."
    name, _ = call(function, ["trouser", "bag", "bag"])
    if name != "bag":
        return "You take the first answer. In trouser, bag, bag most people say bag."
    name, _ = call(function, ["bag", "trouser", "trouser"])
    if name != "trouser":
        return "You take the last or the first in the alphabet. In bag, trouser, trouser most people say trouser."
    return None


def _line(file, **more):
    return json.dumps({"source-ref": f"{BELT}/{file}"} | more)


@exercise("Correct. Every training script that reads a manifest begins so.")
def labelled(function):
    failed = {"failure-reason": "Nobody labelled it.", "human-annotated": "yes"}
    manifest = [
        _line("a.png", clothes=3, **{"clothes-metadata": {"class-name": "bag"}}),
        _line("b.png", **{"clothes-metadata": failed}),
        _line("c.png", clothes=0, **{"clothes-metadata": {"class-name": "T-shirt"}}),
    ]
    try:
        answer = call(function, manifest)
    except Exception as error:
        if "KeyError" in str(error):
            return f"{error}. The picture that nobody labelled has no clothes: look whether it is there, then read it."
        if "indices must be integers" in str(error):
            return "A line is text until json.loads makes a dictionary of it."
        raise
    if not isinstance(answer, dict):
        return "Return a dictionary, file name -> number of the label."
    if any("/" in str(name) for name in answer):
        return "The keys should be names such as 'a.png': what stands behind the last / of the address."
    if answer == {"a.png": "bag", "c.png": "T-shirt"}:
        return "Those are the names, from the metadata. A network learns numbers: what stands in clothes itself."
    if "b.png" in answer:
        return "Nobody could label b.png: it has metadata, but no clothes. Leave it out."
    if "c.png" not in answer:
        return "c.png is missing. Its label is 0, which `if` takes for no; ask whether 'clothes' is in the line."
    if answer != {"a.png": 3, "c.png": 0}:
        return f"It should be {{'a.png': 3, 'c.png': 0}}; yours is {answer}."
    return None
