"""Folds beside the single split: is one split's result luck?"""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from agegender_lib.plots.style import COLOURS, new_figure, nothing_yet, percent, percent_axis, styled, whisker

_PANELS = (
    ("age_mae", "Age error", "mean absolute (years)"),
    ("gender_accuracy", "Gender accuracy", "share right"),
)
_LOOKS = {"all folds": (COLOURS["ModelA"], "s"), "single split": (COLOURS["ModelB"], "D")}
_FOLD = (COLOURS["neutral"], "o")


@styled
def fold_scores(table: pd.DataFrame) -> Figure:
    """Age error and gender accuracy of every fold, of all together and of the single split, with 95 % intervals.

    The band is the interval of all folds, behind the others.

    Parameters
    ----------
    table
        As ``evaluation.cross_validation_table`` returns it.
    """
    if table.empty:
        return nothing_yet("No fold of these faces has been trained yet.")
    parts = list(table["part"])
    figure = new_figure(height_cm=2.4 + 0.62 * len(parts))
    axes = figure.subplots(1, 2, sharey=True)
    for ax, (measure, title, unit) in zip(axes, _PANELS, strict=True):
        whole = table[table["part"] == "all folds"].iloc[0]
        ax.axvspan(
            whole[f"{measure}_low"], whole[f"{measure}_high"], color=COLOURS["ModelA"], alpha=0.13, lw=0
        )
        for y, (_, row) in enumerate(table.iterrows()):
            low, high = row[f"{measure}_low"], row[f"{measure}_high"]
            whisker(ax, row[measure], low, high, y, _LOOKS.get(row["part"], _FOLD), mew=1)
            words = f"{row[measure]:.2f}" if measure == "age_mae" else percent(row[measure], 1)
            ax.annotate(words, (high, y), xytext=(5, 0), textcoords="offset points", va="center", size=7.5)
        left, right = ax.dataLim.intervalx
        # room at the right, where the numbers stand
        ax.set_xlim(left - 0.08 * (right - left), right + 0.28 * (right - left))
        ax.set(title=title, xlabel=unit)
        ax.grid(axis="y", visible=False)
        ax.tick_params(axis="y", length=0)
    percent_axis(axes[1].xaxis)
    axes[0].set_yticks(range(len(parts)), [f"{row.part}  (n = {row.images:,})" for row in table.itertuples()])
    axes[0].set_ylim(len(parts) - 0.5, -0.5)
    handles = [
        Line2D([], [], color=_FOLD[0], marker=_FOLD[1], label="a fold"),
        *(
            Line2D([], [], color=colour, marker=marker, label=part)
            for part, (colour, marker) in _LOOKS.items()
            if part in parts
        ),
        Patch(color=COLOURS["ModelA"], alpha=0.13, lw=0, label="its 95 % interval"),
    ]
    handles.insert(2, handles.pop())
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles))
    return figure
