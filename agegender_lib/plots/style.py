"""How every figure looks, and the one function that writes figures to disk."""

import functools
import io
import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.textpath import TextPath
from matplotlib.ticker import MaxNLocator, PercentFormatter

from agegender_lib.data.summary import RENDERED_NOTE
from agegender_lib.files import replacing

#: The report's text is 15 cm wide; figures are drawn at that size, so that their 8 pt is 8 pt on paper.
TEXT_WIDTH_CM = 15.0
PNG_DPI = 200
#: Photographs inside an SVG are stored at this resolution; more only makes the file larger.
SVG_IMAGE_DPI = 130
_MARK_HEIGHT_INCHES = 0.2

#: Blue, vermilion and green are Okabe and Ito's (2008); purple and teal stay apart for the colour-blind, also in grey.
COLOURS = {
    "ModelA": "#0072B2",
    "ModelB": "#D55E00",
    "ModelF": "#009E73",
    "original report": "#6B6B6B",
    "female": "#7B4B94",
    "male": "#4DB6A0",
    "train": "#8C8C8C",
    "neutral": "#4A5A6A",
    "faint": "#B8BEC4",
    "wrong": "#B3261E",
}
#: Title and unit of the panels that show them.
MEASURES = {
    "age_mae": ("Age: error", "MAE (years)"),
    "age_bias": ("Age: bias", "predicted − true (years)"),
    "gender_accuracy": ("Gender: accuracy", "accuracy"),
}
#: A line that marks what would be perfect or is aimed at.
DASHED: dict[str, Any] = {"color": "#555555", "lw": 0.9, "ls": (0, (4, 2))}
MARKERS = {"ModelA": "o", "ModelB": "s", "ModelF": "^"}
_OTHERS = (("#CC79A7", "v"), ("#E69F00", "P"), ("#56B4E9", "X"), ("#7F6000", "d"))

Arguments = ParamSpec("Arguments")


def in_style() -> AbstractContextManager[None]:
    """Inside, matplotlib is set to this style and to its defaults; the user's own settings come back afterwards."""
    return mpl.rc_context(fname=Path(__file__).with_name("report.mplstyle"))


class ReportFigure(Figure):
    """A figure that shows itself as the result of a notebook cell without pyplot or ``%matplotlib``."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        with in_style():
            self.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


def styled(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """Decorate a plotting function so that it draws in this style and changes no one else's settings."""

    @functools.wraps(draw)
    def wrapper(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Figure:
        with in_style():
            return draw(*args, **kwargs)

    return wrapper


def percent_axis(axis: Axis) -> None:
    """Label the ticks of an axis of fractions in whole per cents, none of which is a rounded half."""
    # at 0.925 a tick would be called 92 %
    axis.set_major_locator(MaxNLocator(nbins="auto", steps=[1, 2, 5, 10]))
    axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol="\N{THIN SPACE}%"))


def new_figure(height_cm: float, width: float = 1.0) -> Figure:
    """An empty figure, as wide as ``width`` times the report's text."""
    return ReportFigure(figsize=(width * TEXT_WIDTH_CM / 2.54, height_cm / 2.54), layout="constrained")


def nothing_yet(words: str) -> Figure:
    """A figure that says why there is nothing to see."""
    figure = new_figure(height_cm=2)
    figure.text(0.5, 0.5, words, ha="center", va="center", style="italic", color=COLOURS["neutral"])
    return figure


def percent(share: float, decimals: int = 0) -> str:
    """``0.5`` as text: ``50 %``, with a narrow space."""
    return f"{100 * share:.{decimals}f}\N{THIN SPACE}%"


def text_cm(text: str, size: float) -> float:
    """How wide one line of ``text`` is at ``size`` points, in centimetres."""
    return TextPath((0, 0), text, size=size).get_extents().width / 72 * 2.54 if text.strip() else 0.0


def readable_cells(ax: Axes) -> None:
    """Write in each cell of a heat map in black or white, whichever contrasts more (as WCAG 2.2 measures it)."""
    for text, colour in zip(ax.texts, ax.collections[0].get_facecolors(), strict=True):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
        luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        text.set_color("black" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "white")


def ends_of(row: Any, measure: str) -> tuple[float, float, float]:
    """A measure's value and the ends of its interval, from a row of a table."""
    value, low, high = (getattr(row, measure + end) for end in ("", "_low", "_high"))
    return value, low, high


def whisker(
    ax: Axes,
    ends: tuple[float, float, float],
    y: float,
    look: tuple[str, str],
    hollow: bool = False,
    width: float = 1.5,
    **mark: Any,
) -> None:
    """A value as a marker, ``hollow`` or not, on its interval, which is left out where it is missing.

    ``ends`` and ``look`` are as :func:`ends_of` and :func:`look_of` give them; the ``width`` is that of the interval's
    line in points, and ``mark`` says how the marker differs from 1.2 points of edge.
    """
    (value, low, high), (colour, marker) = ends, look
    if np.isfinite(low):
        ax.plot([low, high], [y, y], color=colour, lw=width, solid_capstyle="butt")
    mark = {"mew": 1.2, "mfc": "white" if hollow else colour} | mark
    ax.plot([value], [y], marker, color=colour, zorder=3, **mark)


def spread(count: int, reach: float) -> np.ndarray:
    """Where so many things stand side by side around 0, at most ``reach`` away from it."""
    return np.linspace(-reach, reach, count) if count > 1 else np.zeros(1)


def name_rows(axes: Sequence[Axes], names: Sequence[str]) -> None:
    """Name the rows of panels that share them, the first one at the top."""
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    for ax in axes:
        ax.grid(axis="y", visible=False)


def legend(figure: Figure, looks: Mapping[str, tuple[str, str]], *more: Artist) -> None:
    """Name the models above the panels, and after them whatever else is drawn."""
    models = [Line2D([], [], color=colour, marker=mark, label=name) for name, (colour, mark) in looks.items()]
    handles = [*models, *more]
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles))


def look_of(names: list[str] | Mapping) -> dict[str, tuple[str, str]]:
    """A fixed (colour, marker) for every model name: one that begins with ModelA, ModelB or ModelF keeps its own."""
    looks, others = {}, itertools.cycle(_OTHERS)
    free = {model: (COLOURS[model], marker) for model, marker in MARKERS.items()}
    for name in names:
        known = next((model for model in free if name.replace(" ", "").startswith(model)), None)
        looks[name] = free.pop(known) if known else next(others)
    return looks


def settle(figure: Figure) -> None:
    """Lay the figure out once and for all: constrained layout would move things a little at every drawing."""
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def mark_rendered(figure: Figure) -> None:
    """Write on the figure, in a strip added below it, that its faces are drawn; a second call changes nothing."""
    if any(text.get_gid() == "rendered" for text in figure.texts):
        return
    settle(figure)
    width, height = figure.get_size_inches()
    taller = height + _MARK_HEIGHT_INCHES
    figure.set_size_inches(width, taller)
    for ax in figure.axes:
        box = ax.get_position(original=True)
        bottom = (box.y0 * height + _MARK_HEIGHT_INCHES) / taller
        ax.set_position((box.x0, bottom, box.width, box.height * height / taller))
    for text in figure.texts:
        text.set_y((text.get_position()[1] * height + _MARK_HEIGHT_INCHES) / taller)
    # smaller on a figure that is narrower than these words
    size = 7.5 * min(1, 0.97 * width * 2.54 / text_cm(RENDERED_NOTE, 7.5))
    figure.text(
        0.995, 0.02 / taller, RENDERED_NOTE, ha="right", va="bottom", size=size, style="italic", color=COLOURS["wrong"],
        gid="rendered",
    )  # fmt: skip


def save_figure(figure: Figure, name: str, folder: str | Path, synthetic: bool = False) -> list[Path]:
    """Write ``<name>.svg`` (for the report) and ``<name>.png`` (200 dpi): equal figures give equal bytes.

    Each appears whole or not at all. A figure of ``synthetic`` faces, or of numbers made from them, is marked for good.
    """
    folder, paths = Path(folder), []
    with in_style():
        settle(figure)
        if synthetic:
            mark_rendered(figure)
        for suffix, dpi, metadata in (("svg", SVG_IMAGE_DPI, {"Date": None}), ("png", PNG_DPI, {})):
            paths.append(folder / f"{name}.{suffix}")
            with replacing(paths[-1]) as temporary:
                figure.savefig(temporary, format=suffix, dpi=dpi, metadata=metadata)
    return paths
