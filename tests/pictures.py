"""Pictures that tests make: known, or damaged."""

import io

import numpy as np
from PIL import Image


def scene(height=40, width=60):
    """A picture whose four corners differ: red, green, blue, yellow."""
    picture = np.zeros((height, width, 3), np.uint8)
    half, middle = height // 2, width // 2
    picture[:half, :middle] = (200, 0, 0)
    picture[:half, middle:] = (0, 200, 0)
    picture[half:, :middle] = (0, 0, 200)
    picture[half:, middle:] = (200, 200, 0)
    return picture


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def corners(picture):
    height, width = picture.shape[:2]
    rows, columns = (height // 4, 3 * height // 4), (width // 4, 3 * width // 4)
    return picture[np.ix_(rows, columns)].reshape(4, 3).astype(int)


def noise():
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8))


def damaged(content, chance):
    """The content with some bytes changed, a piece cut out or doubled, or its end cut off."""
    content = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        place = chance.randrange(len(content))
        content[place] = chance.choice((0, 255, chance.randrange(256)))
    kind, place = chance.randrange(4), chance.randrange(len(content))
    if kind == 1:
        del content[place:]
    elif kind == 2:
        del content[place : place + chance.randint(1, 64)]
    elif kind == 3:
        content[place:place] = content[place : place + chance.randint(1, 64)]
    return bytes(content)
