"""A network as a diagram: one box per block, a shared trunk that may part into a gender and an age branch."""

import textwrap
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from agegender_lib.errors import InputError
from agegender_lib.evaluation.tables import check_columns
from agegender_lib.plots.style import COLOURS, TEXT_WIDTH_CM, new_figure, styled

LAYER_COLUMNS = ("name", "kind", "detail", "output_shape", "parameters", "branch")
_BRANCHES = ("shared", "gender", "age")
_EDGE = {"shared": COLOURS["neutral"], "gender": "#7B4B94", "age": "#0072B2"}
_FILL = {"shared": "#F1F3F5", "gender": "#F3ECF6", "age": "#E8F1F8"}
# All lengths in centimetres: the axes are as wide as the report's text and drawn to scale.
_LINE, _PADDING, _GAP, _MARGIN = 0.37, 0.13, 0.34, 0.25
_CHARACTER = 0.153


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
        return (1 + max(len(self.lines), 1)) * _LINE + 2 * _PADDING


@styled
def draw_architecture(layers: pd.DataFrame, title: str = "") -> Figure:
    """Draw a model from its table of blocks, top to bottom; gender branch left, age branch right.

    Parameters
    ----------
    layers
        One row per block in order (``models.describe``): ``name``, ``kind`` (its operations), ``detail``,
        ``output_shape`` (text), ``parameters`` (int) and ``branch`` ("shared", "gender" or "age").
    title
        Above the diagram.
    """
    check_columns(layers, LAYER_COLUMNS, "The table of layers")
    unknown = set(layers["branch"]) - set(_BRANCHES)
    if unknown:
        raise InputError(f"The table of layers names the branch(es) {sorted(unknown)}: use {', '.join(_BRANCHES)}.")
    width = TEXT_WIDTH_CM - 2 * _MARGIN
    widths = {"shared": width * 0.66, "gender": (width - 0.6) / 2, "age": (width - 0.6) / 2}
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
    header = 0.75 if title else 0.1
    fork = 0.55 if branches and boxes["shared"] else 0.0
    total = header + heights["shared"] + fork + max(heights["gender"], heights["age"]) + 0.45

    figure = new_figure(height_cm=total)
    ax = figure.add_axes((0, 0, 1, 1))
    figure.set_layout_engine("none")
    ax.set(xlim=(0, TEXT_WIDTH_CM), ylim=(total, 0))
    ax.axis("off")
    if title:
        ax.text(_MARGIN, 0.15, title, size=10, weight="bold", va="top")
    parameters = f"{int(layers['parameters'].sum()):,} parameters"
    ax.text(TEXT_WIDTH_CM - _MARGIN, 0.15 if title else 0.0, parameters, size=8, va="top", ha="right", color="#555555")

    trunk_end = _column(ax, boxes["shared"], centres["shared"], header)
    start = trunk_end + _GAP + fork if boxes["shared"] else header
    bottom = total - 0.45
    for branch in branches:
        if boxes["shared"]:
            turn = trunk_end + (_GAP + fork) * 0.45
            ax.plot(
                [centres["shared"], centres["shared"], centres[branch]], [trunk_end, turn, turn], color="#777777", lw=1
            )  # fmt: skip
            _arrow(ax, centres[branch], turn, start)
        _column(ax, boxes[branch], centres[branch], start, bottom)
    return figure


def _box(row: tuple, width: float) -> _Box:
    parameters = f"{row.parameters:,}" if row.parameters else ""
    text = [part for part in (_clean(row.kind), _clean(row.detail)) if part]
    # The last line shares its height with the parameter count at the right.
    lines = [line for part in text for line in textwrap.wrap(part, int((width - 0.3) / _CHARACTER))]
    room = int((width - 0.5) / _CHARACTER) - len(parameters) - 1
    if parameters and (not lines or len(lines[-1]) > room):
        lines.append("")
    return _Box(row.branch, _clean(row.name), _clean(row.output_shape), tuple(lines), parameters, width)


def _clean(value: object) -> str:
    return "" if pd.isna(value) else str(value).strip()


def _column(ax: Axes, boxes: list[_Box], centre: float, top: float, bottom: float | None = None) -> float:
    """Draw boxes below each other, the last one standing on ``bottom`` where given; returns where it ends."""
    end = top
    for position, box in enumerate(boxes):
        start = top if position == 0 else end + _GAP
        if bottom is not None and position == len(boxes) - 1:
            start = max(start, bottom - box.height)
        if position:
            _arrow(ax, centre, end, start)
        _draw(ax, box, centre - box.width / 2, start)
        end = start + box.height
    return end


def _draw(ax: Axes, box: _Box, left: float, top: float) -> None:
    ax.add_patch(
        FancyBboxPatch(
            (left, top), box.width, box.height, boxstyle="round,pad=0,rounding_size=0.09", lw=0.9,
            facecolor=_FILL[box.branch], edgecolor=_EDGE[box.branch],
        )
    )  # fmt: skip
    right, inset, first = left + box.width, 0.15, top + _PADDING + _LINE / 2
    ax.text(left + inset, first, box.title, size=8.5, weight="bold", va="center_baseline")
    ax.text(right - inset, first, box.shape, size=8, va="center_baseline", ha="right")
    for number, line in enumerate(box.lines, start=1):
        ax.text(left + inset, first + number * _LINE, line, size=7.5, va="center_baseline", color="#444444")
    if box.parameters:
        last = first + max(len(box.lines), 1) * _LINE
        ax.text(
            right - inset, last, box.parameters, size=7.5, va="center_baseline", ha="right", style="italic",
            color="#444444",
        )  # fmt: skip


def _arrow(ax: Axes, x: float, start: float, end: float) -> None:
    ax.annotate(
        "", (x, end), (x, start), arrowprops={"arrowstyle": "-|>,head_width=0.14,head_length=0.3", "lw": 1,
        "color": "#777777", "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
