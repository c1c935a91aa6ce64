"""What lies behind a face, and what a camera makes of the picture."""

import numpy as np
from PIL import Image, ImageFilter

from .canvas import OVERSAMPLING, SIDE


def background(rng: np.random.Generator) -> Image.Image:
    """Plain, a gradient or soft blotches: a few random pixels, enlarged."""
    cells = rng.choice([1, 2, 3, 7])
    pixels = rng.uniform(45, 235) + rng.normal(0, 18, 3) + rng.normal(0, 24, (cells, cells, 1))
    pixels = pixels + rng.normal(0, 9, (cells, cells, 3))
    small = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    return small.resize((SIDE * OVERSAMPLING,) * 2, Image.Resampling.BICUBIC)


def photograph(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Reduce to 128 x 128 and add what a camera adds: blur, light from one side, a colour cast, noise."""
    image = image.reduce(OVERSAMPLING)
    blur = min(1.1, rng.normal(0.1, 0.45))
    if blur > 0.2:
        image = image.filter(ImageFilter.GaussianBlur(blur))
    pixels = np.asarray(image, dtype=np.float32)

    across = np.linspace(-1, 1, SIDE, dtype=np.float32)
    direction, strength = rng.uniform(0, 2 * np.pi), abs(rng.normal(0, 0.16))
    light = 1 + strength * (np.cos(direction) * across[None, :] + np.sin(direction) * across[:, None])
    gain = rng.normal(1.02, 0.09) * rng.normal(1.0, 0.035, 3)
    pixels = pixels * (light[:, :, None] * gain).astype(np.float32)
    contrast = np.float32(rng.uniform(0.82, 1.12))
    pixels = (pixels - 118) * contrast + np.float32(118 + rng.normal(0, 5))
    if rng.random() < 0.04:  # an old photograph
        pixels = np.repeat(pixels @ np.float32([[0.3], [0.59], [0.11]]), 3, axis=2)
    grain = np.float32(rng.gamma(1.5, 1.3))
    pixels += grain * rng.standard_normal((SIDE, SIDE, 1), dtype=np.float32)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
