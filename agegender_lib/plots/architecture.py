"""A network as a diagram: one box per block, a shared trunk that may part into a gender and an age branch."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.textpath import TextPath

from agegender_lib.errors import InputError
from agegender_lib.evaluation.tables import check_columns
from agegender_lib.plots.style import COLOURS, TEXT_WIDTH_CM, new_figure, styled

LAYER_COLUMNS = ("name", "kind", "detail", "output_shape", "parameters", "branch")
_BRANCHES = ("shared", "gender", "age")
_EDGE = {"shared": COLOURS["neutral"], "gender": "#C98A00", "age": "#3C96C8"}
_FILL = {"shared": "#F1F3F5", "gender": "#FDF4E0", "age": "#E7F3FB"}
# All lengths in centimetres: the axes are as wide as the report's text and drawn to scale.
_LINE, _PADDING, _GAP, _MARGIN, _INSET = 0.36, 0.12, 0.3, 0.1, 0.18
_SMALL = 7.5


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
        raise InputError(
            f"The table of layers names the branch(es) {sorted(unknown)}: use {', '.join(_BRANCHES)}."
        )
    width = TEXT_WIDTH_CM - 2 * _MARGIN
    widths = {"shared": width * 0.72, "gender": (width - 0.6) / 2, "age": (width - 0.6) / 2}
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
    header = 0.75
    fork = 0.4 if branches and boxes["shared"] else 0.0
    total = header + heights["shared"] + fork + max(heights["gender"], heights["age"]) - _GAP + 0.1

    figure = new_figure(height_cm=total)
    ax = figure.add_axes((0, 0, 1, 1))
    figure.set_layout_engine("none")
    ax.set(xlim=(0, TEXT_WIDTH_CM), ylim=(total, 0))
    ax.axis("off")
    if title:
        ax.text(_MARGIN, 0.15, title, size=10, weight="bold", va="top")
    note = f"right in each box: output shape, parameters ({int(layers['parameters'].sum()):,} in all)"
    ax.text(TEXT_WIDTH_CM - _MARGIN, 0.2, note, size=_SMALL, va="top", ha="right", color="#555555")

    trunk_end = _column(ax, boxes["shared"], centres["shared"], header)
    start = trunk_end + _GAP + fork if boxes["shared"] else header
    bottom = total - 0.1
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
    name, kind, detail = (_clean(value) for value in (row.name, row.kind, row.detail))
    parameters = f"{int(row.parameters):,}" if row.parameters else ""
    room = width - 2 * _INSET
    beside = room - (_length(parameters + "MM") if parameters else 0)
    text = [part for part in (kind, detail) if part and part.lower() != name.lower()]
    if len(text) == 2 and _length(": ".join(text)) <= beside:
        text = [": ".join(text)]
    lines = [line for part in text for line in _wrap(part, room)]
    # The parameter count stands at the end of the last line, or below when that line is full.
    if parameters and (not lines or _length(lines[-1]) > beside):
        lines.append("")
    return _Box(row.branch, name, _clean(row.output_shape), tuple(lines), parameters, width)


def _length(text: str) -> float:
    """Centimetres of small print."""
    return TextPath((0, 0), text, size=_SMALL).get_extents().width / 72 * 2.54 if text.strip() else 0.0


def _wrap(text: str, width: float) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if _length(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


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
    right, first = left + box.width, top + _PADDING + _LINE / 2
    ax.text(left + _INSET, first, box.title, size=8.5, weight="bold", va="center_baseline")
    ax.text(right - _INSET, first, box.shape, size=8, va="center_baseline", ha="right")
    for number, line in enumerate(box.lines, start=1):
        ax.text(
            left + _INSET, first + number * _LINE, line, size=_SMALL, va="center_baseline", color="#444444"
        )
    if box.parameters:
        last = first + len(box.lines) * _LINE
        ax.text(
            right - _INSET, last, box.parameters, size=_SMALL, va="center_baseline", ha="right", style="italic",
            color="#444444",
        )  # fmt: skip


def _arrow(ax: Axes, x: float, start: float, end: float) -> None:
    ax.annotate(
        "", (x, end), (x, start), arrowprops={"arrowstyle": "-|>,head_width=0.14,head_length=0.3", "lw": 1,
        "color": "#777777", "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
