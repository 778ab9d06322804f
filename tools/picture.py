"""Draw the README's picture: what networks see in two photographs, without the photographs.

    python tools/picture.py      writes data/seen.png and prints its alt text

A photograph has a licence of its own and stays out of the repository; answers are numbers that the course computed.
"""

import io
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from gluon_lessons import plot, predict

TARGET = Path(__file__).resolve().parent.parent / "data" / "seen.png"
ROWS = {"dog": slice(0, 576), "street": slice(215, 915)}  # of each photograph, so that the two are of a size
GROUND, PAPER, INK = "#e9e5dc", "#fbfaf7", "#333333"  # its own ground: it is read on light pages and on dark ones
KINDS = {"bus": 0, "bicycle": 0, "car": 1, "dog": 2, "person": 5}  # which of the course's colours


def main():
    seen = {photo: see(photo) for photo in ROWS}
    TARGET.write_bytes(draw(seen))
    print(alt_text(seen))


def see(photo):
    """Return what is where, what each pixel is, and how people stand."""
    return predict.detect(photo), predict.segment(photo), predict.poses(photo)


def draw(seen):
    """Return the picture, as PNG."""
    shapes = [(ROWS[photo].stop - ROWS[photo].start, masks.labels.shape[1]) for photo, (_, masks, _) in seen.items()]
    with mpl.rc_context(plot.STYLE):
        figure = Figure(figsize=(plot.WIDTH, 3.3), layout="constrained", facecolor=GROUND)
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08, wspace=0.02)
        panels = figure.subplots(1, len(seen), width_ratios=[width / height for height, width in shapes])
        for axis, (photo, (boxes, masks, poses)) in zip(panels, seen.items(), strict=True):
            draw_pixels(axis, masks, ROWS[photo])
            draw_people(axis, poses)
            for box, name, score in zip(boxes.boxes, boxes.names, boxes.scores, strict=True):
                draw_box(axis, box, f"{name} {score:.2f}", plot.COLOURS[KINDS[name]])
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", dpi=2 * plot.DPI)
    picture = Image.open(drawn).convert("RGB").quantize(48, dither=Image.Dither.NONE)
    png = io.BytesIO()
    picture.save(png, format="PNG", optimize=True)
    return png.getvalue()


def draw_pixels(axis, masks, rows):
    """Colour each pixel by its class, pale; the background stays paper."""
    colours = np.full((*masks.labels.shape, 3), mpl.colors.to_rgb(PAPER))
    for name in set(masks.names) - {"background"}:
        strong = np.array(mpl.colors.to_rgb(plot.COLOURS[KINDS[name]]))
        colours[masks.mask(name)] = 0.35 * strong + 0.65 * np.array(mpl.colors.to_rgb(PAPER))
    axis.imshow((colours * 255).round().astype(np.uint8), interpolation="nearest")
    axis.autoscale(False)
    axis.set_ylim(rows.stop - 0.5, rows.start - 0.5)
    axis.axis("off")


def draw_people(axis, poses):
    for person in poses.people:
        sure = person[:, 2] >= 0.5
        for start, end in plot.BONES:
            if sure[start] and sure[end]:
                axis.plot(*person[[start, end], :2].T, "-", color=INK, linewidth=1.5)
        axis.plot(*person[sure, :2].T, "o", color=INK, markersize=3)


def draw_box(axis, box, label, colour):
    """Draw a box, its label upon it, or within where the picture ends; towards its right side near the right edge."""
    left, top, right, bottom = box
    axis.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=colour, linewidth=2))
    far = left > 0.75 * max(axis.get_xlim())
    ground = {"facecolor": colour, "edgecolor": "none", "pad": 1.5}
    axis.text(
        right if far else left, top, label, ha="right" if far else "left", va="bottom", fontsize=9, bbox=ground,
        color="black" if colour == plot.COLOURS[1] else "white",
    )  # fmt: skip


def alt_text(seen):
    """Return what the picture shows, in words and in the numbers of the answers."""
    parts = []
    for boxes, masks, poses in seen.values():
        found = [f"{name} {score:.2f}" for name, score in zip(boxes.names, boxes.scores, strict=True)]
        people = f"; the joints of {len(poses)} people" if len(poses) else ""
        parts.append(f"boxes {', '.join(found)}; {1 - masks.shares()['background']:.0%} of the pixels coloured{people}")
    return f"What networks see in two photographs, without the photographs. Left: {parts[0]}. Right: {parts[1]}."


if __name__ == "__main__":
    main()
