"""A photograph with its faces numbered, and each face with what was read from it."""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

from agegender_lib.photos import Photo
from agegender_lib.plots.faces import _GAP, _caption, _face_width, _fitting, _grid
from agegender_lib.plots.saliency import overlay
from agegender_lib.plots.style import COLOURS, TEXT_WIDTH_CM, new_figure, nothing_yet, styled, text_cm

NO_FACE = "No face was found in this photo."
_TALLEST_CM = 18.0
_LABEL_SIZE, _LABEL_CM = 7.5, 0.31
# how much wider bold letters are
_BOLD = 1.15
_BOX, _UNDER = "#FFD23F", "#1A1A1A"
_MAP_EXPLAINED = "Beside each face: where the model finds its prediction, from dark (nowhere) to bright (most)."


@styled
def photo(photo: Photo, predictions: bool = False) -> Figure:
    """The photograph with a numbered box around each face, the largest first.

    A photograph without faces is drawn as it is, and says so. With ``predictions``, age, 80 % interval, P(female) and
    warnings stand beside the numbers.
    """
    height, width = photo.pixels.shape[:2]
    size = min(TEXT_WIDTH_CM, _TALLEST_CM * width / height)
    figure = new_figure(height_cm=size * height / width, width=size / TEXT_WIDTH_CM)
    figure.set_layout_engine("none")
    ax = figure.add_axes((0, 0, 1, 1))
    ax.axis("off")
    ax.imshow(photo.pixels, aspect="auto")
    taken: list[Bbox] = []
    for number, face in enumerate(photo.faces.itertuples(), 1):
        for colour, line in ((_UNDER, 2.6), (_BOX, 1.3)):  # seen on any photo
            ax.add_patch(
                Rectangle(
                    (face.left, face.top), face.width, face.height, fill=False, edgecolor=colour, lw=line,
                    joinstyle="miter",
                )
            )  # fmt: skip
        more = [_gender(face), *filter(None, [face.warnings])]
        said = [f"{number}:  {_age(face)}", *more] if predictions else [str(number)]
        taken.append(_label(ax, said, face, (width, height), taken))
    if photo.faces.empty:
        _sign(ax, NO_FACE, (0.5, 0.02), ax.transAxes, "bottom", "center")
    return figure


@styled
def photo_faces(photo: Photo, saliency: np.ndarray) -> Figure:
    """Each face as the model sees it, under what it says of it and what speaks against trusting that (in red).

    What ``photos.PhotoReader.saliency`` returns is drawn beside each face.
    """
    if photo.faces.empty:
        return nothing_yet(NO_FACE)
    count, columns, aspect = len(photo.faces), 3, 2 + _GAP
    warned = bool((photo.faces["warnings"] != "").any())
    texts = [
        [f"{number}:  {_age(face)}", _gender(face), face.warnings]
        for number, face in enumerate(photo.faces.itertuples(), 1)
    ]
    lines = 2 + warned
    # one face alone is narrower than what is said about the maps
    explained = min(columns, count) * _face_width(count, columns, aspect) > 12
    figure, axes = _grid(count, columns, lines, aspect, header=int(explained))
    size = _fitting(axes[0], [line for text in texts for line in text], of_width=1 / _BOLD)
    for number, (ax, text) in enumerate(zip(axes, texts, strict=True)):
        crop = photo.crops[number]
        spacer = np.full_like(crop[:, : round(crop.shape[1] * _GAP)], 255)
        ax.imshow(np.concatenate([crop, spacer, overlay(crop, saliency[number])], axis=1))
        for above, line in enumerate(reversed(text[:lines])):
            _caption(ax, line, above=above, size=size, colour=COLOURS["wrong"] if warned and above == 0 else "black")
            ax.texts[-1].set_weight("bold" if line == text[0] else "normal")
    if explained:
        figure.text(0, 1, _MAP_EXPLAINED, ha="left", va="top", size=7.5, color=COLOURS["neutral"])
    return figure


def _age(face: Any) -> str:
    """``34 years (27 to 42)``; the 80 % interval is left out where there is none."""
    span = "" if math.isnan(face.age_low) else f" ({face.age_low:.0f} to {face.age_high:.0f})"
    return f"{face.age:.0f} years{span}"


def _gender(face: Any) -> str:
    # never 0 or 1: no model is that sure of a face it gets wrong
    return f"P(female) {min(max(face.p_female, 0.01), 0.99):.2f}"


def _label(ax: Axes, lines: list[str], face: Any, size: tuple[int, int], taken: list[Bbox]) -> Bbox:
    """Text above a box, below it or in it, wherever it hides no earlier text and does not leave the photo."""
    width, height = size
    pixel = ax.figure.get_figheight() * 2.54 / height
    wide = _BOLD * max(text_cm(line, _LABEL_SIZE) for line in lines) / pixel
    high = len(lines) * _LABEL_CM / pixel
    x = min(max(face.left, 0), max(0, width - wide))
    places = [Bbox.from_bounds(x, y, wide, high) for y in (face.top - high, face.top + face.height, face.top)]
    free = [place for place in places if place.y0 >= 0 and place.y1 <= height]
    clear = [place for place in free if not place.count_overlaps(taken)]
    place = (clear or free or places)[0]
    _sign(ax, "\n".join(lines), (place.x0, place.y0), ax.transData, "top", "left")
    return place


def _sign(ax: Axes, text: str, place: tuple, transform, vertical: str, horizontal: str) -> None:
    ax.text(
        *place, text, transform=transform, ha=horizontal, va=vertical, size=_LABEL_SIZE, color="white", weight="bold",
        path_effects=[withStroke(linewidth=2.2, foreground=_UNDER)], linespacing=1.1, clip_on=False,
    )  # fmt: skip
