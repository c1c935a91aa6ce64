"""Pictures of a hyper-parameter search, from its tables."""

import json
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from agegender_lib.errors import InputError
from agegender_lib.plots.style import COLOURS, new_figure, styled

if TYPE_CHECKING:
    from agegender_lib.training.search import Search

_VALUE = "objective (years)"
_COLUMNS = 4
_LOOKS = {
    "complete": {"color": COLOURS["faint"], "lw": 0.9, "zorder": 2},
    "pruned": {"color": COLOURS["ModelB"], "lw": 0.7, "marker": "x", "ms": 4, "alpha": 0.8, "zorder": 3},
    "best": {"color": COLOURS["ModelA"], "lw": 1.8, "zorder": 4},
}


def search_figures(search: "Search") -> dict[str, Figure]:
    """All pictures of a search, by name, that its trials suffice for; for each that is left out it prints why."""
    figures = {}
    for draw in (search_history, search_epochs, search_slices, search_importances):
        try:
            figures[draw.__name__] = draw(search)
        except InputError as error:
            print(f"left out: {error}")
    return figures


@styled
def search_history(search: "Search") -> Figure:
    """The value of every complete trial, and the best so far; pruned trials have no value."""
    done = _complete(search, "the history of values")
    figure = new_figure(height_cm=6.5)
    ax = figure.add_subplot(title=f"Complete trials: {search.about['value']}", xlabel="trial", ylabel=_VALUE)
    ax.scatter(done["trial"], done["value"], s=20, color=COLOURS["neutral"], zorder=3, label="trial")
    best = done["value"].cummin()
    ax.plot(done["trial"], best, color=COLOURS["ModelA"], drawstyle="steps-post", label="best so far")
    ax.legend(loc="upper right")
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    return figure


@styled
def search_epochs(search: "Search") -> Figure:
    """Every trial's value, epoch by epoch: the best one, the other complete ones, and where pruned ones ended."""
    done = _complete(search, "the values by epoch")
    best = done.loc[done["value"].idxmin(), "trial"]
    kinds = dict(zip(search.trials["trial"], search.trials["state"], strict=True)) | {best: "best"}
    figure = new_figure(height_cm=7.0)
    ax = figure.add_subplot(title=f"By epoch: {search.about['value']}", xlabel="epoch", ylabel=_VALUE)
    for number, rows in search.epochs.groupby("trial"):
        ax.plot(rows["epoch"], rows["value"], markevery=[-1], **_LOOKS[kinds[number]])
    shown = [kind for kind in _LOOKS if kind in kinds.values()]
    ax.legend([Line2D([], [], **_LOOKS[kind]) for kind in shown], shown, loc="upper right")
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    return figure


@styled
def search_slices(search: "Search") -> Figure:
    """The value against each searched setting by itself; darker points are later trials."""
    done = _complete(search, "the slices")
    settings = sorted(json.loads(search.about["space"])[2], key=lambda setting: setting["path"])
    rows = -(-len(settings) // _COLUMNS)
    figure = new_figure(height_cm=1.2 + 4.4 * rows)
    axes = list(figure.subplots(rows, min(_COLUMNS, len(settings)), sharey=True, squeeze=False).flat)
    for ax, setting in zip(axes, settings, strict=False):
        place = done[setting["path"]]
        if setting["choices"]:
            # in their order
            ax.xaxis.update_units([str(choice) for choice in setting["choices"]])
            place = place.astype(str)
        points = ax.scatter(place, done["value"], c=done["trial"], cmap="Blues", s=16, ec="grey", lw=0.4, zorder=3)
        ax.set_xlabel(_short(setting["path"]))
        ax.tick_params(labelbottom=True)
        _few_ticks(ax, setting)
    for ax in axes[len(settings) :]:
        ax.remove()
    figure.supylabel(_VALUE, size=8.5)
    figure.suptitle(f"By setting: {search.about['value']}", x=0.01, ha="left")
    colours = figure.colorbar(points, ax=figure.axes, label="trial", aspect=30)
    colours.locator = MaxNLocator(6, integer=True)
    return figure


@styled
def search_importances(search: "Search") -> Figure:
    """How much of the difference between good and other trials each setting accounts for (PED-ANOVA, IJCAI 2023)."""
    _complete(search, "the importance of settings", 4)
    shares = search.importances.sort_values("importance", kind="stable")
    if shares.empty:
        raise InputError("the importance of settings needs trials that differ in value: search on")
    figure = new_figure(height_cm=2.5 + 0.55 * len(shares))
    ax = figure.add_subplot(title="Hyper-parameter importance", xlabel="fraction of the variance between trials")
    bars = ax.barh([_short(path) for path in shares["setting"]], shares["importance"], color=COLOURS["ModelA"])
    ax.bar_label(bars, [f"{share:.2f}" if share >= 0.01 else "<0.01" for share in shares["importance"]], padding=3)
    ax.margins(x=0.1)
    ax.grid(axis="y", visible=False)
    return figure


def _complete(search, what, least=1):
    done = search.trials[search.trials["state"] == "complete"]
    if len(done) < least:
        raise InputError(
            f"{what} needs at least {least} complete {'trial' if least == 1 else 'trials'}, and the search has "
            f"{len(done)}: search on"
        )
    return done


def _few_ticks(ax: Axes, setting: dict) -> None:
    """A panel is 3 cm wide: room for three numbers, or for words."""
    if setting["choices"]:
        ax.tick_params(axis="x", labelsize=7.5)
        ax.margins(x=0.2)
    elif setting["log"]:
        ax.set_xscale("log")
        low, high = ax.get_xlim()
        subs = (1.0,) if high > 20 * low else (1.0, 2.0, 5.0)
        ax.xaxis.set_major_locator(LogLocator(subs=subs, numticks=20))
        ax.xaxis.set_major_formatter(lambda value, position: f"{value:g}")
        ax.xaxis.set_minor_locator(NullLocator())
    else:
        ax.xaxis.set_major_locator(MaxNLocator(3))


def _short(path: str) -> str:
    return path.rpartition(".")[2].replace("_", " ")
