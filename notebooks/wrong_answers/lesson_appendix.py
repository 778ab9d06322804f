"""What learners answer in the appendix on tables, and the part of the hint that each mistake must get."""


def text(lines):
    return "\n".join(",".join(map(str, line)) for line in lines)


def label_first(rows, labels):
    return [[label, *row] for row, label in zip(rows, labels, strict=True)]


WRONG_ANSWERS = {
    "to_csv": [
        (lambda rows, labels: text([[*row, label] for row, label in zip(rows, labels, strict=True)]), "stands last"),
        (lambda rows, labels: text([["label", "a", "b", "c"], *label_first(rows, labels)]), "no header"),
        (lambda rows, labels: text(rows), "labels are missing"),
        (lambda rows, labels: text([[n, *line] for n, line in enumerate(label_first(rows, labels))]), "an index"),
        (lambda rows, labels: label_first(rows, labels), "Return text"),
        (lambda rows, labels: "\n".join(str(line) for line in label_first(rows, labels)), "brackets"),
        (lambda rows, labels: text(label_first(rows, labels)).replace("\n", ","), "two lines"),
    ],
    "safest": [
        (lambda truth, probability: probability.min(), "least probability of all"),
        (lambda truth, probability: probability[truth == 0].max(), "no false alarms"),
        (lambda truth, probability: probability[truth == 1].max(), "least sure one"),
        (lambda truth, probability: 0.5, "is missed"),
        (lambda truth, probability: 0.0, "go higher"),
        (lambda truth, probability: probability[truth == 1], "one number"),
    ],
}
