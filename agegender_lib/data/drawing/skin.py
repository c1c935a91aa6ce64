"""The skin: neck, ears, the shape of the face, and everything on it that age leaves there."""

import numpy as np

from .canvas import SIDE, Canvas, ellipse, mirrored, mix
from .person import Person

_SIDES = (-1, 1)
_SHADOW = (206, 162, 148)  # what a fold leaves of the light: multiplied with the skin


def _face_outline(p: Person) -> np.ndarray:
    top, chin = p.top, p.chin
    half = [(0, top), (0.60, top * 0.87), (0.92, top * 0.50), (1.0, -0.05), (p.cheek, chin * 0.42)]
    return mirrored([*half, (p.jaw, chin * 0.76), (p.jaw * 0.52, chin * 0.97), (0, chin)])


def neck(canvas: Canvas, p: Person, clothes: np.ndarray) -> None:
    width = mix(0.50, mix(0.66, 0.50, p.feminine), p.growth)
    low = p.chin + mix(0.12, 0.32, p.growth)
    canvas.shape([(-width, 0.5), (width, 0.5), (width, low), (0, low + 0.4), (-width, low)], p.skin * 0.80)
    shoulder = mix(1.3, mix(2.0, 1.7, p.feminine), p.growth)
    half = [(0, low + 0.14), (width * 0.9, low - 0.04), (shoulder, low + 0.28), (shoulder + 0.4, 3), (0, 3.2)]
    canvas.shape(mirrored(half), clothes)
    canvas.stroke([(-width, low), (0, low + 0.18), (width, low)], clothes * 0.75, 0.07)


def head(canvas: Canvas, p: Person, rng: np.random.Generator) -> None:
    """Ears and face, then everything soft on the skin: roundness, blush, folds, spots."""
    ear = mix(0.21, 0.25, p.growth) + 0.06 * p.wear
    for side in _SIDES:
        canvas.shape(ellipse(side * 1.0, 0.17, 0.13, ear), p.skin * 0.93)
        canvas.shape(ellipse(side * 1.03, 0.17, 0.06, ear * 0.6), p.skin * 0.78)
    outline = _face_outline(p)
    canvas.shape(outline, p.skin)
    # everything is drawn on white and multiplied with the skin, so that it suits every tone: the coarser the
    # softer, and one product for all
    shade = _folds(canvas, p, rng).blurred(0.6).times(_roundness(canvas, p, outline, rng).blurred(2.5))
    _spots(shade, p, rng)
    canvas.paste(canvas.times(shade), canvas.stencil(outline))
    if p.growth < 0.6:  # chubby cheeks shine
        for side in _SIDES:
            canvas.shape(ellipse(side * 0.55, p.nose_y * 0.75, 0.10, 0.06), (255, 255, 255), 0.10)


def _roundness(canvas: Canvas, p: Person, outline: np.ndarray, rng: np.random.Generator) -> Canvas:
    """A darker edge, blush, shadows around the eyes; hollow cheeks in the old."""
    form = canvas.layer((226, 192, 180), 64)
    form.shape(outline * (0.86, 0.93), (255, 255, 255))
    blush = rng.uniform(0.1, 0.5) * mix(1.5, mix(0.5, 1.0, p.feminine), p.growth) * (1 - 0.5 * p.wear)
    for side in _SIDES:
        form.shape(ellipse(side * 0.56, p.nose_y * 0.95, 0.30, 0.22), (255, 196, 186), min(1, blush))
        form.shape(ellipse(side * p.eye_x, -0.04, 0.28, 0.17), _SHADOW, 0.30 + 0.25 * p.wear)
        form.shape(ellipse(side * 0.70, p.nose_y * 1.35, 0.16, 0.24), _SHADOW, 0.55 * p.wear)
    return form


def _folds(canvas: Canvas, p: Person, rng: np.random.Generator) -> Canvas:
    """Wrinkles; each kind comes at an age of its own, and smiling makes some of them at any age."""
    lines = canvas.layer((255, 255, 255), SIDE)
    forehead, eyes, cheeks, bags, jowls = np.clip(p.wear * rng.normal(1, 0.25, 5), 0, 1)
    for level in np.linspace(p.brow_y - 0.13, p.top * 0.62, 4):
        dip, width, middle = rng.uniform(-0.03, 0.05), rng.uniform(0.35, 0.55), rng.normal(0, 0.05)
        bend = [(middle - width, level + 0.03), (middle, level + dip), (middle + width, level + 0.03)]
        lines.stroke(bend, _SHADOW, 0.02 + 0.035 * forehead, 0.95 * forehead)
    grin = max(0.0, p.smile) * (0.12 + 0.3 * p.growth)
    for side in _SIDES:
        corner, wing, mouth = side * (p.eye_x + 0.24), side * 0.22, side * 0.42
        for slope in (-0.10, 0.0, 0.10):
            foot = [(corner, 0.3 * slope), (corner + side * 0.10, slope), (corner + side * 0.19, 1.9 * slope)]
            lines.stroke(foot, _SHADOW, 0.035, min(1, eyes + 0.5 * grin * p.wear) * 0.9)
        fold = [(wing, p.nose_y - 0.03), (mouth * 0.93, p.nose_y + 0.14), (mouth, p.mouth_y - 0.03)]
        lines.stroke(fold, _SHADOW, 0.035 + 0.03 * cheeks, min(1, 1.1 * cheeks + 0.5 * grin))
        bag = [(side * (p.eye_x + x), y) for x, y in ((-0.20, 0.10), (0, 0.20), (0.20, 0.12))]
        lines.stroke(bag, _SHADOW, 0.03 + 0.05 * bags, 0.15 + 0.75 * bags)
        jowl = [(mouth * 0.98, p.mouth_y + 0.05), (mouth * 1.12, p.mouth_y + 0.20), (mouth, p.chin * 0.93)]
        lines.stroke(jowl, _SHADOW, 0.06, max(0.0, 1.3 * jowls - 0.35))
        lines.stroke([(side * 0.07, -0.30), (side * 0.06, -0.12)], _SHADOW, 0.03, 0.8 * forehead)  # frown
    return lines


def _spots(shade: Canvas, p: Person, rng: np.random.Generator) -> None:
    """Freckles on some light skins, pimples on some of the young, age spots."""
    freckled = 4 < p.looks < 45 and p.skin[0] > 225 and rng.random() < 0.10
    pimpled = 12 < p.looks < 19 and rng.random() < 0.5
    count = int(rng.poisson(13 * max(0.0, p.wear - 0.45))) + 14 * freckled + rng.integers(3, 8) * pimpled
    low, high = (0.02, p.mouth_y * 0.75) if freckled else (p.top * 0.62, p.chin * 0.8)
    for _ in range(count):
        size = rng.uniform(0.018, 0.028) if freckled or pimpled else rng.uniform(0.02, 0.055)
        colour = (232, 140, 130) if pimpled else (196, 158, 128)
        shade.shape(ellipse(rng.uniform(-0.8, 0.8), rng.uniform(low, high), size, size * 0.8), colour, 0.6)
