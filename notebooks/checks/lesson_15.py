"""The exercises of lesson 15, counting people."""

import functools
import json
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from gluon_lessons import predict
from gluon_lessons.course.check import call, exercise


@functools.cache
def _names(photo, threshold):
    """Return what the detector finds in a photograph."""
    return list(predict.detect(photo, threshold=threshold).names)


@exercise("Correct. A detector has become a counter.")
def count(function):
    answer = call(function, "sofa", 0.5)
    if np.ndim(answer) or not np.isreal(answer):
        return "Return one number: how many people there are."
    names = _names("sofa", 0.5)
    people = names.count("person")
    if answer == len(names):
        return "Those are all boxes, sofas and chairs among them. Count the people."
    if answer != people:
        return f"In the photograph 'sofa' the detector finds {people} people at 0.5; yours says {answer}."
    if call(function, "dog", 0.5) != 0:
        return "Right for the sofa, wrong for the photograph 'dog', where nobody is: use the picture that is handed in."
    if call(function, "street", 0.2) == _names("street", 0.5).count("person"):
        return "At a threshold of 0.2 yours counts no more than at 0.5. Hand the threshold on to predict.detect."
    if call(function, "street", 0.2) != _names("street", 0.2).count("person"):
        return "At a threshold of 0.2 the photograph 'street' should give more people than yours says."
    return None


@exercise("Correct. Off by name, never by place in a list.")
def mean_absolute_error(function):
    counted = {"a": 3, "b": 7, "c": 0, "d": 2}
    found = {"b": 3, "a": 5, "d": 2, "c": 1}
    off = np.array([2, -4, 1, 0])
    answer = call(function, dict(found), dict(counted))
    if np.size(answer) != 1:
        return "Return one number: the mean over the scenes."
    if np.isclose(abs(answer), abs(off.mean())):
        return "Too many here and too few there cancel out in yours. Take the absolute value of each difference."
    if np.isclose(answer, np.abs(off).sum()):
        return "That is the sum over the scenes. Divide by how many there are."
    if np.isclose(answer, np.sqrt((off**2).mean())) or np.isclose(answer, (off**2).mean()):
        return "Yours squares the differences, so that one bad scene outweighs many. Take absolute values."
    if np.isclose(answer, np.abs(np.subtract(list(found.values()), list(counted.values()))).mean()):
        return "The two dictionaries are in different orders. Look each scene up by its name."
    if not np.isclose(answer, np.abs(off).mean()):
        return f"On a small example it should be {np.abs(off).mean()}; yours is {float(answer):.2f}."
    del found["b"]
    answer = call(function, dict(found), dict(counted))
    if np.isclose(answer, np.abs(off[[0, 2, 3]]).mean()):
        return "A scene that nobody answered is left out of yours. It counts as 0 people found."
    if not np.isclose(answer, 2.5):
        return f"With no answer for a scene of 7 people it should be 2.5; yours is {float(answer):.2f}."
    return None


def _brightness(picture):
    """What stands in for a detector: each of the pictures below has a brightness of its own."""
    return round(float(np.mean(picture)))


@exercise("Correct. It takes any folder and any counter: look closer where the camera asks for it.")
def count_people(function):
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, shade in (("yard.png", 4), ("Gate 2.JPG", 2), ("door.jpeg", 7)):
            Image.new("RGB", (16, 16), (shade,) * 3).save(folder / name)
        answer = call(function, folder, _brightness)
        if not isinstance(answer, dict):
            return "Return a dictionary, file name -> count."
        if any(not isinstance(name, str) or str(folder) in name for name in answer):
            return "The keys should be names such as 'yard.png', without the folder: that is path.name."
        if "Gate 2.JPG" not in answer and {"yard.png", "door.jpeg"} & set(answer):
            return "A picture whose ending is in capitals, .JPG, is missing. Compare path.suffix.lower()."
        if "yard" in answer:
            return "The keys should keep their endings, 'yard.png': path.name, where path.stem cuts them off."
        if answer != {"yard.png": 4, "Gate 2.JPG": 2, "door.jpeg": 7}:
            return f"Three pictures that count 4, 2 and 7 give {answer}. Use the count that is handed in."
        (folder / "counted.json").write_text(json.dumps({"yard.png": 4}))
        (folder / "older").mkdir()
        try:
            answer = function(folder, _brightness)
        except Exception as error:
            return f"A file that is no picture, or a folder within, stops it: {type(error).__name__}. Leave them out."
        if set(answer) != {"yard.png", "Gate 2.JPG", "door.jpeg"}:
            return "Something that is no picture has got a count. Go by the ending."
    return None
