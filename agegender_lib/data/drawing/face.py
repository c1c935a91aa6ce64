"""A person becomes a picture, part by part from the back to the front."""

import cmath

import numpy as np
from PIL import Image, ImageFilter

from agegender_lib.data.drawing import hair, parts
from agegender_lib.data.drawing.canvas import OVERSAMPLING, SIDE, Canvas, ellipse, mirrored, mix
from agegender_lib.data.drawing.person import Person


def draw_face(age: int, gender: int, race: int, rng: np.random.Generator) -> Image.Image:
    """Photograph somebody with these labels; ``rng`` decides what they leave open. RGB, 128 x 128."""
    p = Person(age, gender, race, rng)
    scale = 40 * rng.normal(1, 0.04) * mix(1.06, 1, p.growth)
    x, y = rng.normal(0, 2.5, 2) - (0, scale * (p.top + p.chin) / 2) + SIDE / 2
    roll, yaw, pitch = rng.normal(0, (0.07, 0.13, 0.05))
    canvas = Canvas(_background(rng), (complex(x, y), cmath.rect(scale, roll), yaw, pitch))
    clothes = rng.uniform(30, 225, 3)
    hair.behind(canvas, p, rng)
    parts.neck(canvas, p, clothes)
    for draw in (parts.head, parts.nose, parts.mouth, hair.beard, parts.eyes, hair.brows, hair.before):
        draw(canvas, p, rng)
    _things_worn(canvas, p, clothes, rng)
    return _photograph(canvas.image, rng)


def _things_worn(canvas: Canvas, p: Person, clothes: np.ndarray, rng: np.random.Generator) -> None:
    """Glasses, a hat, earrings, a bow: rare, and tied to age and gender no more than in life."""
    if rng.random() < 0.03 + 0.10 * (p.looks > 9) + 0.28 * p.wear:
        frame = rng.choice([(30, 28, 30), (92, 60, 40), (150, 130, 90), (120, 124, 132)])
        wide, high, thick = rng.uniform((0.27, 0.19, 0.03), (0.33, 0.27, 0.06))
        rim, bridge = ellipse(p.eye_x, 0.03, wide, high), p.eye_x - wide
        canvas.shape(rim, (235, 245, 255), 0.10, lift=0.05, both=True)
        canvas.stroke([*rim, *rim[:3]], frame, thick, lift=0.05, both=True)  # tapering ends overlap
        canvas.stroke([(p.eye_x + wide, -0.02), (1.02, -0.04)], frame, thick, both=True)
        canvas.stroke([(-bridge, 0), (0, -0.04), (bridge, 0)], frame, thick * 1.3, lift=0.1)
    if p.feminine > 0.55 and p.looks > 5 and rng.random() < 0.30:
        metal = rng.choice([(226, 196, 110), (214, 216, 222), (240, 236, 228)])
        for side in (-1, 1):
            canvas.shape(ellipse(side * 1.02, 0.52, 0.055, rng.uniform(0.05, 0.12)), metal)
    if p.feminine > 0.5 and p.looks < 7 and rng.random() < 0.35:
        x, *pink = rng.uniform((-0.6, 190, 60, 110), (0.6, 250, 150, 190))
        corners = [(-0.3, -0.16), (-0.3, 0.14), (0.3, -0.16), (0.3, 0.14)]
        canvas.shape(np.add(corners, (x, p.top)), pink)
        canvas.shape(ellipse(x, p.top, 0.08, 0.08), np.array(pink) * 0.8)
    elif rng.random() < 0.04 + 0.10 * (p.looks < 2):
        hat = mix(clothes, rng.uniform(30, 230, 3), 0.5)
        half = [(0, p.top - 0.22), (0.72, p.top * 0.92), (1.12, -0.62), (0.60, -0.72), (0, -0.76)]
        canvas.shape(mirrored(half), hat)
        canvas.stroke([(-1.1, -0.66), (-0.5, -0.72), (0.5, -0.72), (1.1, -0.66)], hat * 0.75, 0.16)


def _background(rng: np.random.Generator) -> Image.Image:
    """Plain, a gradient or soft blotches: a few random pixels, enlarged."""
    cells = rng.choice([1, 2, 3, 7])
    pixels = rng.uniform(45, 235) + rng.normal(0, 18, 3) + rng.normal(0, 24, (cells, cells, 1))
    pixels = np.clip(pixels + rng.normal(0, 9, (cells, cells, 3)), 0, 255).astype(np.uint8)
    return Image.fromarray(pixels).resize((SIDE * OVERSAMPLING,) * 2, Image.Resampling.BICUBIC)


def _photograph(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Reduce to 128 x 128 and add what a camera adds: blur, light from one side, a colour cast, noise."""
    blur = min(1.1, rng.normal(0.1, 0.45))
    image = image.reduce(OVERSAMPLING).filter(ImageFilter.GaussianBlur(blur if blur > 0.2 else 0))
    across = np.linspace(-1, 1, SIDE, dtype=np.float32)
    direction, strength = rng.uniform(0, 2 * np.pi), abs(rng.normal(0, 0.16))
    light = 1 + strength * (np.cos(direction) * across[None, :] + np.sin(direction) * across[:, None])
    gain = rng.normal(1.02, 0.09) * rng.normal(1.0, 0.035, 3)
    pixels = np.asarray(image, dtype=np.float32) * (light[:, :, None] * gain).astype(np.float32)
    pixels = (pixels - 118) * np.float32(rng.uniform(0.82, 1.12)) + np.float32(118 + rng.normal(0, 5))
    if rng.random() < 0.04:  # an old photograph
        pixels = np.repeat(pixels @ np.float32([[0.3], [0.59], [0.11]]), 3, axis=2)
    pixels += np.float32(rng.gamma(1.5, 1.3)) * rng.standard_normal((SIDE, SIDE, 1), dtype=np.float32)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
