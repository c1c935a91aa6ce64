"""What changing one thing does: the choices of a study beside their references."""

import pandas as pd
from matplotlib.figure import Figure

from agegender_lib.plots.style import COLOURS, new_figure, nothing_yet, styled

# Difference column, title, unit, its size on the axis, and which sign is better.
_PANELS = (
    ("age_mae", "Age error", "years", 1, -1),
    ("gender_accuracy", "Gender accuracy", "points", 100, 1),
)
_ROW_CM = 0.47


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
    figure = new_figure(height_cm=2.2 + _ROW_CM * y)
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


def _label(_, name, reference, choice):
    if choice is None:
        return f"{name}: {reference['choice']}"
    return f"{name} ({choice['seeds']} seeds)" if choice["seeds"] > 1 else name
