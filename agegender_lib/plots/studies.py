"""What changing one thing does: the choices of a study beside their references."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from agegender_lib.plots.style import COLOURS, look_of, new_figure, nothing_yet, percent_axis, styled

# Difference column, title, unit, its size on the axis, and which sign is better.
_PANELS = (
    ("age_mae", "Age error", "years", 1, -1),
    ("gender_accuracy", "Gender accuracy", "points", 100, 1),
)
_ROW_CM = 0.47
# what is left of a page of the report beside the caption
_HIGHEST_CM = 22.5


@styled
def choice_differences(comparison: pd.DataFrame) -> Figure:
    """Each choice's difference from its group's reference, with its 95 % interval, for both tasks.

    Blue is better than the reference and orange worse, where the interval leaves out zero; everything else is grey.

    Parameters
    ----------
    comparison
        As ``evaluation.compare_choices`` returns it.
    """
    done = comparison[comparison["seeds"] > 0]
    groups = [
        rows for _, rows in done.groupby("group", sort=False) if rows["reference"].any() and len(rows) > 1
    ]
    if not groups:
        return nothing_yet("No choice of this study has been trained beside its reference on these faces.")
    rows, y = [], 0.0
    for members in groups:
        reference = members[members["reference"]].iloc[0]
        rows.append((y, members["group"].iloc[0], reference, None))
        for _, choice in members[~members["reference"]].iterrows():
            y += 1
            rows.append((y, choice["choice"], reference, choice))
        y += 1.35
    figure = new_figure(height_cm=min(2.2 + _ROW_CM * y, _HIGHEST_CM))
    axes = figure.subplots(1, 2, sharey=True)
    for ax, (measure, title, unit, scale, better) in zip(axes, _PANELS, strict=True):
        ax.axvline(0, color="#777777", lw=0.8)
        for place, _, reference, choice in rows:
            if choice is None:
                value = reference[measure] * scale
                words = f"{value:.2f} years" if scale == 1 else f"{value:.1f}\N{THIN SPACE}%"
                ax.annotate(
                    words, (1, place), xycoords=("axes fraction", "data"), ha="right", va="center", size=7,
                    color="#666666", bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
                )  # fmt: skip
                continue
            value, low, high = (choice[f"{measure}_difference{end}"] * scale for end in ("", "_low", "_high"))
            decided = low > 0 or high < 0
            good = value * better > 0
            colour = COLOURS["faint"] if not decided else COLOURS["ModelA"] if good else COLOURS["ModelB"]
            ax.plot([low, high], [place, place], color=colour, lw=1.6, solid_capstyle="round")
            ax.plot(value, place, "o", color=colour, ms=4, mec="white", mew=0.4)
        arrow = "← better" if better < 0 else "better →"
        ax.set(title=title, xlabel=f"difference ({unit}; {arrow})")
        ax.grid(axis="y", visible=False)
        ax.tick_params(axis="y", length=0)
    axes[0].set_yticks([row[0] for row in rows], [_label(*row) for row in rows])
    for text, row in zip(axes[0].get_yticklabels(), rows, strict=True):
        if row[3] is None:
            text.set_fontweight("bold")
    axes[0].set_ylim(y - 0.5, -0.9)
    return figure


@styled
def error_by_faces(trainings: pd.DataFrame) -> Figure:
    """Age error and gender accuracy against the number of faces that train, a line per network.

    Parameters
    ----------
    trainings
        A row per training, as ``evaluation.training_table`` returns them: group (the network), choice (the number of
        faces), seed, age_mae, gender_accuracy. Each is a ring, their mean a filled mark on the line; what is not
        trained yet is left out.
    """
    done = trainings.dropna(subset=["age_mae"]) if "age_mae" in trainings else trainings[:0]
    if done.groupby("group")["choice"].nunique().max() in (1, np.nan):
        return nothing_yet("No network is trained on several numbers of these faces yet.")
    done = done.assign(faces=done["choice"].astype(int)).sort_values("faces", kind="stable")
    looks = look_of(list(dict.fromkeys(trainings["group"])))
    figure = new_figure(height_cm=6.5)
    axes = figure.subplots(1, 2)
    for ax, (measure, title, _, _, better) in zip(axes, _PANELS, strict=True):
        for name, (colour, marker) in looks.items():
            own = done[done["group"] == name]
            mean = own.groupby("faces")[measure].mean()
            ax.plot(own["faces"], own[measure], marker, mfc="none", mec=colour, mew=0.7, ms=3, alpha=0.7)
            ax.plot(mean.index, mean, "-", marker=marker, color=colour, ms=4.5, lw=1.3, label=name)
        ax.set_xscale("log")
        places = sorted(done["faces"].unique())
        ax.set_xticks(places, [f"{count:,}" for count in places])
        ax.minorticks_off()
        unit = "years" if better < 0 else "share right"
        ax.set(title=title, xlabel="faces that train", ylabel=unit)
    percent_axis(axes[1].yaxis)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=len(looks))
    return figure


def _label(_, name, reference, choice):
    if choice is None:
        return f"{name}: {reference['choice']}"
    return f"{name} ({choice['seeds']} seeds)" if choice["seeds"] > 1 else name
