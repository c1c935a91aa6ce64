"""What changing one thing does: the variants of a study, numbers of faces, and the faces that are held out."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from agegender_lib.plots import style

# Difference column, title, unit, its size on the axis, and which sign is better.
_PANELS = (("age_mae", "Age error", "years", 1, -1), ("gender_accuracy", "Gender accuracy", "points", 100, 1))
_LOOKS = {"all folds": (style.COLOURS["ModelA"], "s"), "single split": (style.COLOURS["ModelB"], "D")}
_FOLD = (style.COLOURS["neutral"], "o")
_ROW_CM = 0.47
# what is left of a page of the report beside the caption
_HIGHEST_CM = 22.5


@style.styled
def ablation_forest(comparison: pd.DataFrame) -> Figure:
    """Forest plot of an ablation study: each variant's difference from its factor's baseline, with its 95 % interval.

    Blue is better than the baseline and orange worse, where the interval leaves out zero; everything else is grey.
    ``comparison`` is ``evaluation.compare_variants``.
    """
    done = comparison[comparison["seeds"] > 0]
    groups = [rows for _, rows in done.groupby("factor", sort=False) if rows["baseline"].any() and len(rows) > 1]
    if not groups:
        return style.nothing_yet("No variant of this study has been trained beside its baseline on these faces.")
    rows, y = [], 0.0
    for members in groups:
        baseline = members[members["baseline"]].iloc[0]
        rows.append((y, f"{baseline['factor']}: {baseline['variant']}", baseline, None))
        for _, variant in members[~members["baseline"]].iterrows():
            y += 1
            seeds = f" ({variant['seeds']} seeds)" if variant["seeds"] > 1 else ""
            rows.append((y, f"{variant['variant']}{seeds}", baseline, variant))
        y += 1.35
    figure = style.new_figure(height_cm=min(2.2 + _ROW_CM * y, _HIGHEST_CM))
    axes = figure.subplots(1, 2, sharey=True)
    for ax, (measure, title, unit, scale, better) in zip(axes, _PANELS, strict=True):
        ax.axvline(0, color="#777777", lw=0.8)
        for place, _, baseline, variant in rows:
            if variant is None:
                value = baseline[measure] * scale
                words = f"{value:.2f} years" if scale == 1 else f"{value:.1f}\N{THIN SPACE}%"
                ax.annotate(
                    words, (1, place), xycoords=("axes fraction", "data"), ha="right", va="center", size=7,
                    color="#666666", bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
                )  # fmt: skip
                continue
            value, low, high = (variant[f"{measure}_difference{end}"] * scale for end in ("", "_low", "_high"))
            decided, better_choice = low > 0 or high < 0, value * better > 0
            colour = style.COLOURS["faint" if not decided else "ModelA" if better_choice else "ModelB"]
            ax.plot([low, high], [place, place], color=colour, lw=1.6, solid_capstyle="round")
            ax.plot(value, place, "o", color=colour, ms=4, mec="white", mew=0.4)
        arrow = "← better" if better < 0 else "better →"
        ax.set(title=title, xlabel=f"difference ({unit}; {arrow})")
        ax.grid(axis="y", visible=False)
        ax.tick_params(axis="y", length=0)
    axes[0].set_yticks([row[0] for row in rows], [row[1] for row in rows])
    for text, row in zip(axes[0].get_yticklabels(), rows, strict=True):
        if row[3] is None:
            text.set_fontweight("bold")
    axes[0].set_ylim(y - 0.5, -0.9)
    return figure


@style.styled
def training_size_curve(study: pd.DataFrame) -> Figure:
    """Age error and gender accuracy against the number of faces that train, a line per network.

    Of ``evaluation.run_table`` the factor is the network and the variant the number of faces. Each training is a
    ring, their mean a filled mark on the line.
    """
    done = study.dropna(subset=["age_mae"]) if "age_mae" in study else study[:0]
    if done.groupby("factor")["variant"].nunique().max() in (1, np.nan):
        return style.nothing_yet("No network is trained on several numbers of these faces yet.")
    done = done.assign(faces=done["variant"].astype(int)).sort_values("faces", kind="stable")
    looks = style.look_of(list(dict.fromkeys(study["factor"])))
    figure = style.new_figure(height_cm=6.5)
    axes = figure.subplots(1, 2)
    for ax, (measure, title, *_) in zip(axes, _PANELS, strict=True):
        for name, (colour, marker) in looks.items():
            own = done[done["factor"] == name]
            mean = own.groupby("faces")[measure].mean()
            ax.plot(own["faces"], own[measure], marker, mfc="none", mec=colour, mew=0.7, ms=3, alpha=0.7)
            ax.plot(mean.index, mean, "-", marker=marker, color=colour, ms=4.5, lw=1.3, label=name)
        ax.set_xscale("log")
        places = sorted(done["faces"].unique())
        ax.set_xticks(places, [f"{count:,}" for count in places])
        ax.minorticks_off()
        ax.set(title=title, xlabel="training-set size (faces)", ylabel=style.MEASURES[measure][1])
    style.percent_axis(axes[1].yaxis)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=len(looks))
    return figure


@style.styled
def fold_scores(table: pd.DataFrame) -> Figure:
    """Age error and gender accuracy of every fold, of all together and of the single split, with 95 % intervals.

    The band is the interval of all folds, behind the others; ``table`` is ``evaluation.cross_validation_table``.
    """
    if table.empty:
        return style.nothing_yet("No fold of these faces has been trained yet.")
    parts = list(table["part"])
    figure = style.new_figure(height_cm=2.4 + 0.62 * len(parts))
    axes = figure.subplots(1, 2, sharey=True)
    for ax, (measure, title, *_) in zip(axes, _PANELS, strict=True):
        whole = table[table["part"] == "all folds"].iloc[0]
        ax.axvspan(whole[f"{measure}_low"], whole[f"{measure}_high"], color=style.COLOURS["ModelA"], alpha=0.13, lw=0)
        for y, row in enumerate(table.itertuples()):
            value, low, high = style.ends_of(row, measure)
            style.whisker(ax, (value, low, high), y, _LOOKS.get(row.part, _FOLD), mew=1)
            words = f"{value:.2f}" if measure == "age_mae" else style.percent(value, 1)
            ax.annotate(words, (high, y), xytext=(5, 0), textcoords="offset points", va="center", size=7.5)
        left, right = ax.dataLim.intervalx
        # room at the right, where the numbers stand
        ax.set_xlim(left - 0.08 * (right - left), right + 0.28 * (right - left))
        ax.set(title=title, xlabel=style.MEASURES[measure][1])
        ax.tick_params(axis="y", length=0)
    style.percent_axis(axes[1].xaxis)
    style.name_rows(axes, [f"{row.part}  (n = {row.images:,})" for row in table.itertuples()])
    band = Patch(color=style.COLOURS["ModelA"], alpha=0.13, lw=0, label="its 95 % interval")
    single = [
        Line2D([], [], color=colour, marker=marker, label=part)
        for part, (colour, marker) in _LOOKS.items()
        if part in parts and part != "all folds"
    ]
    style.legend(figure, {"a fold": _FOLD, "all folds": _LOOKS["all folds"]}, band, *single)
    return figure
