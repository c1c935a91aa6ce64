"""A person becomes a picture, part by part from the back to the front."""

import numpy as np
from PIL import Image

from . import features, hair, skin
from .canvas import Canvas, Pose, ellipse, mirrored, mix
from .person import Person
from .photo import background, photograph

_SIDES = (-1, 1)


def draw_face(person: Person, rng: np.random.Generator) -> Image.Image:
    """Photograph the person, in some pose before some background: RGB, 128 x 128."""
    scale = 40 * rng.normal(1, 0.04) * mix(1.06, 1, person.growth)
    pose = Pose(
        x=64 + rng.normal(0, 2.5),
        y=64 - scale * (person.top + person.chin) / 2 + rng.normal(0, 2.5),
        scale=scale,
        roll=rng.normal(0, 0.07),
        yaw=rng.normal(0, 0.13),
        pitch=rng.normal(0, 0.05),
    )
    canvas = Canvas(background(rng), pose)
    clothes = rng.uniform(30, 225, 3)
    hair.behind(canvas, person, rng)
    skin.neck(canvas, person, clothes)
    skin.head(canvas, person, rng)
    features.nose(canvas, person, rng)
    features.mouth(canvas, person, rng)
    hair.beard(canvas, person, rng)
    features.eyes(canvas, person, rng)
    hair.brows(canvas, person, rng)
    hair.before(canvas, person, rng)
    _things_worn(canvas, person, clothes, rng)
    return photograph(canvas.image, rng)


def _things_worn(canvas: Canvas, p: Person, clothes: np.ndarray, rng: np.random.Generator) -> None:
    """Glasses, a hat, earrings, a bow: rare, and tied to age and gender no more than in life."""
    if rng.random() < 0.03 + 0.10 * (p.looks > 9) + 0.28 * p.wear:
        frame = rng.choice([(30, 28, 30), (92, 60, 40), (150, 130, 90), (120, 124, 132)])
        wide, high, thick = rng.uniform(0.27, 0.33), rng.uniform(0.19, 0.27), rng.uniform(0.03, 0.06)
        for side in _SIDES:
            rim = ellipse(side * p.eye_x, 0.03, wide, high)
            canvas.shape(rim, (235, 245, 255), alpha=0.10, lift=0.05)
            around = np.concatenate([rim, rim[:3]])  # a stroke tapers: its ends overlap to close the ring
            canvas.stroke(around, frame, thick, lift=0.05)
            canvas.stroke([(side * (p.eye_x + wide), -0.02), (side * 1.02, -0.04)], frame, thick)
        bridge = p.eye_x - wide
        canvas.stroke([(-bridge, 0), (0, -0.04), (bridge, 0)], frame, thick * 1.3, lift=0.1)
    if p.feminine > 0.55 and p.looks > 5 and rng.random() < 0.30:
        metal = rng.choice([(226, 196, 110), (214, 216, 222), (240, 236, 228)])
        for side in _SIDES:
            canvas.shape(ellipse(side * 1.02, 0.52, 0.055, rng.uniform(0.05, 0.12)), metal)
    if p.feminine > 0.5 and p.looks < 7 and rng.random() < 0.35:
        x, pink = rng.uniform(-0.6, 0.6), (rng.uniform(190, 250), rng.uniform(60, 150), rng.uniform(110, 190))
        for side in _SIDES:
            canvas.shape([(x, p.top), (x + side * 0.30, p.top - 0.16), (x + side * 0.30, p.top + 0.14)], pink)
        canvas.shape(ellipse(x, p.top, 0.08, 0.08), np.array(pink) * 0.8)
    elif rng.random() < 0.04 + 0.10 * (p.looks < 2):
        hat = mix(clothes, rng.uniform(30, 230, 3), 0.5)
        half = [(0, p.top - 0.22), (0.72, p.top * 0.92), (1.12, -0.62), (0.60, -0.72), (0, -0.76)]
        canvas.shape(mirrored(half), hat)
        canvas.stroke([(-1.1, -0.66), (-0.5, -0.72), (0.5, -0.72), (1.1, -0.66)], hat * 0.75, 0.16)
