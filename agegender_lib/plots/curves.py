"""How a training went, epoch by epoch."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from agegender_lib.plots.style import COLOURS, look_of, new_figure, percent, percent_axis, styled

# Column, title, y label, and whether the best epoch is the lowest.
PANELS = (
    ("gender_loss", "Gender: loss", "loss", True),
    ("gender_accuracy", "Gender: accuracy", "share right", False),
    ("age_loss", "Age: loss", "loss", True),
    ("age_mae", "Age: mean absolute error", "years", True),
)
_NOTE = {"textcoords": "offset points", "size": 7.2, "color": "#666666"}


@styled
def learning_curves(history: pd.DataFrame, title: str = "") -> Figure:
    """The four learning curves the coursework asks for, training and validation.

    A dashed line marks where a new training stage begins; a ring marks the best validation epoch. A few extreme values
    would flatten everything else: they are cut off, with a triangle at the edge for each.

    Parameters
    ----------
    history
        A run's ``history.csv``.
    title
        Name of the model, above the panels; a name that starts with ModelA or ModelB sets the colour.
    """
    figure = new_figure(height_cm=11.5)
    colour = look_of([title])[title][0] if title else COLOURS["ModelA"]
    epochs = epochs_of(history)
    axes = figure.subplots(2, 2, sharex=True).ravel()
    for ax, (column, heading, unit, lowest) in zip(axes, PANELS, strict=True):
        train, validation = history[column].to_numpy(float), history[f"val_{column}"].to_numpy(float)
        ax.plot(epochs, train, color=COLOURS["train"], lw=1.2, label="training")
        ax.plot(epochs, validation, color=colour, label="validation")
        ax.set_title(heading, pad=15)
        ax.set_ylabel(unit)
        if lowest:
            _crop(ax, epochs, train, validation, colour)
        _annotate(ax, epochs, validation, column, lowest, colour)
        _stages(ax, history, epochs)
    percent_axis(axes[1].yaxis)
    for ax in axes[2:]:
        ax.set_xlabel("epoch")
        count_epochs(ax)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2)
    if title:
        figure.suptitle(title, x=0.01, y=0.98, ha="left", va="top")
    return figure


@styled
def epoch_times(history: pd.DataFrame, title: str = "") -> Figure:
    """Seconds per epoch, with the median of each stage; ``history`` is a run's ``history.csv``."""
    figure = new_figure(height_cm=5)
    ax = figure.subplots()
    epochs = epochs_of(history)
    seconds = history["seconds"].to_numpy(float)
    ax.bar(epochs, seconds, color=COLOURS["faint"], width=0.85)
    words = []
    for first, last, name in _stage_spans(history):
        median = float(np.median(seconds[first : last + 1]))
        ax.plot([epochs[first] - 0.5, epochs[last] + 0.5], [median, median], color=COLOURS["neutral"])
        words.append((f"{name}: " if first or last + 1 < len(epochs) else "") + f"median {median:.3g} s")
    ax.annotate(", ".join(words), (0, 1), xycoords="axes fraction", xytext=(0, 4), **_NOTE)
    _stages(ax, history, epochs)
    ax.set(xlabel="epoch", ylabel="seconds per epoch", xlim=(epochs[0] - 0.8, epochs[-1] + 0.8))
    ax.margins(y=0.15)
    count_epochs(ax)
    ax.grid(axis="x", visible=False)
    if title:
        figure.suptitle(title, x=0.01, ha="left")
    return figure


def epochs_of(history: pd.DataFrame) -> np.ndarray:
    """Epoch numbers for the x axis; counted through when each stage starts again at one."""
    epochs = history["epoch"].to_numpy()
    return epochs if (np.diff(epochs) > 0).all() else np.arange(1, len(epochs) + 1)


def count_epochs(ax: Axes) -> None:
    ax.xaxis.set_major_locator(MaxNLocator(7, integer=True, steps=[1, 2, 5, 10]))


def _stage_spans(history: pd.DataFrame) -> list[tuple[int, int, str]]:
    """First row, last row and name of every stage; a stage that is a mere number is called ``stage 2``."""
    stages = [f"stage {name}" if name.isdigit() else name for name in history["stage"].astype(str)]
    starts = [row for row in range(len(stages)) if row == 0 or stages[row] != stages[row - 1]]
    ends = [*(start - 1 for start in starts[1:]), len(stages) - 1]
    return [(start, end, stages[start]) for start, end in zip(starts, ends, strict=True)]


def _stages(ax: Axes, history: pd.DataFrame, epochs: np.ndarray) -> None:
    """A line where each further stage begins, with its name; a first stage of two epochs has no room for a name."""
    for first, _, name in _stage_spans(history)[1:]:
        ax.axvline(epochs[first] - 0.5, color="#888888", lw=0.8, ls=(0, (3, 2)), zorder=1)
        ax.annotate(
            name, (epochs[first] - 0.5, 1), xycoords=("data", "axes fraction"), xytext=(3, -1), va="top", zorder=5,
            bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.8}, **_NOTE,
        )  # fmt: skip


def cut_extremes(ax: Axes, curves: Sequence[np.ndarray]) -> str:
    """Let a few exploding epochs leave the panel instead of flattening the rest; returns in words how far they go."""
    finite = [values[np.isfinite(values)] for values in curves]
    finite = [values for values in finite if len(values)]
    usual = max((np.quantile(values, 0.93) for values in finite), default=np.inf)
    highest = max((values.max() for values in finite), default=0)
    if highest <= 2.5 * usual:
        return ""
    ax.set_ylim(min(0, *(values.min() for values in finite)), 1.25 * usual)
    return f"{highest:,.0f}" if highest >= 100 else f"{highest:.3g}"


def _crop(ax: Axes, epochs: np.ndarray, train: np.ndarray, validation: np.ndarray, colour: str) -> None:
    """Cut extreme epochs off, with a triangle at the edge for each."""
    highest = cut_extremes(ax, [np.concatenate([train, validation])])
    if not highest:
        return
    for series, shade in ((train, COLOURS["train"]), (validation, colour)):
        beyond = epochs[series > ax.get_ylim()[1]]
        at_edge = {"transform": ax.get_xaxis_transform(), "gid": "cut"}
        ax.plot(beyond, np.full(len(beyond), 0.985), "^", color=shade, ms=4, **at_edge)
    ax.annotate(
        f"▲ off the scale, up to {highest}", (1, 0.93), xycoords="axes fraction", ha="right", va="top",
        size=7.5, color="#666666",
    )  # fmt: skip


def _annotate(
    ax: Axes, epochs: np.ndarray, validation: np.ndarray, column: str, lowest: bool, colour: str
) -> None:
    """Ring the best validation epoch; say its value and the last one below the title."""
    if not np.isfinite(validation).any():
        return
    best = int(np.nanargmin(validation) if lowest else np.nanargmax(validation))
    ax.plot(epochs[best], validation[best], "o", mfc="white", mec=colour, mew=1.3, ms=5, zorder=4)
    decimals = 2 if column == "age_mae" else 3
    best_words, last_words = (
        percent(value, 1) if column == "gender_accuracy" else f"{value:.{decimals}f}"
        for value in (validation[best], validation[-1])
    )
    note = ax.annotate(
        f"validation: best {best_words} (epoch {epochs[best]}), last {last_words}", (0, 1), xycoords="axes fraction",
        xytext=(0, 4), **_NOTE,
    )  # fmt: skip
    note.set_in_layout(False)  # or a note as wide as the panel would narrow all panels
