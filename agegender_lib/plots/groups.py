"""Intersectional subgroups as maps, and the gaps between groups beside what chance makes of them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from agegender_lib.evaluation.fairness.subgroups import GROUPINGS, LOW_SUPPORT
from agegender_lib.plots import style

# Measure: its words, its unit, its colours (darker is worse; for the bias both ways), and how a cell writes it.
_MAPS = {
    "age_mae": ("Age", "MAE (years)", "Blues", "{:.1f}"),
    "age_bias": ("Age", "bias, predicted − true (years)", "PuOr_r", "{:+.1f}"),
    "gender_accuracy": ("Gender", "accuracy (%)", "Blues_r", "{:.0f}"),
}
_GAPS = {
    "age_mae": ("Age: MAE", "gap (years)"),
    "age_bias": ("Age: bias", "gap (years)"),
    "gender_accuracy": ("Gender", "gap in accuracy"),
    "gender_accuracy_from_3": ("Gender, 3+", "gap in accuracy"),
}
_SHIFTS = {"gender_accuracy": "Gender accuracy", "age_in_range": "Age within its range"}
_FEW = {"facecolor": "#ECEEF0", "edgecolor": "#C2C7CC", "hatch": "////", "linewidth": 0.0}
_FEW_TEXT = "#5F666D"


@style.styled
def intersectional_groups(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Age error, age bias and gender accuracy in every intersection of two groupings, a column of maps per model.

    Each cell has its value and, in brackets, its number of images; hatched are those with fewer than 30. Of each model
    ``tables`` holds ``evaluation.metrics_by_group``. The page is wide enough for about eight columns of cells.
    """
    by = [name for name in GROUPINGS if name in next(iter(tables.values())).columns]
    by.sort(key=lambda name: name == "gender")  # the shorter one across
    rows = max(table[by[0]].nunique() for table in tables.values())
    figure = style.new_figure(height_cm=1.6 + len(_MAPS) * (0.75 + 0.43 * rows))
    axes = figure.subplots(len(_MAPS), len(tables), sharex=True, sharey=True, squeeze=False)
    for line, (measure, (title, unit, colours, words)) in zip(axes, _MAPS.items(), strict=True):
        grids = [_grid(table, by, measure) for table in tables.values()]
        known = np.concatenate([value[count >= LOW_SUPPORT] for value, count, _, _ in grids])
        known = known if len(known) else np.array([0.0, 1.0])  # every cell is small
        low, high = known.min(), known.max()
        if measure == "age_bias":
            low, high = -np.abs(known).max(), np.abs(known).max()
        for ax, (value, count, down, across) in zip(line, grids, strict=True):
            shown = np.ma.masked_where(count < LOW_SUPPORT, value)
            palette = colormaps[colours].with_extremes(bad=_FEW["facecolor"])
            ax.pcolormesh(shown, cmap=palette, vmin=low, vmax=high, edgecolor="white", lw=1.2)
            _write(ax, value, count, words, 100 if measure == "gender_accuracy" else 1)
            ax.set_xticks(np.arange(len(across)) + 0.5, across)
            ax.set_yticks(np.arange(len(down)) + 0.5, down)
            ax.set(xlim=(0, len(across)), ylim=(len(down), 0))
            ax.tick_params(length=0)
            ax.grid(visible=False)
            ax.spines[:].set_visible(False)
        line[0].set_title(f"{title}, {unit}", fontsize=8.5)
    for ax, name in zip(axes[-1], tables, strict=True):
        ax.set_xlabel(name, weight="bold")
    few = Patch(**_FEW, label=f"fewer than {LOW_SUPPORT} images (counts in brackets)")
    figure.legend(handles=[few], loc="outside upper right")
    return figure


@style.styled
def group_gaps(table: pd.DataFrame) -> Figure:
    """The gap between the highest and the lowest group, with its 95 % interval, on what chance makes of it.

    A grey bar ends where chance exceeds it in 5 % of the shuffles, a thin black line where it does so when the groups
    keep their ages. A marker is filled where the gap is beyond the bar. ``table`` is ``evaluation.gaps_of``.
    """
    models, groupings = list(dict.fromkeys(table["model"])), list(dict.fromkeys(table["grouping"]))
    looks = style.look_of(models)
    offsets = dict(zip(models, style.spread(len(models), 0.27), strict=True))
    figure = style.new_figure(height_cm=2.8 + len(groupings) * max(0.6, 0.4 * len(models)))
    axes = figure.subplots(1, len(_GAPS), sharey=True)
    for ax, (measure, (title, unit)) in zip(axes, _GAPS.items(), strict=True):
        for row in table[table["measure"] == measure].itertuples():
            y = groupings.index(row.grouping) + offsets[row.model]
            if not np.isfinite(row.gap):
                ax.annotate("too few images", (0, y), xytext=(3, 0), textcoords="offset points", va="center",
                            size=7, color=_FEW_TEXT)  # fmt: skip
                continue
            half = 0.42 / len(models)
            ax.barh(y, row.critical_value, height=2 * half, color="#D9DDE1", lw=0)
            if np.isfinite(row.critical_value_within_ages):
                ax.plot([row.critical_value_within_ages] * 2, [y - half, y + half], color="#333333", lw=0.9)
            beyond = row.gap > row.critical_value
            style.whisker(ax, (row.gap, row.low, row.high), y, looks[row.model], hollow=not beyond)
        ax.set(title=title, xlabel=unit)
        ax.set_xlim(left=-0.035 * ax.get_xlim()[1])  # a marker at 0 is seen whole
    for ax in axes[2:]:
        style.percent_axis(ax.xaxis)
    style.name_rows(axes, [name.replace("_", " ").replace(" x ", " × ") for name in groupings])
    ages_kept = Line2D([], [], color="#333333", lw=0.9, label="95 % null, within age groups")
    style.legend(figure, looks, Patch(color="#D9DDE1", label="95 % null"), ages_kept)
    return figure


@style.styled
def shift_steps(table: pd.DataFrame) -> Figure:
    """How much worse models do on another set of faces, with 95 % intervals, a row per step that makes both alike.

    Hollow where the interval reaches 0. ``table`` is ``evaluation.shift_steps`` of several models, with ``model``.
    """
    models, steps = list(dict.fromkeys(table["model"])), list(dict.fromkeys(table["step"]))
    looks = style.look_of(models)
    offsets = dict(zip(models, style.spread(len(models), 0.22), strict=True))
    figure = style.new_figure(height_cm=2.2 + 0.9 * len(steps))
    axes = figure.subplots(1, len(_SHIFTS), sharey=True)
    for ax, (measure, title) in zip(axes, _SHIFTS.items(), strict=True):
        ax.axvline(0, color="#555555", lw=0.9, zorder=1)
        for row in table[table["measure"] == measure].itertuples():
            y = steps.index(row.step) + offsets[row.model]
            style.whisker(ax, style.ends_of(row, "gap"), y, looks[row.model], hollow=row.gap_low <= 0)
        ax.set(title=title, xlabel="fall (share of the faces)")
        style.percent_axis(ax.xaxis)
    style.name_rows(axes, steps)
    style.legend(figure, looks)
    return figure


def _grid(table: pd.DataFrame, by: list[str], measure: str) -> tuple[np.ndarray, np.ndarray, list, list]:
    """Values and counts [down, across] (NaN and 0 where no image is), and the names of both sides."""
    value, count = (
        table.pivot_table(index=by[0], columns=by[1], values=values, observed=True) for values in (measure, "count")
    )
    count = count.fillna(0)
    return value.to_numpy(), count.to_numpy(), list(value.index), list(value.columns)


def _write(ax: Axes, value: np.ndarray, count: np.ndarray, words: str, times: float) -> None:
    for place in np.ndindex(value.shape):
        number = words.format(times * value[place]).replace("-", "−") if count[place] else "none"
        text = f"{number} ({count[place]:.0f})" if count[place] else number
        ax.text(place[1] + 0.5, place[0] + 0.5, text, ha="center", va="center", size=7.2)
    ax.collections[0].update_scalarmappable()  # which gives the cells their colours
    style.readable_cells(ax)
    for text, place in zip(ax.texts, np.ndindex(value.shape), strict=True):
        if count[place] < LOW_SUPPORT:
            text.set_color(_FEW_TEXT)
            ax.add_patch(Rectangle((place[1] + 0.02, place[0] + 0.05), 0.96, 0.9, **_FEW))  # under the text
