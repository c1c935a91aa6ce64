"""Pictures of faces: samples, augmentation, duplicates, and the ones a model gets most wrong."""

import math
from collections.abc import Sequence, Sized
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from agegender_lib.data.filenames import GENDERS
from agegender_lib.errors import InputError
from agegender_lib.plots.style import COLOURS, TEXT_WIDTH_CM, new_figure, nothing_yet, percent, styled, text_cm

# Space between faces, as a fraction of a face's width.
_GAP = 0.05
_LINE_CM, _ABOVE_CM = 0.35, 0.08
# A few faces are not blown up to fill the page: 128 pixels look coarse beyond this width.
_WIDEST_CM = 4.8
_SIZE, _FRAME = 8.0, 1.8
_WORST_COLUMNS = 5


@styled
def face_grid(images: np.ndarray, captions: Sequence[str], columns: int = 6) -> Figure:
    """Faces with a caption each, such as ``24 y, male``, row by row.

    The images are [n, h, w, 3], uint8 or float in [0, 1]; captions have one or two short lines.
    """
    _same_length(images, captions, "captions")
    figure, axes = _grid(len(images), columns, lines=max(caption.count("\n") + 1 for caption in captions))
    size = _fitting(axes[0], [line for caption in captions for line in caption.split("\n")])
    for ax, image, caption in zip(axes, images, captions, strict=True):
        ax.imshow(image)
        for above, line in enumerate(reversed(caption.split("\n"))):
            _caption(ax, line, above=above, size=size)
    return figure


@styled
def augmentation_grid(before: np.ndarray, after: np.ndarray) -> Figure:
    """What augmentation does: a row per face, the original first (framed), then its augmented versions.

    The images are ``before`` [n, h, w, 3] and ``after`` [n, k, h, w, 3], uint8 or float in [0, 1].
    """
    _same_length(before, after, "rows of augmented faces")
    columns = after.shape[1] + 1
    figure, axes = _grid(len(before) * columns, columns, lines=0, header=1)
    for row, (original, augmented) in enumerate(zip(before, after, strict=True)):
        for ax, image in zip(axes[row * columns :], [original, *augmented], strict=False):
            ax.imshow(image)
        _frame(axes[row * columns], COLOURS["neutral"])
    _caption(axes[0], "original")
    _caption(axes[1], "augmented", x=(after.shape[1] * (1 + _GAP) - _GAP) / 2)
    return figure


@styled
def duplicate_pairs(images: np.ndarray, pairs: pd.DataFrame, files: Sequence[str], columns: int = 3) -> Figure:
    """Near-duplicate faces side by side under both labels; pairs whose labels conflict stand in a red frame.

    ``pairs`` are as ``data.duplicate_pairs`` lists them, maybe none, of all faces, uint8 [n, h, w, 3], named ``files``.
    """
    if pairs.empty:
        return nothing_yet("No two of these faces are near-duplicates.")
    figure, axes = _grid(len(pairs), columns, lines=1, aspect=2 + _GAP)
    sides = zip(*(_look_up(images, files, pairs[f"file_{side}"]) for side in "ab"), strict=True)
    texts = [
        [f"{pair[f'age_{side}']} y, {GENDERS[pair[f'gender_{side}']]}" for side in "ab"]
        for pair in pairs.to_dict("records")
    ]
    size = _fitting(axes[0], [text for both in texts for text in both], of_width=0.5)
    for ax, labels, (first, second) in zip(axes, texts, sides, strict=True):
        spacer = np.full_like(first[:, : round(first.shape[1] * _GAP)], 255 if first.dtype == np.uint8 else 1)
        ax.imshow(np.concatenate([first, spacer, second], axis=1))
        colour = COLOURS["wrong"] if labels[0] != labels[1] else "black"
        for x, label in zip((0.24, 0.76), labels, strict=True):
            _caption(ax, label, x, size=size, colour=colour)
        if labels[0] != labels[1]:
            _frame(ax, colour)
    return figure


@styled
def error_gallery(images: np.ndarray, rows: pd.DataFrame, files: Sequence[str]) -> Figure:
    """Faces with their true and predicted age (``3 → 31 years``) and gender, for instance the largest errors.

    The gender stands with the model's confidence in it; a wrong one is red and shows the true one before the arrow.
    ``rows`` are of a predictions table of these ``images``, uint8 [n, h, w, 3], named ``files``.
    """
    found = _look_up(images, files, rows["file"])
    figure, axes = _grid(len(rows), _WORST_COLUMNS, lines=2)
    for ax, row, image in zip(axes, rows.itertuples(), found, strict=True):
        ax.imshow(image)
        age, gender, right = _predicted(row)
        _caption(ax, gender, size=7.5, colour="black" if right else COLOURS["wrong"])
        _caption(ax, age, above=1)
    return figure


def _predicted(row: Any) -> tuple[str, str, bool]:
    """What a model predicts of one face: age, gender and how sure it was of it, and whether that was right."""
    read = int(row.p_female >= 0.5)
    # Never "100 %": no model is that sure of a face it gets wrong.
    sure = min(row.p_female if read else 1 - row.p_female, 0.99)
    right = read == row.gender
    gender = GENDERS[read] if right else f"{GENDERS[row.gender]} → {GENDERS[read]}"
    return f"{row.age:.0f} → {row.age_predicted:.0f} years", f"{gender} ({percent(sure)})", right


def _look_up(images: np.ndarray, files: Sequence[str], wanted: pd.Series) -> list[np.ndarray]:
    """The images of the files ``wanted``, in that order."""
    _same_length(images, files, "file names")
    position = {file: number for number, file in enumerate(files)}
    strangers = [file for file in wanted if file not in position]
    if strangers:
        raise InputError(f"{strangers[0]!r} is not among the {len(files)} faces: use the data the run was made with.")
    return [images[position[file]] for file in wanted]


def _same_length(images: np.ndarray, others: Sized, what: str) -> None:
    if len(images) == 0 or len(images) != len(others):
        raise InputError(f"There are {len(images)} faces and {len(others)} {what}: give one to each, at least one.")


def _grid(count: int, columns: int, lines: int, aspect: float = 1.0, header: int = 0) -> tuple[Figure, list[Axes]]:
    """A figure of bare axes, each as large as its picture of ``aspect`` (width / height).

    Room is left for ``lines`` of text above every picture and for ``header`` lines above the first row.
    """
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    width = _face_width(count, columns, aspect)
    height, between, text = width / aspect, width * _GAP, lines * _LINE_CM + _ABOVE_CM
    across = columns * width + (columns - 1) * between
    total = header * _LINE_CM + rows * (height + text) + (rows - 1) * between
    figure = new_figure(height_cm=total, width=across / TEXT_WIDTH_CM)
    figure.set_layout_engine("none")
    axes = []
    for number in range(count):
        row, column = divmod(number, columns)
        left = column * (width + between)
        bottom = (rows - 1 - row) * (height + text + between)
        ax = figure.add_axes((left / across, bottom / total, width / across, height / total))
        ax.axis("off")
        axes.append(ax)
    return figure, axes


def _face_width(count: int, columns: int, aspect: float = 1.0) -> float:
    """Centimetres that a picture of ``aspect`` takes when ``columns`` of them fill the text's width."""
    columns = min(columns, count)
    return min(TEXT_WIDTH_CM / (columns + (columns - 1) * _GAP), _WIDEST_CM * aspect)


def _fitting(ax: Axes, texts: Sequence[str], of_width: float = 1.0) -> float:
    """The letter size at which every one of ``texts`` fits over a fraction of a picture's width."""
    room = ax.get_position().width * ax.figure.get_size_inches()[0] * 2.54 * of_width
    return min(_SIZE, 0.94 * _SIZE * room / max(0.1, *(text_cm(text, _SIZE) for text in texts)))


def _caption(ax: Axes, text: str, x: float = 0.5, above: int = 0, size: float = _SIZE, colour: str = "black") -> None:
    """Text over a picture, ``above`` lines up; measured in points, so that it fits pictures of any size."""
    lift = 2 + above * _LINE_CM / 2.54 * 72
    ax.annotate(
        text, (x, 1), xycoords="axes fraction", xytext=(0, lift), textcoords="offset points", ha="center", va="bottom",
        size=size, color=colour,
    )  # fmt: skip


def _frame(ax: Axes, colour: str) -> None:
    """A frame inside the picture, so that the figure's edge does not cut it."""
    box = ax.get_position()
    across, down = (side * 72 for side in ax.figure.get_size_inches())
    x, y = _FRAME / 2 / (box.width * across), _FRAME / 2 / (box.height * down)
    ax.add_patch(
        Rectangle(
            (x, y), 1 - 2 * x, 1 - 2 * y, transform=ax.transAxes, fill=False, edgecolor=colour, lw=_FRAME,
            joinstyle="miter", clip_on=False,
        )
    )  # fmt: skip
