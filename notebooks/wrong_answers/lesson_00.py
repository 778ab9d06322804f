"""What learners answer in lesson 00, and the part of the hint that each mistake must get."""

from gluon_lessons import predict


def jobs(*names):
    return dict(zip("abcd", names, strict=True))


WRONG_ANSWERS = {
    "tasks": [
        (jobs("detection", "detection", "semantic", "pose"), "the whole picture"),
        (jobs("classification", "instance", "semantic", "pose"), "one answer per car"),
        (jobs("classification", "detection", "detection", "pose"), "each pixel"),
        (jobs("classification", "detection", "semantic", "detection"), "points on a body"),
        (jobs("Classify", "detection", "semantic", "pose"), "none of the five"),
        ("detection", "four lines"),
    ],
    "how_many": [
        (lambda photo, kind: len(predict.detect(photo).names), "all boxes"),
        (lambda photo, kind: kind in predict.detect(photo).names, "True"),
        (lambda photo, kind: [name for name in predict.detect(photo).names if name == kind], "the things themselves"),
        (lambda photo, kind: predict.detect("street").names.count(kind), "the photo that is handed in"),
        (lambda photo, kind: 9, "yours says 9"),
    ],
}
