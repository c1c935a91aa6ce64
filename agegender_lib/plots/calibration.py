"""How sure models are: calibration, prediction intervals, selective prediction."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator

from agegender_lib.plots import style

_LEVEL = 0.8
_DOT: dict[str, Any] = {"width": 1.2, "ms": 4, "mew": 1.1}
_AGES = {"age": "By labelled age", "age_predicted": "By predicted age"}


@style.styled
def reliability_diagrams(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """What was predicted against what is so, a panel per model, above how many faces each dot stands for.

    On the dashed line a model means what it says; a dot inside its grey bar may be off it by chance. Whiskers are 95 %
    intervals. ``tables`` holds each model's ``evaluation.reliability``.
    """
    looks = style.look_of(tables)
    figure = style.new_figure(height_cm=3.2 + 13.5 / max(3, len(tables)), width=min(1, 0.36 * len(tables)))
    axes = figure.subplots(2, len(tables), sharex=True, sharey="row", squeeze=False, height_ratios=[4, 1])
    for (ax, below), (name, table) in zip(axes.T, tables.items(), strict=True):
        colour, marker = looks[name]
        ax.plot([0, 1], [0, 1], **style.DASHED)
        ends = table["consistency_low"], table["consistency_high"]
        ax.vlines(table["predicted"], *ends, color=style.COLOURS["faint"], alpha=0.6, lw=5)
        ax.vlines(table["predicted"], table["observed_low"], table["observed_high"], color=colour, lw=1)
        ax.plot(table["predicted"], table["observed"], marker, color=colour, ms=4)
        ax.set(title=name, xlim=(-0.02, 1.02), ylim=(-0.04, 1.04))
        below.bar(
            table["low"], table["count"], table["high"] - table["low"], align="edge", color=colour, alpha=0.45,
            edgecolor="white", lw=0.5,
        )  # fmt: skip
        below.grid(axis="x", visible=False)
        below.xaxis.set_major_locator(MultipleLocator(0.25))
    figure.supxlabel("mean predicted P(female)", size=8.5, weight="normal")
    axes[0, 0].set_ylabel("fraction of positives (female)")
    axes[1, 0].set_ylabel("faces")
    style.percent_axis(axes[0, 0].yaxis)
    neutral = style.COLOURS["neutral"]
    handles = [
        Line2D([], [], **style.DASHED, label="perfectly calibrated"),
        Line2D([], [], color=style.COLOURS["faint"], alpha=0.6, lw=5, label="95 % consistency band"),
        Line2D([], [], color=neutral, marker="o", ms=4, lw=1, label="measured"),
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=3 if len(tables) > 1 else 1)
    return figure


@style.styled
def interval_coverage(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """How often intervals hold the labelled age, and how wide they are, as predicted (hollow) and corrected.

    A dashed line marks how often they are to hold it. Whiskers are 95 % intervals. The correction shown is CQR-m,
    and without distributions the absolute residual's. ``tables`` holds each model's ``evaluation.empirical_coverage``.
    """
    looks = style.look_of(tables)
    whole = {name: table[table["by"] == "all"] for name, table in tables.items()}
    levels = sorted(set(pd.concat(whole.values())["level"]))
    figure = style.new_figure(height_cm=2.2 + len(levels) * max(1.2, 0.62 * len(tables)))
    axes = figure.subplots(1, 2, sharey=True)
    for offset, (name, table) in zip(style.spread(len(tables), 0.28), whole.items(), strict=True):
        for row in table[table["interval"].isin(["predicted", _corrected(table)])].itertuples():
            before = row.interval == "predicted"
            y = levels.index(row.level) + offset + (-0.05 if before else 0.05)
            for ax, measure in zip(axes, ("coverage", "width"), strict=True):
                style.whisker(ax, style.ends_of(row, measure), y, looks[name], before, **_DOT)
    for number, level in enumerate(levels):
        axes[0].plot([level, level], [number - 0.45, number + 0.45], **style.DASHED)
    axes[0].set(title="Empirical coverage", xlabel="fraction of faces")
    axes[1].set(title="Mean interval width", xlabel="years")
    axes[1].set_xlim(left=0)
    style.percent_axis(axes[0].xaxis)
    style.name_rows(axes, [f"{style.percent(level)} intervals" for level in levels])
    dot = {"color": style.COLOURS["neutral"], "marker": "o", "mew": 1.2, "ls": ""}
    before, after = (Line2D([], [], mfc="white", label="as predicted", **dot), Line2D([], [], label="corrected", **dot))
    style.legend(figure, looks, before, after)
    return figure


@style.styled
def coverage_by_age(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """How often corrected 80 % intervals hold the labelled age, by age band; bands of fewer than 30 faces in grey.

    A dashed line marks the 80 %; for the correction, and ``tables``, see :func:`interval_coverage`.
    """
    looks = style.look_of(tables)
    bands = list(dict.fromkeys(pd.concat(tables.values()).query("by != 'all'")["group"]))
    bands.sort(key=lambda band: int(band.split("-")[0].rstrip("+")))
    figure = style.new_figure(height_cm=2.4 + len(bands) * max(0.55, 0.27 * len(tables)))
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    for ax, (by, title) in zip(axes, _AGES.items(), strict=True):
        ax.axvline(_LEVEL, **style.DASHED)
        for offset, (name, table) in zip(style.spread(len(tables), 0.2), tables.items(), strict=True):
            own = table[(table["by"] == by) & (table["level"] == _LEVEL)]
            for row in own[own["interval"] == _corrected(table)].itertuples():
                colour = style.COLOURS["faint"] if row.low_support else looks[name][0]
                look, y = (colour, looks[name][1]), bands.index(row.group) + offset
                style.whisker(ax, style.ends_of(row, "coverage"), y, look, **_DOT)
        ax.set(title=title, xlabel=f"empirical coverage of {style.percent(_LEVEL)} intervals")
    style.percent_axis(axes[0].xaxis)
    style.name_rows(axes, bands)
    axes[0].set_ylabel("age band (years)")
    few = Line2D([], [], color=style.COLOURS["faint"], marker="o", label="fewer than 30 faces")
    style.legend(figure, looks, *([few] if pd.concat(tables.values())["low_support"].any() else []))
    return figure


@style.styled
def risk_coverage_curves(ages: Mapping[str, pd.DataFrame], genders: Mapping[str, pd.DataFrame]) -> Figure:
    """Risk-coverage curves: the error over the faces that a model is surest of, with 95 % bands.

    Dotted: random rejection. Thin: an oracle rejects the largest true errors, which nothing can beat. ``ages`` and
    ``genders`` hold each model's ``evaluation.age_risk_coverage`` and ``gender_risk_coverage``.
    """
    looks = style.look_of({**genders, **ages})
    figure = style.new_figure(height_cm=7.6)
    axes = figure.subplots(1, 2)
    for ax, tables, measure in zip(axes, (ages, genders), ("age_mae", "gender_accuracy"), strict=True):
        for name, table in tables.items():
            colour, marker = looks[name]
            coverage = table["coverage"]
            ax.fill_between(coverage, table["low"], table["high"], color=colour, alpha=0.15, lw=0)
            ax.plot(coverage, table["oracle"], color=colour, lw=0.7)
            ax.plot(coverage, table["random_rejection"], color=colour, lw=0.9, ls=":")
            ax.plot(coverage, table["value"], color=colour, marker=marker, ms=3, label=name)
        title, unit = style.MEASURES[measure]
        ax.set(title=title, xlabel="coverage (most confident faces)", ylabel=unit)
        ax.invert_xaxis()
        style.percent_axis(ax.xaxis)
    axes[0].set_ylim(bottom=0)
    style.percent_axis(axes[1].yaxis)
    neutral = style.COLOURS["neutral"]
    at_random = Line2D([], [], color=neutral, lw=0.9, ls=":", label="random rejection")
    style.legend(figure, looks, at_random, Line2D([], [], color=neutral, lw=0.7, label="oracle"))
    return figure


def _corrected(table: pd.DataFrame) -> str:
    return "cqr_m" if "cqr_m" in set(table["interval"]) else "absolute_residual"
