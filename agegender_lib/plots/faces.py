"""Pictures of faces: samples, augmentation, duplicates, and the ones a model gets most wrong."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from agegender_lib.data.filenames import GENDERS
from agegender_lib.errors import InputError
from agegender_lib.plots.style import COLOURS, TEXT_WIDTH_CM, new_figure, percent, styled

# Space between faces, as a share of a face's width.
_GAP = 0.05
_LINE_CM, _ABOVE_CM = 0.35, 0.08


@styled
def face_grid(images: np.ndarray, captions: Sequence[str], columns: int = 6) -> Figure:
    """Faces with a caption each, such as ``24 y, male``, row by row.

    Parameters
    ----------
    images
        uint8 [n, h, w, 3], or float [n, h, w, 3] in [0, 1].
    captions
        n texts, of one or two short lines.
    columns
        Faces per row.
    """
    _same_length(images, captions, "captions")
    figure, axes = _grid(len(images), columns, lines=max(caption.count("\n") + 1 for caption in captions))
    for ax, image, caption in zip(axes, images, captions, strict=False):
        _show(ax, image)
        for above, line in enumerate(reversed(caption.split("\n"))):
            _caption(ax, line, above=above)
    return figure


@styled
def augmentation_grid(before: np.ndarray, after: np.ndarray) -> Figure:
    """What augmentation does: a row per face, the original first (framed), then its augmented versions.

    Parameters
    ----------
    before
        [n, h, w, 3], uint8 or float in [0, 1].
    after
        [n, k, h, w, 3], likewise.
    """
    _same_length(before, after, "rows of augmented faces")
    columns = after.shape[1] + 1
    figure, axes = _grid(len(before) * columns, columns, lines=0, header=1)
    for row, (original, augmented) in enumerate(zip(before, after, strict=True)):
        for ax, image in zip(axes[row * columns :], [original, *augmented], strict=False):
            _show(ax, image)
        _frame(axes[row * columns], COLOURS["neutral"])
    _caption(axes[0], "original")
    _caption(axes[1], "augmented")
    return figure


@styled
def duplicate_pairs(
    images: np.ndarray, pairs: pd.DataFrame, files: Sequence[str], columns: int = 3
) -> Figure:
    """Near-duplicate faces side by side under both labels; pairs whose labels conflict stand in a red frame.

    Parameters
    ----------
    images
        All faces, uint8 [n, h, w, 3].
    pairs
        A row per pair, as ``data.duplicate_pairs`` lists them: ``file_a, file_b``, ``age_a, age_b`` (years),
        ``gender_a, gender_b`` (codes).
    files
        The n file names of ``images``.
    columns
        Pairs per row.
    """
    if pairs.empty:
        raise InputError("There are no duplicate pairs to draw: leave this figure out.")
    figure, axes = _grid(len(pairs), columns, lines=1, aspect=2 + _GAP)
    sides = zip(
        _look_up(images, files, pairs["file_a"]), _look_up(images, files, pairs["file_b"]), strict=True
    )
    for ax, pair, (first, second) in zip(axes, pairs.itertuples(), sides, strict=False):
        spacer = np.full_like(first[:, : round(first.shape[1] * _GAP)], 255 if first.dtype == np.uint8 else 1)
        _show(ax, np.concatenate([first, spacer, second], axis=1))
        labels = [f"{pair.age_a} y, {GENDERS[pair.gender_a]}", f"{pair.age_b} y, {GENDERS[pair.gender_b]}"]
        colour = COLOURS["wrong"] if labels[0] != labels[1] else "black"
        for x, label in zip((0.24, 0.76), labels, strict=True):
            _caption(ax, label, x, colour=colour)
        if labels[0] != labels[1]:
            _frame(ax, colour)
    return figure


@styled
def worst_gallery(images: np.ndarray, rows: pd.DataFrame, files: Sequence[str], columns: int = 5) -> Figure:
    """Faces with their true and predicted age (``3 → 31 years``) and gender, for instance the largest errors.

    The gender stands with the model's confidence in it; a wrong one is red and shows the true one before the arrow.

    Parameters
    ----------
    images
        All faces, uint8 [n, h, w, 3].
    rows
        The rows of a predictions table to show, see ``evaluation.worst`` and ``evaluation.confidently_wrong``.
    files
        The n file names of ``images``.
    columns
        Faces per row.
    """
    if rows.empty:
        raise InputError("There are no predictions to show faces for: leave this figure out.")
    figure, axes = _grid(len(rows), columns, lines=2)
    for ax, row, image in zip(axes, rows.itertuples(), _look_up(images, files, rows["file"]), strict=False):
        _show(ax, image)
        read = int(row.p_female >= 0.5)
        # Never "100 %": no model is that sure of a face it gets wrong.
        sure = min(row.p_female if read else 1 - row.p_female, 0.99)
        wrong = read != row.gender
        gender = f"{GENDERS[row.gender]} → {GENDERS[read]}" if wrong else GENDERS[read]
        _caption(ax, f"{row.age:.0f} → {row.age_predicted:.0f} years", above=1)
        _caption(ax, f"{gender} ({percent(sure)})", size=7.5, colour=COLOURS["wrong"] if wrong else "black")
    return figure


def _look_up(images: np.ndarray, files: Sequence[str], wanted: pd.Series) -> list[np.ndarray]:
    """The images of the files ``wanted``, in that order."""
    _same_length(images, files, "file names")
    position = {file: number for number, file in enumerate(files)}
    strangers = [file for file in wanted if file not in position]
    if strangers:
        raise InputError(
            f"{strangers[0]!r} is not among the {len(files)} faces: use the data the run was made with."
        )
    return [images[position[file]] for file in wanted]


def _same_length(images: np.ndarray, others: Sequence, what: str) -> None:
    if len(images) == 0 or len(images) != len(others):
        raise InputError(
            f"There are {len(images)} faces and {len(others)} {what}: give one to each, at least one."
        )


def _grid(
    count: int, columns: int, lines: int, aspect: float = 1.0, header: int = 0
) -> tuple[Figure, list[Axes]]:
    """A figure of bare axes, each as large as its picture of ``aspect`` (width / height).

    Room is left for ``lines`` of text above every picture and for ``header`` lines above the first row.
    """
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    width = TEXT_WIDTH_CM / (columns + (columns - 1) * _GAP)
    height, between, text = width / aspect, width * _GAP, lines * _LINE_CM + _ABOVE_CM
    total = header * _LINE_CM + rows * (height + text) + (rows - 1) * between
    figure = new_figure(height_cm=total)
    figure.set_layout_engine("none")
    axes = []
    for number in range(count):
        row, column = divmod(number, columns)
        left = column * (width + between)
        bottom = (rows - 1 - row) * (height + text + between)
        ax = figure.add_axes((left / TEXT_WIDTH_CM, bottom / total, width / TEXT_WIDTH_CM, height / total))
        ax.axis("off")
        axes.append(ax)
    return figure, axes


def _caption(
    ax: Axes, text: str, x: float = 0.5, above: int = 0, size: float = 8, colour: str = "black"
) -> None:
    """Text over a picture, ``above`` lines up; measured in points, so that it fits pictures of any size."""
    ax.annotate(
        text, (x, 1), xycoords="axes fraction", xytext=(0, 2 + above * _LINE_CM / 2.54 * 72), textcoords="offset points",
        ha="center", va="bottom", size=size, color=colour,
    )  # fmt: skip


def _show(ax: Axes, image: np.ndarray) -> None:
    ax.imshow(image, interpolation="antialiased")


def _frame(ax: Axes, colour: str) -> None:
    ax.add_patch(
        Rectangle((0, 0), 1, 1, transform=ax.transAxes, fill=False, edgecolor=colour, lw=1.8, clip_on=False)
    )
