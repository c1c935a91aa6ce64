"""Predictions: against the truth, by group of people, and beside each other."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from agegender_lib.evaluation.fairness.subgroups import GROUPINGS, running_median
from agegender_lib.evaluation.tables import scores
from agegender_lib.plots import style


@style.styled
def true_vs_predicted(predictions: Mapping[str, pd.DataFrame]) -> Figure:
    """Predicted against true age, a panel per model: every face a dot, the identity, and what is typical.

    The line is the running median of ``evaluation.running_median``, the band holds the central 80 % of the predictions.
    """
    count = len(predictions)
    width, height = {1: (0.62, 9.5), 2: (1, 8.2)}.get(count, (1, 2.3 + 13.5 / count))
    figure = style.new_figure(height_cm=height, width=width)
    axes = figure.subplots(1, count, sharex=True, sharey=True, squeeze=False).ravel()
    tables = predictions.values()
    top = max(max(table["age"].max(), table["age_predicted"].max()) for table in tables) * 1.03
    bottom = min(0, *(table["age_predicted"].min() for table in tables))
    looks = style.look_of(predictions)
    for ax, (name, table) in zip(axes, predictions.items(), strict=True):
        colour = looks[name][0]
        typical = running_median(table)
        ax.plot([0, top], [0, top], **style.DASHED, label="perfect")
        ax.scatter(
            table["age"], table["age_predicted"], s=5, color=style.COLOURS["neutral"], alpha=0.28, linewidths=0,
            rasterized=True,
        )  # fmt: skip
        ax.fill_between(
            typical["age"], typical["low"], typical["high"], color=colour, alpha=0.2, lw=0,
            label=f"central {style.percent(0.8)}",
        )  # fmt: skip
        ax.plot(typical["age"], typical["median"], color=colour, lw=1.8, label="running median")
        ax.set(title=name, xlabel="true age (years)", xlim=(0, top), ylim=(bottom, top))
        ax.set_aspect("equal")
        ax.annotate(
            f"MAE {scores(table)['age_mae'].mean():.2f} years", (1, 0), xycoords="axes fraction", xytext=(-3, 4),
            textcoords="offset points", ha="right", size=7.5, color="#666666",
        )  # fmt: skip
        if count <= 2:
            ax.legend(loc="upper left", borderaxespad=0.2, handlelength=1.6)
    if count > 2:
        # no room in the panels: one legend above them, in no model's colour
        neutral = style.COLOURS["neutral"]
        handles = [
            Line2D([], [], **style.DASHED, label="perfect"),
            Patch(color=neutral, alpha=0.2, lw=0, label=f"central {style.percent(0.8)}"),
            Line2D([], [], color=neutral, lw=1.8, label="running median"),
        ]
        figure.legend(handles=handles, loc="outside upper right", ncols=3)
    axes[0].set_ylabel("predicted age (years)")
    return figure


@style.styled
def confusion_matrices(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """A panel per model with its ``evaluation.confusion_matrix``; each cell with its count and fraction of the row."""
    figure = style.new_figure(height_cm=5.6, width=min(1, 0.36 * len(tables)))
    axes = figure.subplots(1, len(tables), squeeze=False).ravel()
    for ax, (name, table) in zip(axes, tables.items(), strict=True):
        shares = table.div(table.sum(axis=1).clip(lower=1), axis=0)
        words = table.astype(str) + "\n" + shares.map(lambda share: style.percent(share, 1))
        sns.heatmap(
            shares, ax=ax, vmin=0, vmax=1.15, cmap="Blues", cbar=False, annot=words, fmt="", linewidths=1.5,
            square=True, annot_kws={"size": 8.5},
        )  # fmt: skip
        style.readable_cells(ax)
        ax.set(title=name, xlabel="predicted", ylabel="true")
        ax.tick_params(length=0)
        ax.set_yticklabels(ax.get_yticklabels(), rotation=90, va="center")
    return figure


@style.styled
def metrics_by_group(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Age error, age bias and gender accuracy per group, with 95 % intervals; small groups in grey.

    ``tables`` holds each model's ``evaluation.metrics_by_group``, all grouped alike.
    """
    by = [name for name in GROUPINGS if name in next(iter(tables.values()))]
    named = {name: table.assign(label=table[by].astype(str).agg(", ".join, axis=1)) for name, table in tables.items()}
    groups = pd.concat(named.values()).drop_duplicates("label")
    place = {label: position for position, label in enumerate(groups["label"])}
    looks = style.look_of(tables)
    figure = style.new_figure(height_cm=2.4 + len(groups) * max(0.55, 0.3 * len(tables)))
    axes = figure.subplots(1, len(style.MEASURES), sharey=True)
    for ax, (measure, (title, unit)) in zip(axes, style.MEASURES.items(), strict=True):
        for offset, (name, table) in zip(style.spread(len(tables), 0.17), named.items(), strict=True):
            for row in table.itertuples():
                look = style.COLOURS["faint"] if row.low_support else looks[name][0], looks[name][1]
                style.whisker(ax, style.ends_of(row, measure), place[row.label] + offset, look)
        ax.set(title=title, xlabel=unit)
    axes[0].set_xlim(left=0)
    axes[1].axvline(0, color="#555555", lw=0.9, zorder=1)
    style.percent_axis(axes[2].xaxis)
    style.name_rows(axes, [f"{row.label}  (n = {row.count})" for row in groups.itertuples(name="Row")])
    for tick, few in zip(axes[0].get_yticklabels(), groups["low_support"], strict=True):
        tick.set_color("#8A8A8A" if few else "#333333")
    few = Line2D([], [], color=style.COLOURS["faint"], marker="o", label="fewer than 30 images")
    style.legend(figure, looks, *([few] if groups["low_support"].any() else []))
    return figure


@style.styled
def compare_models(table: pd.DataFrame) -> Figure:
    """Each model's age error and gender accuracy, with 95 % intervals, above what the original report reached.

    ``table`` is ``evaluation.beside_original``; rows without an interval are drawn as hollow diamonds.
    """
    models = list(dict.fromkeys(table["model"]))
    looks = style.look_of(models)
    figure = style.new_figure(height_cm=2.2 + 1.15 * len(models))
    axes = figure.subplots(1, 2, sharey=True)
    for ax, metric in zip(axes, ("age_mae", "gender_accuracy"), strict=True):
        for row in table[table["metric"] == metric].itertuples():
            ours = np.isfinite(row.low)
            colour, marker = looks[row.model] if ours else (style.COLOURS["original report"], "D")
            y = models.index(row.model) + (-0.14 if ours else 0.2)
            style.whisker(ax, (row.value, row.low, row.high), y, (colour, marker), hollow=not ours)
            words = f"{row.value:.2f}" if metric == "age_mae" else style.percent(row.value, 1)
            end = row.high if ours else row.value
            ax.annotate(words, (end, y), xytext=(6, 0), textcoords="offset points", va="center", size=8)
        left, right = ax.dataLim.intervalx
        # more room at the right, where the numbers stand
        ax.set_xlim(left - 0.1 * (right - left), right + 0.3 * (right - left))
        ax.set(title=style.MEASURES[metric][0], xlabel=style.MEASURES[metric][1])
    style.percent_axis(axes[1].xaxis)
    style.name_rows(axes, models)
    original = {"color": style.COLOURS["original report"], "marker": "D", "mfc": "white", "ls": ""}
    ours = {"this work, 95 % interval": ("black", "o")}
    style.legend(figure, ours, Line2D([], [], label="original report", **original))
    return figure
