"""One photograph, two labels: how far they differ, and what this leaves of a model's error."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from agegender_lib.plots.style import COLOURS, new_figure, nothing_yet, styled, whisker

_MODEL = {
    "duplicated": ("o", "model, same\nphotographs"),
    "others": ("s", "model, all\nother faces"),
}


@styled
def label_noise(pairs: pd.DataFrame, noise: pd.DataFrame, on_duplicates: pd.DataFrame) -> Figure:
    """The two ages of every photograph that was labelled twice, and the floor they imply beside a model's error.

    The floor's mark stands for normal noise, and the line through it is its 95 % interval; for noise of any kind the
    floor lies between the two strokes.

    Parameters
    ----------
    pairs
        A row per pair, as ``data.duplicate_pairs`` lists them.
    noise
        As ``evaluation.label_noise`` returns it.
    on_duplicates
        As ``evaluation.errors_on_duplicates`` returns it; without rows the floor stands alone.
    """
    if pairs.empty or noise.empty:
        return nothing_yet("No photograph is in these faces twice.")
    figure = new_figure(height_cm=7.2)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.1))
    _two_labels(left, pairs)
    _floor(right, noise.set_index("quantity"), on_duplicates)
    return figure


def _two_labels(ax: Axes, pairs: pd.DataFrame) -> None:
    ages = pairs[["age_a", "age_b"]]
    low, high = ages.min(axis=1), ages.max(axis=1)
    top = 1.06 * high.max()
    ax.plot([0, top], [0, top], color="#555555", lw=0.9, ls=(0, (4, 2)), label="the same age")
    differ = pairs["gender_a"] != pairs["gender_b"]
    for chosen, colour, marker, words in (
        (~differ, COLOURS["neutral"], "o", "one gender"),
        (differ, COLOURS["wrong"], "X", "two genders"),
    ):
        if chosen.any():
            ax.plot(low[chosen], high[chosen], marker, color=colour, alpha=0.75, mew=0, ms=5, label=words)
    ax.set(title="Two labels of one photograph", xlabel="lower age (years)", ylabel="higher age (years)")
    ax.set(xlim=(0, top), ylim=(0, top))
    ax.set_aspect("equal")
    ax.legend(loc="lower right", borderaxespad=0.2)


def _floor(ax: Axes, noise: pd.DataFrame, on_duplicates: pd.DataFrame) -> None:
    colour, floor = COLOURS["wrong"], noise.loc["age_mae_floor"]
    least, most = (noise.loc[f"age_mae_floor_{end}", "value"] for end in ("least", "most"))
    ax.plot([least, most], [0, 0], "|", color=colour, ms=11, mew=1.1)
    rows = [(floor["value"], floor["low"], floor["high"], (colour, "D"), "perfect\nreader")]
    for row in on_duplicates.itertuples():
        marker, words = _MODEL[row.faces]
        rows.append((row.age_mae, row.age_mae_low, row.age_mae_high, (COLOURS["neutral"], marker), words))
    for y, (value, low, high, look, _) in enumerate(rows):
        whisker(ax, value, low, high, y, look, width=2, mew=1)
        ax.annotate(
            f"{value:.2f}", (value, y), xytext=(0, 7), textcoords="offset points", ha="center", size=8
        )
    ax.set(title="Age error left at best, and made", xlabel="mean absolute (years)")
    ax.set_xlim(left=0)
    ax.set_yticks(range(len(rows)), [row[-1] for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", length=0)
