"""Who is in the data: ages, genders and races; and photographs with two labels, beside a model's error."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from agegender_lib.data.age_bins import age_band
from agegender_lib.data.filenames import GENDERS
from agegender_lib.data.label_values import race_names
from agegender_lib.plots import style

_MODEL = {"duplicated": ("o", "model, same\nphotographs"), "others": ("s", "model, all\nother faces")}


@style.styled
def labels_overview(table: pd.DataFrame) -> Figure:
    """Age by gender, and the number of faces per age band and race; ``table`` needs ``age``, ``gender``, ``race``."""
    figure = style.new_figure(height_cm=11)
    top, bottom = figure.subplots(2, 1, height_ratios=[5, 5])
    _histogram(top, table)
    bands = age_band(table["age"])
    races = race_names(table["race"])
    counts = pd.crosstab(pd.Series(races, name="race"), pd.Series(np.asarray(bands), name="age"))
    counts = counts.reindex(index=races.categories, columns=pd.Categorical(bands).categories, fill_value=0)
    shares = counts / max(1, counts.to_numpy().max())
    sns.heatmap(
        np.sqrt(shares), ax=bottom, cmap="Blues", vmin=0, vmax=1.25, cbar=False, annot=counts, fmt="d", linewidths=1,
        annot_kws={"size": 8},
    )  # fmt: skip
    style.readable_cells(bottom)
    bottom.set(title="Faces per race and age band", xlabel="age (years)", ylabel="")
    bottom.tick_params(length=0, rotation=0)
    return figure


def _histogram(ax: Axes, table: pd.DataFrame) -> None:
    names = np.asarray(GENDERS)[table["gender"].to_numpy()]
    edges = np.arange(0, max(int(table["age"].max()), 1) + 3, 2)
    palette = {name: style.COLOURS[name] for name in GENDERS}
    sns.histplot(
        x=table["age"].to_numpy(), hue=names, hue_order=GENDERS, multiple="stack", bins=edges, palette=palette,
        ax=ax, alpha=1, edgecolor="white", linewidth=0.3,
    )  # fmt: skip
    median = float(table["age"].median())
    ax.axvline(median, color="black", lw=0.9, ls=(0, (4, 2)))
    ax.annotate(
        f"median {median:.0f} years", (median, 0.97), xycoords=("data", "axes fraction"), xytext=(4, 0),
        textcoords="offset points", va="top", size=8,
    )  # fmt: skip
    ax.grid(axis="x", visible=False)
    ax.set(title="Ages by gender", xlabel="age (years)", ylabel="faces per two years", xlim=(0, edges[-1]))
    ax.get_legend().set(title="")


@style.styled
def label_noise(pairs: pd.DataFrame, noise: pd.DataFrame, on_duplicates: pd.DataFrame) -> Figure:
    """The two ages of every photograph that was labelled twice, and the floor they imply beside a model's error.

    The floor's mark stands for normal noise, and the line through it is its 95 % interval; for noise of any kind the
    floor lies between the two strokes. The tables are ``data.duplicate_pairs``, ``evaluation.labels.label_noise`` and
    ``evaluation.errors_on_duplicates``; without rows of the last the floor stands alone.
    """
    if pairs.empty or noise.empty:
        return style.nothing_yet("No photograph is in these faces twice.")
    figure = style.new_figure(height_cm=7.2)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.1))
    _two_labels(left, pairs)
    _floor(right, noise.set_index("quantity"), on_duplicates)
    return figure


def _two_labels(ax: Axes, pairs: pd.DataFrame) -> None:
    ages = pairs[["age_a", "age_b"]]
    low, high = ages.min(axis=1), ages.max(axis=1)
    top = 1.06 * high.max()
    ax.plot([0, top], [0, top], **style.DASHED, label="the same age")
    differ = pairs["gender_a"] != pairs["gender_b"]
    for chosen, colour, marker, words in (
        (~differ, style.COLOURS["neutral"], "o", "one gender"),
        (differ, style.COLOURS["wrong"], "X", "two genders"),
    ):
        if chosen.any():
            ax.plot(low[chosen], high[chosen], marker, color=colour, alpha=0.75, mew=0, ms=5, label=words)
    ax.set(title="Two labels of one photograph", xlabel="lower age (years)", ylabel="higher age (years)")
    ax.set(xlim=(0, top), ylim=(0, top))
    ax.set_aspect("equal")
    ax.legend(loc="lower right", borderaxespad=0.2)


def _floor(ax: Axes, noise: pd.DataFrame, on_duplicates: pd.DataFrame) -> None:
    colour, floor = style.COLOURS["wrong"], noise.loc["age_mae_floor"]
    least, most = (noise.loc[f"age_mae_floor_{end}", "value"] for end in ("least", "most"))
    ax.plot([least, most], [0, 0], "|", color=colour, ms=11, mew=1.1)
    rows = [((floor["value"], floor["low"], floor["high"]), (colour, "D"), "noise floor\n(ideal predictor)")]
    for row in on_duplicates.itertuples():
        marker, words = _MODEL[row.faces]
        rows.append((style.ends_of(row, "age_mae"), (style.COLOURS["neutral"], marker), words))
    for y, (ends, look, _) in enumerate(rows):
        style.whisker(ax, ends, y, look, width=2, mew=1)
        ax.annotate(f"{ends[0]:.2f}", (ends[0], y), xytext=(0, 7), textcoords="offset points", ha="center", size=8)
    ax.set(title="Noise floor and MAE", xlabel="MAE (years)")
    ax.set_xlim(left=0)
    style.name_rows([ax], [row[-1] for row in rows])
    ax.tick_params(axis="y", length=0)
