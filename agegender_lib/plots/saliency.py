"""Where models look: average saliency maps over average faces, single faces, and the parts of a face."""

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from agegender_lib.data.decode import LUMA
from agegender_lib.data.filenames import GENDERS
from agegender_lib.plots.style import COLOURS, TEXT_WIDTH_CM, look_of, new_figure, styled

_MAP, _COVER = "inferno", 0.6
_ALL, _RANDOM = "all", "random weights, least to largest of the seeds"
_LABEL_CM, _HEAD_CM, _BAR_CM, _WIDEST_CM = 1.45, 0.9, 1.3, 1.65


def overlay(face: np.ndarray, saliency: np.ndarray) -> np.ndarray:
    """A map, float [h, w] with 0 dark and 1 or more bright, in colour over the grey face; both uint8 [h, w, 3]."""
    grey = (face @ LUMA)[..., None]
    colour = mpl.colormaps[_MAP](np.clip(saliency, 0, 1))[..., :3] * 255
    return ((1 - _COVER) * grey + _COVER * colour).round().astype(np.uint8)


@styled
def saliency_maps(mean_maps: pd.DataFrame, faces: Mapping[str, np.ndarray]) -> Figure:
    """A row per model and task: the average map of all faces, of every age band, and of random networks.

    Each of ``evaluation.mean_maps`` lies over its own of the ``evaluation.mean_faces``.
    """
    table = mean_maps.set_index(["weights", "model", "task", "age_band"])["map"]
    rows = list(dict.fromkeys(zip(mean_maps["model"], mean_maps["task"], strict=True)))
    columns = [*(("trained", band) for band in faces if band != _ALL), ("trained", _ALL), ("random", _ALL)]
    if "random" not in set(mean_maps["weights"]):
        columns.pop()
    # a random network may put everything on one spot, which must not make all other maps dark
    most = max(each.max() for each in table["trained"])
    figure, axes = _grid(len(rows), len(columns), _LABEL_CM)
    for (model, task), line in zip(rows, axes, strict=True):
        line[0].set_ylabel(f"{model}\n{task}", rotation=0, ha="right", va="center", size=8)
        for (weights, band), ax in zip(columns, line, strict=True):
            _show(ax, faces[band], table.get((weights, model, task, band)), most)
    for (weights, band), ax in zip(columns, axes[0], strict=True):
        _title(ax, band if weights == "trained" else "random\nweights")
    _bar(figure, axes, most)
    return figure


@styled
def saliency_gallery(images: np.ndarray, examples: pd.DataFrame, maps: Mapping[tuple[str, str], np.ndarray]) -> Figure:
    """Single faces with every model's map for both tasks, under what it predicts; wrong genders in red.

    ``examples`` are ``evaluation.saliency_examples``, ``maps`` the ``evaluation.relative_maps`` of the ``images``.
    """
    faces = list(dict.fromkeys(examples["face"]))
    shown = np.concatenate([each[faces] for each in maps.values()])
    # a few pixels do not decide how bright all others are
    most = np.quantile(shown[np.isfinite(shown)], 0.999) if np.isfinite(shown).any() else 1.0
    said = examples.set_index(["face", "model"])
    figure, axes = _grid(len(faces), len(maps) + 1, 0, between_cm=0.36)
    for face, line in zip(faces, axes, strict=True):
        line[0].imshow(images[face])
        for ((model, task), each), ax in zip(maps.items(), line[1:], strict=True):
            row = said.loc[(face, model)]
            _show(ax, images[face], each[face], most)
            read = int(row["p_female"] >= 0.5)
            wrong = task == "gender" and read != row["gender"]
            title = GENDERS[read] if task == "gender" else f"{row['age_predicted']:.0f} y"
            _title(ax, title, COLOURS["wrong"] if wrong else "black")
        _title(line[0], f"{row['age']:.0f} y, {GENDERS[int(row['gender'])]}")
    for ax, name in zip(axes[-1], ["label", *(f"{model}\n{task}" for model, task in maps)], strict=True):
        ax.set_xlabel(name, weight="bold", size=7.5)
    _bar(figure, axes, most)
    return figure


@styled
def saliency_regions(shares: pd.DataFrame) -> Figure:
    """Each part of the face: its saliency relative to its area by model, with 95 % intervals; random networks in grey.

    A grey bar that ends in an arrow goes on beyond the panel. ``shares`` is ``evaluation.region_shares``.
    """
    tasks, regions = list(dict.fromkeys(shares["task"])), list(dict.fromkeys(shares["region"]))
    looks = look_of(list(dict.fromkeys(shares["model"])))
    most = 1.1 * max(1, shares["ratio_high"].max())
    figure = new_figure(height_cm=1.8 + 0.42 * len(regions) * (len(looks) + 0.6))
    axes = figure.subplots(1, len(tasks), sharey=True, sharex=True, squeeze=False)[0]
    for ax, task in zip(axes, tasks, strict=True):
        for number, (model, (colour, marker)) in enumerate(looks.items()):
            own = shares[(shares["task"] == task) & (shares["model"] == model)].set_index("region").loc[regions]
            y = np.arange(len(regions)) + (number - (len(looks) - 1) / 2) * 0.8 / len(looks)
            ax.hlines(y, own["random_low"], own["random_high"], color=COLOURS["faint"], lw=4.5, label=_RANDOM)
            for place in y[(own["random_high"] > most).to_numpy()]:
                ax.plot(most, place, ">", color=COLOURS["faint"], ms=7, clip_on=False, zorder=2)
            errors = np.abs(own[["ratio_low", "ratio_high"]].to_numpy().T - own["ratio"].to_numpy())
            ax.errorbar(own["ratio"], y, xerr=errors, fmt=marker, color=colour, ms=4, lw=1.2, label=model, zorder=3)
        ax.axvline(1, color=COLOURS["neutral"], lw=0.8, ls="--")
        ax.set(title=task.capitalize(), xlabel="Grad-CAM relative to uniform", xlim=(0, most))
        ax.set_yticks(range(len(regions)), regions)
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="y", visible=False)
        ax.xaxis.set_major_locator(MultipleLocator(0.5))
    axes[0].invert_yaxis()
    named = dict(zip(*reversed(axes[0].get_legend_handles_labels()), strict=True))
    named[_RANDOM] = named.pop(_RANDOM)
    figure.legend(named.values(), named, loc="outside upper right", ncols=len(named))
    return figure


def _grid(rows: int, columns: int, label_cm: float, between_cm: float = 0.06) -> tuple[Figure, np.ndarray]:
    """Bare square axes, as large as the page allows, with room for a title over each row."""
    side = min((TEXT_WIDTH_CM - label_cm) / columns - 0.08, _WIDEST_CM)
    figure = new_figure(
        height_cm=rows * (side + between_cm) + _HEAD_CM + _BAR_CM,
        width=(label_cm + columns * (side + 0.08)) / TEXT_WIDTH_CM,
    )
    figure.set_layout_engine("compressed", h_pad=0.01, w_pad=0.01, hspace=0, wspace=0)
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return figure, axes


def _title(ax: Axes, text: str, colour: str = "black") -> None:
    ax.set_title(text, loc="center", size=7.5, weight="normal", pad=2, color=colour, linespacing=1.05)


def _show(ax: Axes, face: np.ndarray, saliency: np.ndarray | None, most: float) -> None:
    """A map over a grey face; the face alone, in words, where there is no map."""
    if saliency is None or np.isnan(saliency).any():
        ax.imshow(overlay(face, np.zeros(face.shape[:2])))
        ax.text(0.5, 0.5, "none", transform=ax.transAxes, ha="center", va="center", size=7.5, color="white")
    else:
        ax.imshow(overlay(face, saliency / most))


def _bar(figure: Figure, axes: np.ndarray, most: float) -> None:
    """What the colours mean, below everything."""
    bar = figure.colorbar(
        ScalarMappable(Normalize(0, most), _MAP), ax=axes, location="bottom", shrink=0.4, aspect=28, pad=0.02,
        alpha=_COVER, extend="max",
    )  # fmt: skip
    bar.set_label("Grad-CAM relative to uniform", size=8, labelpad=1)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=7.5, length=2, pad=1.5)
    bar.ax.grid(visible=False)
