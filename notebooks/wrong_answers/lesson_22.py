"""What learners answer in lesson 22, and the part of the hint that each mistake must get."""

import json
from collections import Counter


def most(labels):
    return Counter(labels).most_common(1)[0]


def read(manifest, wanted, value, key=lambda line: line["source-ref"].rpartition("/")[2]):
    return {key(line): value(line) for line in map(json.loads, manifest) if wanted(line)}


WRONG_ANSWERS = {
    "consolidate": [
        (lambda labels: most(labels)[0], "Return two things"),
        (lambda labels: most(labels), "how many gave it"),
        (lambda labels: most(labels)[::-1], "label comes first"),
        (lambda labels: (most(labels)[0], 1.0), "one of the four disagrees"),
        (lambda labels: (labels[0], labels.count(labels[0]) / len(labels)), "the first answer"),
        (lambda labels: (most(labels)[0], most(labels)[1] / len(set(labels))), "different labels"),
        (lambda labels: (min(labels), labels.count(min(labels)) / len(labels)), "in the alphabet"),
    ],
    "labelled": [
        (lambda manifest: read(manifest, lambda line: True, lambda line: line["clothes"]), "look whether it is there"),
        (lambda manifest: read(manifest, lambda line: line.get("clothes"), lambda line: line["clothes"]), "for no"),
        (lambda manifest: read(manifest, lambda line: True, lambda line: line.get("clothes")), "Leave it out"),
        (
            lambda manifest: read(
                manifest, lambda line: "clothes" in line, lambda line: line["clothes"], lambda line: line["source-ref"]
            ),
            "behind the last /",
        ),
        (
            lambda manifest: read(
                manifest, lambda line: "clothes" in line, lambda line: line["clothes-metadata"]["class-name"]
            ),
            "the names",
        ),
        (lambda manifest: [line["clothes"] for line in manifest if "clothes" in line], "json.loads"),
    ],
}
