"""Corrupted faces: what they look like, and what they do to a model's predictions."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from agegender_lib.data.corruptions import CORRUPTIONS
from agegender_lib.plots.style import TEXT_WIDTH_CM, look_of, new_figure, percent_axis, styled

_COLUMNS = 3
_WORDS = {"age_mae": "age: MAE (years, logarithmic)", "gender_accuracy": "gender: accuracy"}
# The strip, in centimetres: two blocks side by side, five faces each.
_BETWEEN_BLOCKS, _GAP, _TITLE, _LABEL, _BELOW = 0.5, 0.07, 0.42, 0.36, 0.12


@styled
def robustness_curves(tables: Mapping[str, pd.DataFrame], measure: str = "age_mae") -> Figure:
    """One measure against the strength of every corruption, a panel each, a line and a 95 % band per model.

    Strengths stand at equal distances, whatever their numbers, so that every panel goes from clean to clearly hurt;
    all panels share one scale, logarithmic for the age error ("age_mae"; the other measure is "gender_accuracy").
    ``tables`` holds each model's ``evaluation.robustness_table``.
    """
    looks = look_of(tables)
    shown = list(dict.fromkeys(pd.concat(tables.values())["corruption"]))
    rows = -(-len(shown) // _COLUMNS)
    figure = new_figure(height_cm=1.4 + 4.1 * rows)
    axes = figure.subplots(rows, _COLUMNS, sharey=True, squeeze=False)
    for ax in axes.flat[len(shown) :]:
        ax.remove()
    for ax, corruption in zip(axes.flat, shown, strict=False):
        for name, table in tables.items():
            colour, marker = looks[name]
            own = table[table["corruption"] == corruption]
            low, high = own[f"{measure}_low"], own[f"{measure}_high"]
            ax.fill_between(own["severity"], low, high, color=colour, alpha=0.15, lw=0)
            ax.plot(own["severity"], own[measure], marker=marker, color=colour, ms=3.5, lw=1.2, label=name)
        strengths = own["strength"].iloc[1:]
        ax.set_xticks(own["severity"], ["clean", *(f"{strength:g}" for strength in strengths)])
        way = CORRUPTIONS[corruption]
        ax.set(title=way.title, xlabel=way.unit)
        ax.tick_params(axis="x", labelsize=7.5)
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="x", visible=False)
    if measure == "age_mae":
        # errors range from a few years to a lifetime's half, and all panels share one scale
        axes[0, 0].set_yscale("log")
        axes[0, 0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes[0, 0].yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes[0, 0].yaxis.set_minor_locator(NullLocator())
    else:
        percent_axis(axes[0, 0].yaxis)
    figure.supylabel(_WORDS[measure], size=8.5, weight="normal")
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=len(names))
    return figure


@styled
def corrupted_faces(image: np.ndarray, examples: Mapping[str, np.ndarray]) -> Figure:
    """A face as it is, uint8 [h, w, 3], and as ``data.corrupted_examples`` shows it: each in five strengths."""
    blocks = [("As it is", [("", image)])]
    for name, faces in examples.items():
        way = CORRUPTIONS[name]
        labelled = [(f"{strength:g}", face) for strength, face in zip(way.strengths, faces, strict=True)]
        blocks.append((f"{way.title} ({way.unit})", labelled))
    width = (TEXT_WIDTH_CM - _BETWEEN_BLOCKS) / 2
    side = (width - 4 * _GAP) / 5
    row_cm = _TITLE + _LABEL + side + _BELOW
    total = -(-len(blocks) // 2) * row_cm
    figure = new_figure(height_cm=total)
    figure.set_layout_engine("none")
    for number, (title, labelled) in enumerate(blocks):
        row, column = divmod(number, 2)
        left, top = column * (width + _BETWEEN_BLOCKS), total - row * row_cm
        figure.text(left / TEXT_WIDTH_CM, (top - 0.08) / total, title, va="top", size=8.5, weight="bold")
        for place, (label, face) in enumerate(labelled):
            x, y = left + place * (side + _GAP), top - row_cm + _BELOW
            ax = figure.add_axes((x / TEXT_WIDTH_CM, y / total, side / TEXT_WIDTH_CM, side / total))
            ax.imshow(face)
            ax.axis("off")
            ax.annotate(
                label, (0.5, 1), xycoords="axes fraction", xytext=(0, 2), textcoords="offset points", ha="center",
                size=7.5,
            )  # fmt: skip
    return figure
