"""What learners answer in lesson 19, and the part of the hint that each mistake must get."""


def without(answered):
    """A manifest of the pictures that are not among `answered(keys)`."""

    def manifest(pictures, keys, folder):
        return [{"prefix": folder}, *[name for name in pictures if name not in answered(keys)]]

    return manifest


def rest(pictures, keys):
    return [name for name in pictures if f"{name}.out" not in keys]


WRONG_ANSWERS = {
    "manifest": [
        (without(lambda keys: keys), "All pictures are in it"),
        (without(lambda keys: [key.replace(".out", "") for key in keys]), "removesuffix"),
        (lambda pictures, keys, folder: rest(pictures, keys), "lacks what all names begin with"),
        (lambda pictures, keys, folder: [*rest(pictures, keys), {"prefix": folder}], "comes first"),
        (lambda pictures, keys, folder: [{"prefix": folder}, rest(pictures, keys)], "one by one"),
        (
            lambda pictures, keys, folder: [{"prefix": folder}, *[folder + n for n in rest(pictures, keys)]],
            "the folder",
        ),
        (lambda pictures, keys, folder: [{"prefix": folder}, *[k.removesuffix(".out") for k in keys]], "the others"),
        (lambda pictures, keys, folder: {"prefix": folder}, "is a list"),
    ],
    "most_jobs": [
        (lambda pictures, seconds, start_up: 86400 // start_up, "pictures from the day"),
        (lambda pictures, seconds, start_up: int((24 - pictures * seconds) / start_up), "Mind the units"),
        (lambda pictures, seconds, start_up: (86400 - pictures * seconds) / start_up, "whole number"),
        (lambda pictures, seconds, start_up: -int(-(86400 - pictures * seconds) // start_up), "Round down"),
        (lambda pictures, seconds, start_up: int((86400 - pictures * seconds) // start_up), "not less"),
        (lambda pictures, seconds, start_up: int(86400 - pictures * seconds), "leave room for 68"),
    ],
}
