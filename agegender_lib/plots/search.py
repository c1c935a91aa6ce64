"""Optuna's own pictures of a hyper-parameter search, in this project's style."""

import warnings
from collections.abc import Callable
from contextlib import contextmanager

import matplotlib as mpl
import matplotlib.pyplot as plt
import optuna
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from optuna.trial import TrialState
from optuna.visualization import matplotlib as drawn

from agegender_lib.errors import InputError
from agegender_lib.plots.style import COLOURS, STYLE, ReportFigure, figure_size, styled
from agegender_lib.training.search import VALUE_MEANING

_VALUE = "value, years"
_COLUMNS = 4


def search_figures(study: optuna.Study) -> dict[str, Figure]:
    """All pictures of a search that its trials suffice for; of each that is left out, a sentence is printed.

    Returns
    -------
    dict of str to Figure
        From the function's name.
    """
    figures = {}
    for draw in (search_history, search_epochs, search_slices, search_importances):
        try:
            figures[draw.__name__] = draw(study)
        except InputError as error:
            print(f"left out: {error}")
    return figures


@styled
def search_history(study: optuna.Study) -> Figure:
    """The value of every complete trial, and the best until then; pruned trials have no value."""
    _need(study, 1, "the history of values")
    ax = _drawn(lambda: drawn.plot_optimization_history(study))
    figure = _adopt(ax, 6.5, f"Complete trials: {VALUE_MEANING}")
    ax.set(xlabel="trial", ylabel=_VALUE)
    ax.collections[0].set(color=COLOURS["neutral"], sizes=[20])
    ax.lines[0].set(color=COLOURS["ModelA"], alpha=1, drawstyle="steps-post")
    ax.legend([ax.collections[0], ax.lines[0]], ["trial", "best until then"], loc="upper right")
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    return figure


@styled
def search_epochs(study: optuna.Study) -> Figure:
    """Every trial's value, epoch by epoch: the best one, the other complete ones, and where pruned ones ended."""
    _need(study, 1, "the values by epoch")
    ax = _drawn(lambda: drawn.plot_intermediate_values(study))
    figure = _adopt(ax, 7.0, f"By epoch: {VALUE_MEANING}")
    ax.set(xlabel="epoch", ylabel=_VALUE)
    pruned = {f"Trial{trial.number}" for trial in study.trials if trial.state == TrialState.PRUNED}
    best = f"Trial{study.best_trial.number}"
    looks = {
        "complete": {"color": COLOURS["faint"], "lw": 0.9, "marker": "", "alpha": 1, "zorder": 2},
        "pruned": {"color": COLOURS["ModelB"], "lw": 0.7, "marker": "x", "ms": 4, "alpha": 0.8, "zorder": 3},
        "best": {"color": COLOURS["ModelA"], "lw": 1.8, "marker": "", "alpha": 1, "zorder": 4},
    }
    shown = set()
    for line in ax.lines:
        name = str(line.get_label())
        kind = "best" if name == best else "pruned" if name in pruned else "complete"
        shown.add(kind)
        line.set(**{"markevery": [-1], **looks[kind]})
    kinds = [kind for kind in looks if kind in shown]
    ax.legend([Line2D([], [], **looks[kind]) for kind in kinds], kinds, loc="upper right")
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    return figure


@styled
def search_slices(study: optuna.Study) -> Figure:
    """The value against each searched setting by itself; darker points are later trials."""
    _need(study, 1, "the slices")
    axes = _drawn(lambda: drawn.plot_slice(study))
    axes = [axes] if isinstance(axes, Axes) else list(axes)
    rows = -(-len(axes) // _COLUMNS)
    figure = _adopt(axes[0], 1.2 + 4.4 * rows, "")
    grid = figure.add_gridspec(rows, min(_COLUMNS, len(axes)))
    for number, ax in enumerate(axes):
        ax.set_subplotspec(grid[divmod(number, _COLUMNS)])
        ax.set(xlabel=_short(ax.get_xlabel()), ylabel="", title="")
        ax.tick_params(labelbottom=True, labelleft=number % _COLUMNS == 0)
        _few_ticks(ax)
        for points in ax.collections:
            points.set(sizes=[16], linewidths=0.4)
    figure.supylabel(_VALUE, size=STYLE["axes.labelsize"])
    figure.suptitle(f"By setting: {VALUE_MEANING}", x=0.01, ha="left")
    if len(axes) == 1:  # beside one alone, Optuna lays out the colours in a way that ours cannot take over
        points = axes[0].collections[0]
        points.colorbar.remove()
        figure.colorbar(points, ax=axes)
    colours = figure.axes[-1]
    colours.set_box_aspect(30)
    colours.set_ylabel("trial")
    colours.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    return figure


@styled
def search_importances(study: optuna.Study) -> Figure:
    """How much of the difference between good and other trials each setting accounts for (PED-ANOVA, IJCAI 2023)."""
    _need(study, 4, "the importance of settings")
    values = {trial.value for trial in study.trials if trial.state == TrialState.COMPLETE}
    if len(values) < 2:
        raise InputError("the importance of settings needs trials that differ in value: search on")
    ax = _drawn(lambda: drawn.plot_param_importances(study))
    figure = _adopt(ax, 2.5 + 0.55 * len(ax.patches), "Importance of the settings")
    ax.set(xlabel="share of the difference between trials", ylabel="")
    ax.set_yticks(ax.get_yticks(), [_short(label.get_text()) for label in ax.get_yticklabels()])
    for bar in ax.patches:
        bar.set(color=COLOURS["ModelA"])
    for text in ax.texts:
        text.set_text(f" {text.get_text()}")
    ax.grid(axis="y", visible=False)
    return figure


def _need(study, count, what):
    complete = sum(trial.state == TrialState.COMPLETE for trial in study.trials)
    if complete < count:
        raise InputError(
            f"{what} needs at least {count} complete {'trial' if count == 1 else 'trials'}, and the study "
            f"{study.study_name!r} has {complete}: search on"
        )


def _drawn(draw: Callable):
    """Let Optuna draw. It asks matplotlib for the style "ggplot" by name, and gets ours under that name."""
    with _named_ggplot(), warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        # of points that all lie at one value
        warnings.filterwarnings("ignore", "Attempting to set identical", UserWarning)
        # of infeasible trials, which there are none of
        warnings.filterwarnings("ignore", "No data for colormapping", UserWarning)
        return draw()


@contextmanager
def _named_ggplot():
    before = mpl.style.library["ggplot"]
    mpl.style.library["ggplot"] = mpl.RcParams(STYLE)
    try:
        yield
    finally:
        mpl.style.library["ggplot"] = before


def _adopt(ax: Axes, height_cm: float, title: str) -> Figure:
    """Take a figure away from pyplot: at report size, showing itself in a notebook as the others do."""
    figure = ax.figure
    plt.close(figure)
    # the same figure with one method more
    figure.__class__ = ReportFigure
    figure.set_layout_engine("constrained")
    figure.set_size_inches(figure_size(1.0, height_cm))
    for place in ("left", "center"):
        ax.set_title("", loc=place)
    if ax.get_legend():
        ax.get_legend().remove()
    ax.set_title(title)
    return figure


def _few_ticks(ax: Axes) -> None:
    """A panel is 3 cm wide: room for three numbers, or for words."""
    if ax.xaxis.have_units():
        words = [label.get_text().strip("'") for label in ax.get_xticklabels()]
        ax.set_xticks(ax.get_xticks(), words, size=7.5)
        ax.margins(x=0.2)
        ax.autoscale(axis="x")
    elif ax.get_xscale() == "log":
        low, high = ax.get_xlim()
        subs = (1.0,) if high > 20 * low else (1.0, 2.0, 5.0)
        ax.xaxis.set_major_locator(LogLocator(subs=subs, numticks=20))
        ax.xaxis.set_major_formatter(lambda value, position: f"{value:g}")
        ax.xaxis.set_minor_locator(NullLocator())
    else:
        ax.xaxis.set_major_locator(MaxNLocator(3))


def _short(path: str) -> str:
    return path.rpartition(".")[2].replace("_", " ")
