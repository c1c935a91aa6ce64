"""How runs went, epoch by epoch: one by itself, or several laid over each other."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from agegender_lib.errors import InputError
from agegender_lib.plots import style
from agegender_lib.plots.style import COLOURS, look_of, new_figure, styled

# Column, title, y label, and whether the best epoch is the lowest.
_PANELS = (
    ("gender_loss", "Gender: loss", "loss", True),
    ("gender_accuracy", "Gender: accuracy", "accuracy", False),
    ("age_loss", "Age: loss", "loss", True),
    ("age_mae", "Age: MAE", "MAE (years)", True),
)
# Instead of an age loss that is the MAE: what is minimised, which has a distribution's or an ordinal head's term, too.
_TOTAL = ("loss", "Total loss (minimised)", "weighted sum of losses", True)
# Okabe and Ito's (2008) colours that stand out on white, and what else tells lines apart when they are used up.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F6000")
_STYLES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)))
_MOST = len(_COLOURS) * len(_STYLES)
_HANDLE_CM = 1.7  # beside a name in the legend
_NOTE = {"textcoords": "offset points", "size": 7.2, "color": "#666666"}


@styled
def training_curves(history: pd.DataFrame, title: str) -> Figure:
    """The four training curves (learning curves) that the coursework asks for, training and validation.

    Where the age loss is the MAE itself, its panel shows the total loss, which is what is minimised.

    A dashed line marks where a new training stage begins; a ring marks the best validation epoch. A few extreme values
    would flatten everything else: they are cropped, with a triangle at the edge for each. The ``title``, above the
    panels, names the model, whose colour the curves have.
    """
    figure, colour, epochs = new_figure(height_cm=11.5), look_of([title])[title][0], _epochs_of(history)
    axes = figure.subplots(2, 2, sharex=True).ravel()
    for ax, (column, heading, unit, lowest) in zip(axes, _panels(history), strict=True):
        train, validation = history[column].to_numpy(float), history[f"val_{column}"].to_numpy(float)
        ax.plot(epochs, train, color=COLOURS["train"], lw=1.2, label="training")
        ax.plot(epochs, validation, color=colour, label="validation")
        ax.set_title(heading, pad=15)
        ax.set_ylabel(unit)
        if lowest:
            _crop(ax, epochs, train, validation, colour)
        _annotate(ax, epochs, validation, column, lowest, colour)
        _stages(ax, history, epochs)
    _label_axes(axes)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2)
    figure.suptitle(title, x=0.01, y=0.98, ha="left", va="top")
    return figure


@styled
def epoch_times(history: pd.DataFrame, title: str) -> Figure:
    """Seconds per epoch, with the median of each stage; ``history`` is a run's ``history.csv``."""
    figure = new_figure(height_cm=5)
    ax = figure.subplots()
    epochs = _epochs_of(history)
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
    _count_epochs(ax)
    ax.grid(axis="x", visible=False)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


@styled
def overlaid_curves(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """The four training curves of several runs: validation strong, training thin and pale.

    A ring marks each run's best validation epoch. A few extreme values would flatten everything else: they are
    cropped, and the panel says so. ``histories`` holds each run's ``history.csv``, by name.
    """
    if not 0 < len(histories) <= _MOST:
        raise InputError(f"{len(histories)} training curves are to be laid over each other: give 1 to {_MOST}")
    names = list(histories)
    widest = max(style.text_cm(name, 8) for name in names) + _HANDLE_CM
    in_line = max(1, min(3, int(style.TEXT_WIDTH_CM / widest)))
    figure = new_figure(height_cm=11.2 + 0.45 * -(-len(names) // in_line))
    axes = figure.subplots(2, 2, sharex=True).ravel()
    looks = _looks(names)
    for ax, (column, heading, unit, lowest) in zip(axes, _panels(*histories.values()), strict=True):
        for history, (colour, dashes) in zip(histories.values(), looks, strict=True):
            epochs, values = _epochs_of(history), history[f"val_{column}"].to_numpy(float)
            own = history[column].to_numpy(float)
            ax.plot(epochs, own, color=colour, ls=dashes, lw=0.8, alpha=0.5, gid="train")
            ax.plot(epochs, values, color=colour, ls=dashes, gid="validation")
            _ring(ax, epochs, values, lowest, colour)
        ax.set(title=heading, ylabel=unit)
        validation = [history[f"val_{column}"].to_numpy(float) for history in histories.values()]
        if lowest:
            _cut_extremes(ax, validation, "off the scale: up to", 0.97)
    _label_axes(axes)
    handles = [Line2D([], [], color=colour, ls=dashes) for colour, dashes in looks]
    grey = {"color": COLOURS["neutral"]}
    handles += [Line2D([], [], **grey), Line2D([], [], lw=0.8, alpha=0.5, **grey)]
    figure.legend(handles, [*names, "validation", "training"], loc="outside upper left", ncols=in_line)
    return figure


def _panels(*histories: pd.DataFrame) -> list[tuple[str, str, str, bool]]:
    """What the four panels show; the age loss only where it is another curve than the MAE."""
    same = all(
        {"loss", "val_loss"} <= set(history) and np.allclose(history["age_loss"], history["age_mae"], equal_nan=True)
        for history in histories
    )
    return [_TOTAL if same and panel[0] == "age_loss" else panel for panel in _PANELS]


def _epochs_of(history: pd.DataFrame) -> np.ndarray:
    """Epoch numbers for the x axis; counted through when each stage starts again at one."""
    epochs = history["epoch"].to_numpy()
    return epochs if (np.diff(epochs) > 0).all() else np.arange(1, len(epochs) + 1)


def _label_axes(axes: Sequence[Axes]) -> None:
    style.percent_axis(axes[1].yaxis)
    for ax in axes[2:]:
        ax.set_xlabel("epoch")
        _count_epochs(ax)


def _count_epochs(ax: Axes) -> None:
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


def _cut_extremes(ax: Axes, curves: Sequence[np.ndarray], words: str, y: float) -> bool:
    """Let a few exploding epochs leave the panel instead of flattening the rest, and write how far they go."""
    finite = [values[np.isfinite(values)] for values in curves]
    finite = [values for values in finite if len(values)]
    usual = max((np.quantile(values, 0.93) for values in finite), default=np.inf)
    highest = max((values.max() for values in finite), default=0)
    if highest <= 2.5 * usual:
        return False
    ax.set_ylim(min(0, *(values.min() for values in finite)), 1.25 * usual)
    words = f"{words} {highest:,.0f}" if highest >= 100 else f"{words} {highest:.3g}"
    ax.annotate(words, (1, y), xycoords="axes fraction", ha="right", va="top", size=7.5, color="#666666")
    return True


def _crop(ax: Axes, epochs: np.ndarray, train: np.ndarray, validation: np.ndarray, colour: str) -> None:
    """Crop extreme epochs, with a triangle at the edge for each."""
    if not _cut_extremes(ax, [np.concatenate([train, validation])], "▲ off the scale, up to", 0.93):
        return
    for series, shade in ((train, COLOURS["train"]), (validation, colour)):
        beyond = epochs[series > ax.get_ylim()[1]]
        at_edge = {"transform": ax.get_xaxis_transform(), "gid": "cut"}
        ax.plot(beyond, np.full(len(beyond), 0.985), "^", color=shade, ms=4, **at_edge)


def _ring(ax: Axes, epochs: np.ndarray, values: np.ndarray, lowest: bool, colour: str) -> int | None:
    """Mark the best epoch, and return its place; None where there is no value."""
    if not np.isfinite(values).any():
        return None
    best = int(np.nanargmin(values) if lowest else np.nanargmax(values))
    ax.plot(epochs[best], values[best], "o", mfc="white", mec=colour, mew=1.3, ms=5, zorder=4)
    return best


def _annotate(ax: Axes, epochs: np.ndarray, validation: np.ndarray, column: str, lowest: bool, colour: str) -> None:
    """Ring the best validation epoch; say its value and the last one below the title."""
    best = _ring(ax, epochs, validation, lowest, colour)
    if best is None:
        return
    decimals = 2 if column == "age_mae" else 3
    best_words, last_words = (
        style.percent(value, 1) if column == "gender_accuracy" else f"{value:.{decimals}f}"
        for value in (validation[best], validation[-1])
    )
    note = ax.annotate(
        f"validation: best {best_words} (epoch {epochs[best]}), last {last_words}", (0, 1), xycoords="axes fraction",
        xytext=(0, 4), **_NOTE,
    )  # fmt: skip
    note.set_in_layout(False)  # or a note as wide as the panel would narrow all panels


def _looks(names: list[str]) -> list[tuple]:
    """Colour and line style of each, the first of every model in the colour that it has everywhere."""
    free = [(colour, dashes) for dashes in _STYLES for colour in _COLOURS]
    own = {}
    for model in style.MARKERS:
        first = next((name for name in names if name.startswith(model)), None)
        if first:
            own[first] = COLOURS[model], _STYLES[0]
            free.remove(own[first])
    return [own.get(name) or free.pop(0) for name in names]
