"""Learning curves of several trainings, laid over each other."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from agegender_lib.errors import InputError
from agegender_lib.plots.curves import PANELS, count_epochs, cut_extremes, epochs_of
from agegender_lib.plots.style import (
    COLOURS,
    MARKERS,
    TEXT_WIDTH_CM,
    new_figure,
    percent_axis,
    styled,
    text_cm,
)

# Okabe and Ito's (2008) colours that stand out on white, and what else tells lines apart when they are used up.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F6000")
_STYLES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)))
MOST = len(_COLOURS) * len(_STYLES)
_HANDLE_CM = 1.7  # beside a name in the legend


@styled
def overlaid_curves(histories: Mapping[str, pd.DataFrame], train: bool = True) -> Figure:
    """The four learning curves of several trainings: validation strong, training thin and pale.

    A ring marks each training's best validation epoch. A few extreme values would flatten everything else: they are cut
    off, and the panel says so.

    Parameters
    ----------
    histories
        A training's name to its ``history.csv``, of at least one epoch each.
    train
        Also draw the curves of the training faces.

    Raises
    ------
    InputError
        When there is nothing to draw, or more than can be told apart.
    """
    if not 0 < len(histories) <= MOST:
        raise InputError(f"{len(histories)} learning curves are to be laid over each other: give 1 to {MOST}")
    names = list(histories)
    in_line = max(1, min(3, int(TEXT_WIDTH_CM / (max(text_cm(name, 8) for name in names) + _HANDLE_CM))))
    figure = new_figure(height_cm=11.2 + 0.45 * -(-len(names) // in_line))
    axes = figure.subplots(2, 2, sharex=True).ravel()
    looks = _looks(names)
    for ax, (column, heading, unit, lowest) in zip(axes, PANELS, strict=True):
        for history, (colour, style) in zip(histories.values(), looks, strict=True):
            epochs, values = epochs_of(history), history[f"val_{column}"].to_numpy(float)
            if train:
                own = history[column].to_numpy(float)
                ax.plot(epochs, own, color=colour, ls=style, lw=0.8, alpha=0.5, gid="train")
            ax.plot(epochs, values, color=colour, ls=style, gid="validation")
            if np.isfinite(values).any():
                best = int(np.nanargmin(values) if lowest else np.nanargmax(values))
                ax.plot(epochs[best], values[best], "o", mfc="white", mec=colour, mew=1.3, ms=5, zorder=4)
        ax.set(title=heading, ylabel=unit)
        validation = [history[f"val_{column}"].to_numpy(float) for history in histories.values()]
        if lowest and (highest := cut_extremes(ax, validation)):
            ax.annotate(
                f"off the scale: up to {highest}", (1, 0.97), xycoords="axes fraction", ha="right", va="top", size=7.5,
                color="#666666",
            )  # fmt: skip
    percent_axis(axes[1].yaxis)
    for ax in axes[2:]:
        ax.set_xlabel("epoch")
        count_epochs(ax)
    handles = [Line2D([], [], color=colour, ls=style) for colour, style in looks]
    if train:
        grey = {"color": COLOURS["neutral"]}
        handles += [Line2D([], [], **grey), Line2D([], [], lw=0.8, alpha=0.5, **grey)]
        names = [*names, "validation", "training"]
    figure.legend(handles, names, loc="outside upper left", ncols=in_line)
    return figure


def _looks(names: list[str]) -> list[tuple]:
    """Colour and line style of each, the first of every model in the colour that it has everywhere."""
    free = [(colour, style) for style in _STYLES for colour in _COLOURS]
    own = {}
    for model in MARKERS:
        first = next((name for name in names if name.startswith(model)), None)
        if first:
            own[first] = COLOURS[model], _STYLES[0]
            free.remove(own[first])
    return [own.get(name) or free.pop(0) for name in names]
