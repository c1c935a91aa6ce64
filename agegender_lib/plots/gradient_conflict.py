"""Whether sharing layers helps the two tasks: the angle between their gradients, and where to split."""

import re

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from agegender_lib.plots.style import COLOURS, name_rows, new_figure, nothing_yet, styled

# From pale to dark, so that training's course shows in grey print too.
_PHASES = {"start": ("#9CC3DD", "o"), "middle": ("#3D8FC4", "s"), "end": ("#00395A", "D")}
_MEASURES = (
    ("age_mae", "Age error", "MAE (years); ← better"),
    ("gender_accuracy", "Gender accuracy", "accuracy; better →"),
)


@styled
def gradient_conflict(cosines: pd.DataFrame, depth: pd.DataFrame) -> Figure:
    """Cosine between the age's and the gender's gradients on the shared layers: over epochs, and by depth.

    Above zero a step for one task is also one for the other; below, it undoes part of the other's. Thin lines are
    runs, where there are several, and the thick one is their mean; whiskers reach from the lowest run to the highest.
    The tables are ``evaluation.gradient_cosines`` and ``gradient_depth``.
    """
    if cosines.empty:
        return nothing_yet("No training has measured the gradients of its two tasks on these faces.")
    figure = new_figure(height_cm=7.4)
    over_time, by_depth = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1.25))
    whole = cosines[cosines["group"] == "all"]
    several = len(set(whole["run"])) > 1
    for name, rows in whole.groupby("run", sort=False):
        thick = not several or name == "mean"
        look = {"lw": 1.8, "color": COLOURS["ModelA"]} if thick else {"lw": 0.7, "color": COLOURS["train"]}
        over_time.plot(rows["epoch"], rows["cosine"], zorder=3 if thick else 2, label=name, **look)
    if several:
        runs, mean = over_time.lines[0], over_time.lines[-1]
        figure.legend([runs, mean], ["a run", "mean of the runs"], loc="outside upper left", ncols=2)
    over_time.set(title="All shared layers", xlabel="epoch", ylabel="cosine of the tasks' gradients")
    over_time.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))

    groups = list(dict.fromkeys(depth["group"]))
    phases = [phase for phase in _PHASES if (depth["phase"] == phase).any()]
    for shift, phase in zip(np.linspace(-0.16, 0.16, len(phases)), phases, strict=True):
        colour, marker = _PHASES[phase]
        rows = depth[depth["phase"] == phase].set_index("group").reindex(groups)
        places = np.arange(len(groups)) + shift
        by_depth.vlines(places, rows["low"], rows["high"], color=colour, lw=1.2)
        label = "end of training" if phase == "end" else phase
        by_depth.plot(places, rows["cosine"], marker, color=colour, ms=4, label=label)
    labels, numbered = _labels(groups)
    words = " (stage.block), input to heads" if numbered else ", from the input to the heads"
    by_depth.set(title="By depth", xlabel=f"shared layers{words}")
    by_depth.set_xticks(range(len(groups)), labels, rotation=90 if len(groups) > 12 else 0)
    by_depth.set_xlim(-0.6, len(groups) - 0.4)
    by_depth.grid(axis="x", visible=False)

    values = np.concatenate([whole["cosine"], depth["low"], depth["high"]])
    _sides(over_time, by_depth, values[np.isfinite(values)])
    figure.legend(*by_depth.get_legend_handles_labels(), loc="outside upper right", ncols=3)
    return figure


@styled
def split_depth(study: pd.DataFrame, comparison: pd.DataFrame) -> Figure:
    """Age error and gender accuracy against where the two branches split, from the input down to the heads.

    Each of ``evaluation.run_table`` is a ring, in the order of its variants, and each of
    ``evaluation.compare_variants`` a dot, the mean, with its 95 % interval; what is not trained yet is left out.
    """
    done = study.dropna(subset=["age_mae"]) if "age_mae" in study else study[:0]
    if done["variant"].nunique() < 2:
        return nothing_yet("Networks that split at different depths are not trained on these faces yet.")
    places = list(dict.fromkeys(study["variant"]))
    figure = new_figure(height_cm=2.4 + 0.75 * len(places))
    axes = figure.subplots(1, 2, sharey=True)
    seeds = sorted(study["seed"].unique())
    # seeds of one place stand below its mean, always in the same order
    shifts = dict(zip(seeds, np.linspace(0.13, 0.3, len(seeds)), strict=True))
    ring = {"mfc": "none", "mec": COLOURS["neutral"], "mew": 0.8, "ms": 3.2}
    for ax, (measure, title, unit) in zip(axes, _MEASURES, strict=True):
        for row in study.dropna(subset=[measure]).itertuples():
            y = places.index(row.variant) + shifts[row.seed]
            ax.plot(getattr(row, measure), y, "o", **ring)
        ax.plot([], [], "o", label="a run", **ring)
        rows = comparison.dropna(subset=[measure])
        rows = rows[rows["variant"].isin(places)]
        y = rows["variant"].map(places.index) - 0.08
        ax.hlines(y, rows[f"{measure}_low"], rows[f"{measure}_high"], color=COLOURS["ModelA"], lw=1.5)
        ax.plot(rows[measure], y, "-o", color=COLOURS["ModelA"], lw=0.6, label="mean, 95 % interval")
        ax.set(title=title, xlabel=unit)
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.tick_params(axis="y", length=0)
    # accuracies may differ by less than a per cent
    axes[1].xaxis.set_major_formatter(PercentFormatter(1, decimals=1, symbol="\N{THIN SPACE}%"))
    name_rows(axes, places)
    axes[0].set_ylabel("branching depth")
    handles = dict(zip(*axes[0].get_legend_handles_labels()[::-1], strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside upper right", ncols=2)
    return figure


def _sides(ax: Axes, other: Axes, values: np.ndarray) -> None:
    """Zero as a line, and on either side of it, where no curve comes, what that side means."""
    high, low = max(0.02, values.max(initial=0)), min(-0.02, values.min(initial=0))
    # both sides are wide enough to be told apart, and each keeps room for its words
    high, low = max(high, -low / 4), min(low, -high / 4)
    room = 0.17 * (high - low)
    ax.set_ylim(low - room, high + room)
    for each in (ax, other):
        each.axhline(0, color="#555555", lw=0.9, zorder=1)
        each.axhspan(low - room, 0, color=COLOURS["wrong"], alpha=0.05, lw=0, zorder=0)
    look = {"xycoords": "axes fraction", "textcoords": "offset points", "size": 7.5, "color": "#555555"}
    ax.annotate("▲ the tasks help each other", (0, 1), xytext=(4, -3), va="top", **look)
    ax.annotate("▼ they hinder each other", (0, 0), xytext=(4, 3), va="bottom", **look)


def _labels(groups: list[str]) -> tuple[list[str], bool]:
    """Groups' names for readers, and whether stages and blocks are mere numbers: ``stage2_block1`` is 2.1 then."""
    numbered = any(re.fullmatch(r"stage\d+_block([2-9]|\d\d+)", group) for group in groups)
    # the only block of a stage needs no number
    short = r"\1.\2" if numbered else r"stage\1"
    groups = [re.sub(r"^stage(\d+)_block(\d+)$", short, group) for group in groups]
    return [re.sub(r"(?<=[a-z])(?=\d)", " ", group.replace("_", " ")) for group in groups], numbered
