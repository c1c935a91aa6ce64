"""Who is in the data: ages, genders and races."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from agegender_lib.data.age_bins import age_band
from agegender_lib.data.filenames import GENDERS, RACES
from agegender_lib.plots.style import COLOURS, new_figure, readable_cells, styled


@styled
def labels_overview(table: pd.DataFrame) -> Figure:
    """Age by gender, and age band by race, in one figure; ``table`` needs ``age``, ``gender`` and ``race``.

    The lower panel prints the number of faces in every cell, so that empty corners of the data are seen before
    a model is blamed for them.
    """
    figure = new_figure(height_cm=11)
    top, bottom = figure.subplots(2, 1, height_ratios=[5, 5])
    _histogram(top, table)
    bands = age_band(table["age"])
    races = pd.Categorical.from_codes(table["race"], categories=RACES)
    counts = pd.crosstab(pd.Series(races, name="race"), pd.Series(np.asarray(bands), name="age"))
    counts = counts.reindex(index=RACES, columns=pd.Categorical(bands).categories, fill_value=0)
    shares = counts / max(1, counts.to_numpy().max())
    sns.heatmap(
        np.sqrt(shares), ax=bottom, cmap="Blues", vmin=0, vmax=1.25, cbar=False, annot=counts, fmt="d", linewidths=1,
        annot_kws={"size": 8},
    )  # fmt: skip
    readable_cells(bottom)
    bottom.set(title="Faces per race and age band", xlabel="age (years)", ylabel="")
    bottom.tick_params(length=0, rotation=0)
    return figure


def _histogram(ax: Axes, table: pd.DataFrame) -> None:
    names = np.asarray(GENDERS)[table["gender"].to_numpy()]
    edges = np.arange(0, max(int(table["age"].max()), 1) + 3, 2)
    palette = {name: COLOURS[name] for name in GENDERS}
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
