"""A network as a diagram: one box per block, a shared trunk that may part into a gender and an age branch."""

import re
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from agegender_lib.plots.style import COLOURS, TEXT_WIDTH_CM, new_figure, styled, text_cm

_BRANCHES = ("shared", "gender", "age")
_EDGE = {"shared": COLOURS["neutral"], "gender": "#C98A00", "age": "#3C96C8"}
_FILL = {"shared": "#F1F3F5", "gender": "#FDF4E0", "age": "#E7F3FB"}
_NAME = {"gender": "#8A5F00", "age": "#1B6590"}
# All lengths in centimetres: the axes are as wide as the report's text and drawn to scale.
_LINE, _PADDING, _GAP, _MARGIN, _INSET = 0.35, 0.09, 0.28, 0.1, 0.18
_SIZE, _SMALL = 8, 7.5
_GREY = "#777777"


@dataclass(frozen=True)
class _Box:
    """One block with its text already broken into lines."""

    branch: str
    title: str
    shape: str
    lines: tuple[str, ...]
    parameters: str
    width: float

    @property
    def height(self) -> float:
        return (1 + len(self.lines)) * _LINE + 2 * _PADDING


@styled
def draw_architecture(layers: pd.DataFrame, title: str) -> Figure:
    """Draw a model from its table of blocks, top to bottom; gender branch left, age branch right.

    ``layers`` has one row per block in order, as ``models.summary_table`` returns it. Where there is a column
    ``trainable``, blocks of which nothing learns are marked.
    """
    width = TEXT_WIDTH_CM - 2 * _MARGIN
    widths = {"shared": width * 0.75, "gender": (width - 0.6) / 2, "age": (width - 0.6) / 2}
    centres = {
        "shared": TEXT_WIDTH_CM / 2,
        "gender": _MARGIN + widths["gender"] / 2,
        "age": TEXT_WIDTH_CM - _MARGIN - widths["age"] / 2,
    }
    boxes = {
        branch: [_box(row, widths[branch]) for row in layers[layers["branch"] == branch].itertuples()]
        for branch in _BRANCHES
    }
    heights = {branch: sum(box.height + _GAP for box in column) for branch, column in boxes.items()}
    branches = [branch for branch in ("gender", "age") if boxes[branch]]
    header = 1.15
    fork = 0.45 if branches else 0.0
    total = header + heights["shared"] + fork + max(heights["gender"], heights["age"]) - _GAP + 0.1

    figure = new_figure(height_cm=total)
    ax = figure.add_axes((0, 0, 1, 1))
    figure.set_layout_engine("none")
    ax.set(xlim=(0, TEXT_WIDTH_CM), ylim=(total, 0))
    ax.axis("off")
    ax.text(_MARGIN, 0.1, title, size=10, weight="bold", va="top")
    count = int(layers["parameters"].sum())
    note = f"right in each box: shape of its output, number of parameters ({count:,} in all)"
    ax.text(_MARGIN, header - 0.55, note, size=_SMALL, va="top", color="#555555")

    trunk_end = _column(ax, boxes["shared"], centres["shared"], header)
    start = (trunk_end + _GAP if boxes["shared"] else header) + fork
    bottom = total - 0.1
    for branch in branches:
        if boxes["shared"]:
            turn = trunk_end + 0.22
            path = [centres["shared"], centres["shared"], centres[branch]], [trunk_end, turn, turn]
            ax.plot(*path, color=_GREY, lw=1, solid_joinstyle="miter")
            _arrow(ax, centres[branch], turn, start)
        ax.text(
            centres[branch] + 0.2, start - 0.24, branch, size=8.5, weight="bold", va="center_baseline",
            color=_NAME[branch],
        )  # fmt: skip
        _column(ax, boxes[branch], centres[branch], start, bottom)
    return figure


def _box(row: Any, width: float) -> _Box:
    parameters = f"{int(row.parameters):,}" if row.parameters else ""
    if parameters and getattr(row, "trainable", None) == 0:
        parameters += ", fixed"
    text = ": ".join(part for part in (row.kind, row.detail) if part and part.lower() != row.name.lower())
    lines = _wrap(text, width - 2 * _INSET) if text else []
    return _Box(row.branch, row.name, row.output_shape, tuple(lines), parameters, width)


def _wrap(text: str, width: float) -> list[str]:
    """Break small print into lines; no line begins with a number or sign, and arrows begin lines, not end them."""
    text = re.sub(r"(?<=\w) (?=[\dσ×])|(?<=×) (?=\w)|(?<=→) ", "\N{NO-BREAK SPACE}", text)
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if text_cm(longer, _SMALL) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _column(ax: Axes, boxes: list[_Box], centre: float, top: float, bottom: float | None = None) -> float:
    """Draw boxes below each other, the last one standing on ``bottom`` where given; returns where it ends."""
    end = top
    counts = max([1.6, *(text_cm(box.parameters, _SIZE) + 0.4 for box in boxes)])
    for position, box in enumerate(boxes):
        start = top if position == 0 else end + _GAP
        if bottom is not None and position == len(boxes) - 1:
            start = max(start, bottom - box.height)
        if position:
            _arrow(ax, centre, end, start)
        _draw(ax, box, centre - box.width / 2, start, counts)
        end = start + box.height
    return end


def _draw(ax: Axes, box: _Box, left: float, top: float, counts: float) -> None:
    """One box whose right end, ``counts`` wide, holds the number of parameters."""
    ax.add_patch(
        FancyBboxPatch(
            (left, top), box.width, box.height, boxstyle="round,pad=0,rounding_size=0.09", lw=0.9,
            facecolor=_FILL[box.branch], edgecolor=_EDGE[box.branch],
        )
    )  # fmt: skip
    right, first = left + box.width - _INSET, top + _PADDING + _LINE / 2
    middle = right - counts
    room = middle - text_cm(box.shape, _SIZE) - 0.2 - (left + _INSET)
    size = min(8.5, 8.5 * room / max(0.1, 1.1 * text_cm(box.title, 8.5)))  # bold is a tenth wider
    ax.text(left + _INSET, first, box.title, size=size, weight="bold", va="center_baseline")
    ax.text(middle, first, box.shape, size=_SIZE, va="center_baseline", ha="right")
    ax.text(right, first, box.parameters, size=_SIZE, va="center_baseline", ha="right", style="italic")
    for number, line in enumerate(box.lines, start=1):
        ax.text(left + _INSET, first + number * _LINE, line, size=_SMALL, va="center_baseline", color="#444444")


def _arrow(ax: Axes, x: float, start: float, end: float) -> None:
    ax.annotate(
        "", (x, end), (x, start), arrowprops={"arrowstyle": "-|>,head_width=0.14,head_length=0.3", "lw": 1,
        "color": _GREY, "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
