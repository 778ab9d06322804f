"""One style for every figure of the course, and how a figure gets onto the page."""

import base64
import html
import io
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from cycler import cycler
from IPython.display import display
from matplotlib.figure import Figure

WIDTH = 8.0  # inches
DPI = 100

# Okabe and Ito's palette, ordered so that neighbours also differ in lightness when printed in grey.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
LINES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D")

STYLE = {
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "figure.facecolor": "white",
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.prop_cycle": cycler(color=COLOURS[:4], linestyle=LINES, marker=MARKERS),
    "lines.markersize": 4,
    "legend.frameon": False,
    "image.interpolation": "nearest",
    "image.cmap": "gray",
}


class Drawing(Figure):
    """A figure that Jupyter shows as it was drawn: the same picture, whatever else has been imported."""

    def _ipython_display_(self) -> None:
        width, height = (int(length) for length in self.get_size_inches() * DPI)  # as the picture is cut
        display({"image/png": _png(self), "text/plain": f"<Figure size {width}x{height}>"}, raw=True)


def sliders(draw: Callable[..., Figure], **settings: tuple[float, float, float]) -> None:
    """Offer a slider for each setting of `draw`, a function that returns a figure, as (lowest, highest, first).

    A slider whose three numbers are whole moves by 1, any other by 0.05. Nothing depends on it: where a page has no
    widgets, a sentence stands in its place.
    """
    import ipywidgets  # slow to import, and no other drawing needs it

    controls: dict[str, Any] = {}
    for name, (lowest, highest, first) in settings.items():
        if all(isinstance(number, int) for number in (lowest, highest, first)):
            controls[name] = ipywidgets.IntSlider(first, min=lowest, max=highest, description=name)
        else:
            controls[name] = ipywidgets.FloatSlider(first, min=lowest, max=highest, step=0.05, description=name)
    picture = ipywidgets.HTML()

    def redraw(_=None):
        values = {name: control.value for name, control in controls.items()}
        figure = draw(**values)
        alt = f"The figure at {', '.join(f'{name} {value:g}' for name, value in values.items())}"
        picture.value = f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{_png(figure)}">'

    for control in controls.values():
        control.continuous_update = False  # wait until the learner lets go
        control.observe(redraw, names="value")
    redraw()
    page = ipywidgets.VBox([*controls.values(), picture])._repr_mimebundle_()
    sentence = f"Sliders for {' and '.join(settings)} appear here while the notebook runs in Jupyter."
    display({**page, "text/plain": sentence}, raw=True)


def panels(rows: int = 1, columns: int = 1, *, height: float = 3.0, **options: Any) -> tuple[Figure, Any]:
    """Return an empty figure of the course's width and its axes: one, a row, or a grid of them."""
    with mpl.rc_context(STYLE):
        figure = Drawing(figsize=(WIDTH, height * rows), layout="constrained")
        return figure, figure.subplots(rows, columns, **options)


def _png(figure: Figure) -> str:
    """Return the figure as PNG, in base64."""
    png = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(png, format="png")
    return base64.b64encode(png.getvalue()).decode()
