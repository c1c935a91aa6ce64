"""Where models look: average maps over average faces, single faces, and shares of the parts of a face."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator
from PIL import Image

from agegender_lib.data.bands import AGE_BANDS
from agegender_lib.data.filenames import GENDERS
from agegender_lib.errors import InputError
from agegender_lib.plots.style import COLOURS, TEXT_WIDTH_CM, look_of, new_figure, styled

ALL = "all"
_MAP, _COVER = "inferno", 0.6
_GAP, _LABEL_CM, _LINE_CM, _BAR_CM = 0.06, 1.45, 0.36, 1.15
_WIDEST_CM = 2.3
_TO_GREY = (0.299, 0.587, 0.114)


@styled
def attention_maps(mean_maps: pd.DataFrame, faces: Mapping[str, np.ndarray]) -> Figure:
    """A row per model and task: the average map of every age band, of all, and of random networks, over average faces.

    Parameters
    ----------
    mean_maps
        As ``evaluation.mean_maps`` returns them.
    faces
        As ``evaluation.mean_faces`` returns them.
    """
    table = mean_maps[mean_maps["answers"] == ALL]
    trained = table[table["weights"] == "trained"].set_index(["model", "task", "age_band"])["map"]
    random = table[(table["weights"] == "random") & (table["age_band"] == ALL)]
    random = random.set_index(["model", "task"])["map"]
    rows = list(dict.fromkeys((model, task) for model, task, _ in trained.index))
    bands = [band for band in AGE_BANDS if band in faces]
    columns = [*bands, ALL, *(["random"] if len(random) else [])]
    # a random network may put everything on one spot, which must not make all other maps dark
    most = max(each.max() for each in trained)
    figure, axes = _grid(len(rows), len(columns), heading=2, apart=len(bands))
    for (model, task), line in zip(rows, axes, strict=True):
        _row_label(line[0], f"{model}\n{task}")
        for column, ax in zip(columns, line, strict=True):
            if column == "random":
                each = random.get((model, task))
            else:
                each = trained.get((model, task, column))
            _overlay(ax, faces[ALL if column == "random" else column], each, most)
    for column, ax in zip(columns, axes[0], strict=True):
        _above(ax, {"random": "random\nweights"}.get(column, column))
    _bar(figure, most, beyond=any(each.max() > most for each in random))
    return figure


@styled
def attention_gallery(
    images: np.ndarray,
    examples: pd.DataFrame,
    looked_at: pd.DataFrame,
    maps: Mapping[tuple[str, str], np.ndarray],
) -> Figure:
    """Single faces with every model's map for both tasks, under what it says; wrong genders and far ages in red.

    Parameters
    ----------
    images
        uint8 [n, h, w, 3], the faces of ``looked_at`` in its order.
    examples
        As ``evaluation.attention_examples`` returns them.
    looked_at
        As ``evaluation.faces_to_look_at`` returns it.
    maps
        (model, task) to float [n, h, w], as ``evaluation.attention_of`` returns them.
    """
    if examples.empty:
        raise InputError("There are no examples to show: leave this figure out.")
    answers = looked_at.set_index(["model", "face"])
    columns = list(maps)
    shown = np.concatenate([maps[key][examples["face"].to_numpy()] for key in columns])
    # a few pixels do not decide how bright all others are
    most = np.quantile(shown[np.isfinite(shown)], 0.999) if np.isfinite(shown).any() else 1.0
    figure, axes = _grid(len(examples), len(columns) + 1, heading=2, between=1, label_cm=0, apart=1)
    for face, line in zip(examples["face"], axes, strict=True):
        line[0].imshow(images[face], interpolation="antialiased")
        for (model, task), ax in zip(columns, line[1:], strict=True):
            row = answers.loc[(model, face)]
            _overlay(ax, images[face], maps[model, task][face], most)
            wrong = row[f"{task}_answer"] in ("wrong", "far")
            said = f"{row['age_predicted']:.0f} y" if task == "age" else GENDERS[int(row["p_female"] >= 0.5)]
            _above(ax, said, colour=COLOURS["wrong"] if wrong else "black")
        _above(line[0], f"{row['age']:.0f} y, {GENDERS[row['gender']]}")
    _above(axes[0][0], "label", lift=1, bold=True)
    for (model, task), ax in zip(columns, axes[0][1:], strict=True):
        _above(ax, f"{model}\n{task}", lift=1, bold=True)
    _bar(figure, most, beyond=bool((shown > most).any()))
    return figure


@styled
def attention_regions(shares: pd.DataFrame) -> Figure:
    """Each part of the face: its attention relative to its area by model, with 95 % intervals; random networks in grey.

    A grey bar that ends in an arrow goes on beyond the panel.

    Parameters
    ----------
    shares
        As ``evaluation.region_shares`` returns it.
    """
    table = shares[shares["answers"] == ALL]
    tasks, models = list(dict.fromkeys(table["task"])), list(dict.fromkeys(table["model"]))
    regions, looks = list(dict.fromkeys(table["region"])), look_of(models)
    most = 1.1 * max(1, table["ratio_high"].max())
    figure = new_figure(height_cm=1.8 + 0.42 * len(regions) * (len(models) + 0.6))
    axes = figure.subplots(1, len(tasks), sharey=True, sharex=True, squeeze=False)[0]
    for ax, task in zip(axes, tasks, strict=True):
        for number, model in enumerate(models):
            own = table[(table["task"] == task) & (table["model"] == model)].set_index("region").loc[regions]
            y = np.arange(len(regions)) + (number - (len(models) - 1) / 2) * 0.8 / len(models)
            colour, marker = looks[model]
            ax.hlines(
                y, own["random_low"], own["random_high"], color=COLOURS["faint"], lw=4.5,
                label="random weights, least to largest of the seeds" if number == 0 else None,
            )  # fmt: skip
            cut = (own["random_high"] > most).to_numpy()
            if cut.any():
                ends = np.full(cut.sum(), most)
                ax.plot(ends, y[cut], ">", color=COLOURS["faint"], ms=7, clip_on=False, zorder=2)
            errors = np.abs(own[["ratio_low", "ratio_high"]].to_numpy().T - own["ratio"].to_numpy())
            ax.errorbar(
                own["ratio"], y, xerr=errors, fmt=marker, color=colour, ms=4, lw=1.2, label=model, zorder=3
            )
        ax.axvline(1, color=COLOURS["neutral"], lw=0.8, ls="--")
        ax.set(title=task.capitalize(), xlabel="attention (× even)")
        ax.set_yticks(range(len(regions)), regions)
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="y", visible=False)
        ax.set_xlim(0, most)
        ax.xaxis.set_major_locator(MultipleLocator(0.5))
    axes[0].invert_yaxis()
    handles, names = axes[0].get_legend_handles_labels()
    order = np.argsort([name.startswith("random") for name in names], kind="stable")
    figure.legend(
        [handles[k] for k in order], [names[k] for k in order], loc="outside upper right", ncols=len(names)
    )
    return figure


def _grid(
    rows: int, columns: int, heading: int, between: int = 0, label_cm: float = _LABEL_CM, apart: int = 0
) -> tuple[Figure, Sequence[Sequence[Axes]]]:
    """Bare square axes with room for text above the first row and between rows; a wider gap before column ``apart``."""
    extra = 0.18 if apart else 0
    beside = label_cm + extra + (columns - 1) * _GAP
    side = min((TEXT_WIDTH_CM - beside) / columns, _WIDEST_CM)
    width = beside + columns * side
    above = between * _LINE_CM + (0.06 if between else 0)
    top = heading * _LINE_CM + 0.1 + (0.06 if between else 0)
    total = top + rows * (side + above + _GAP) + _BAR_CM
    figure = new_figure(height_cm=total, width=width / TEXT_WIDTH_CM)
    figure.set_layout_engine("none")
    axes = []
    for row in range(rows):
        bottom = total - top - (row + 1) * (side + above + _GAP)
        line = []
        for column in range(columns):
            left = label_cm + column * (side + _GAP) + (extra if column >= apart else 0)
            ax = figure.add_axes((left / width, bottom / total, side / width, side / total))
            ax.axis("off")
            line.append(ax)
        axes.append(line)
    return figure, axes


def _overlay(ax: Axes, face: np.ndarray, attention: np.ndarray | None, most: float) -> None:
    """A map over a grey face; the face alone, in words, where there is no map."""
    grey = (face @ np.array(_TO_GREY)).astype(np.uint8)
    ax.imshow(Image.fromarray(grey), cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
    if attention is None or np.isnan(attention).any():
        ax.text(0.5, 0.5, "none", transform=ax.transAxes, ha="center", va="center", size=7.5, color="white")
        return
    ax.imshow(attention, cmap=_MAP, vmin=0, vmax=most, alpha=_COVER, interpolation="antialiased")


def _above(ax: Axes, text: str, lift: int = 0, colour: str = "black", bold: bool = False) -> None:
    ax.annotate(
        text, (0.5, 1), xycoords="axes fraction", xytext=(0, 2 + lift * _LINE_CM / 2.54 * 72), color=colour,
        textcoords="offset points", ha="center", va="bottom", size=7.5, weight="bold" if bold else "normal",
        linespacing=1.05,
    )  # fmt: skip


def _row_label(ax: Axes, text: str) -> None:
    ax.annotate(
        text, (0, 0.5), xycoords="axes fraction", xytext=(-5, 0), textcoords="offset points", ha="right", va="center",
        size=8,
    )  # fmt: skip


def _bar(figure: Figure, most: float, beyond: bool) -> None:
    """The colours' meaning, below everything; pointed where maps go ``beyond`` its end."""
    total = figure.get_figheight() * 2.54
    ax = figure.add_axes((0.3, 0.8 / total, 0.4, 0.2 / total))
    bar = figure.colorbar(
        ScalarMappable(Normalize(0, most), _MAP),
        cax=ax,
        orientation="horizontal",
        alpha=_COVER,
        extend="max" if beyond else "neither",
    )
    bar.set_label("attention (× even)", size=8, labelpad=1)
    bar.outline.set_visible(False)
    ax.tick_params(labelsize=7.5, length=2, pad=1.5)
    ax.grid(visible=False)
