"""A photograph with its faces numbered, and each face with what was read from it."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from agegender_lib.photos import Photo
from agegender_lib.plots.faces import _caption, _grid, _show
from agegender_lib.plots.style import COLOURS, TEXT_WIDTH_CM, new_figure, styled


@styled
def photo(photo: Photo) -> Figure:
    """The photograph with a numbered box around each face."""
    height, width = photo.pixels.shape[:2]
    figure = new_figure(height_cm=min(20.0, TEXT_WIDTH_CM * height / width))
    ax = figure.add_axes((0, 0, 1, 1))
    ax.axis("off")
    ax.imshow(photo.pixels)
    for number, face in enumerate(photo.faces.itertuples(), 1):
        ax.add_patch(Rectangle((face.left, face.top), face.width, face.height, fill=False, edgecolor="white"))
        ax.text(face.left, face.top, str(number), color="white", backgroundcolor=COLOURS["neutral"])
    return figure


@styled
def photo_faces(photo: Photo, attention: np.ndarray | None = None) -> Figure:
    """Each face as the model sees it, with its age, interval, P(female) and warnings."""
    figure, axes = _grid(len(photo.faces), 5, 3)
    for ax, face, one in zip(axes, photo.faces.itertuples(), photo.crops, strict=True):
        _show(ax, one)
        _caption(ax, f"{face.age:.0f} ({face.age_low:.0f} to {face.age_high:.0f})", above=1)
        _caption(ax, f"P(female) {face.p_female:.2f}")
    return figure
