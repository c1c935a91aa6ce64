"""Neck, skin, nose, mouth and eyes, with what age leaves there."""

import numpy as np

from agegender_lib.data.drawing.canvas import SIDE, WHITE, Canvas, ellipse, mirrored, mix
from agegender_lib.data.drawing.person import Person

_SHADOW = (206, 162, 148)  # what a fold leaves of the light: multiplied with the skin
_LASHES = (36, 26, 24)


def neck(canvas: Canvas, p: Person, clothes: np.ndarray) -> None:
    width = mix(0.50, mix(0.66, 0.50, p.feminine), p.growth)
    low = p.chin + mix(0.12, 0.32, p.growth)
    canvas.shape([(-width, 0.5), (width, 0.5), (width, low), (0, low + 0.4), (-width, low)], p.skin * 0.80)
    shoulder = mix(1.3, mix(2.0, 1.7, p.feminine), p.growth)
    half = [(0, low + 0.14), (width * 0.9, low - 0.04), (shoulder, low + 0.28), (shoulder + 0.4, 3), (0, 3.2)]
    canvas.shape(mirrored(half), clothes)
    canvas.stroke([(-width, low), (0, low + 0.18), (width, low)], clothes * 0.75, 0.07)


def head(canvas: Canvas, p: Person, rng: np.random.Generator) -> None:
    """Ears and face; what age leaves there is multiplied with the skin, so that they suit every tone."""
    ear = mix(0.21, 0.25, p.growth) + 0.06 * p.wear
    canvas.shape(ellipse(1.0, 0.17, 0.13, ear), p.skin * 0.93, both=True)
    canvas.shape(ellipse(1.03, 0.17, 0.06, ear * 0.6), p.skin * 0.78, both=True)
    half = [(0, p.top), (0.60, p.top * 0.87), (0.92, p.top * 0.50), (1.0, -0.05), (p.cheek, p.chin * 0.42)]
    outline = mirrored([*half, (p.jaw, p.chin * 0.76), (p.jaw * 0.52, p.chin * 0.97), (0, p.chin)])
    canvas.shape(outline, p.skin)
    lines, form = canvas.layer(WHITE, SIDE), canvas.layer((226, 192, 180), SIDE // 2)
    form.shape(outline * (0.86, 0.93), WHITE)
    _marks(lines, form, p, rng)
    canvas.shade(outline, (lines, 0.6), (form, 2.5))
    # chubby cheeks shine
    canvas.shape(ellipse(0.55, p.nose_y * 0.75, 0.10, 0.06), WHITE, 0.10 * (p.growth < 0.6), both=True)


def _marks(lines: Canvas, form: Canvas, p: Person, rng: np.random.Generator) -> None:
    """Wrinkles, each kind at an age of its own, some from smiling; blush and hollow cheeks; spots."""
    forehead, eyes, cheeks, bags, jowls = np.clip(p.wear * rng.normal(1, 0.25, 5), 0, 1)
    for level in np.linspace(p.brow_y - 0.13, p.top * 0.62, 4):
        dip, width, middle = rng.uniform(-0.03, 0.05), rng.uniform(0.35, 0.55), rng.normal(0, 0.05)
        bend = [(middle - width, level + 0.03), (middle, level + dip), (middle + width, level + 0.03)]
        lines.stroke(bend, _SHADOW, 0.02 + 0.035 * forehead, 0.95 * forehead)
    lines.stroke([(0.07, -0.30), (0.06, -0.12)], _SHADOW, 0.03, 0.8 * forehead, both=True)  # frown
    grin = max(0.0, p.smile) * (0.12 + 0.3 * p.growth)
    for slope in (-0.10, 0.0, 0.10):
        foot = [(p.eye_x + x, y * slope) for x, y in ((0.24, 0.3), (0.34, 1), (0.43, 1.9))]
        lines.stroke(foot, _SHADOW, 0.035, min(1, eyes + 0.5 * grin * p.wear) * 0.9, both=True)
    fold = [(0.22, p.nose_y - 0.03), (0.39, p.nose_y + 0.14), (0.42, p.mouth_y - 0.03)]
    lines.stroke(fold, _SHADOW, 0.035 + 0.03 * cheeks, min(1, 1.1 * cheeks + 0.5 * grin), both=True)
    bag = [(p.eye_x - 0.20, 0.10), (p.eye_x, 0.20), (p.eye_x + 0.20, 0.12)]
    lines.stroke(bag, _SHADOW, 0.03 + 0.05 * bags, 0.15 + 0.75 * bags, both=True)
    jowl = [(0.41, p.mouth_y + 0.05), (0.47, p.mouth_y + 0.20), (0.42, p.chin * 0.93)]
    lines.stroke(jowl, _SHADOW, 0.06, max(0.0, 1.3 * jowls - 0.35), both=True)
    blush = rng.uniform(0.1, 0.5) * mix(1.5, mix(0.5, 1.0, p.feminine), p.growth) * (1 - 0.5 * p.wear)
    form.shape(ellipse(0.56, p.nose_y * 0.95, 0.30, 0.22), (255, 196, 186), min(1, blush), both=True)
    form.shape(ellipse(p.eye_x, -0.04, 0.28, 0.17), _SHADOW, 0.30 + 0.25 * p.wear, both=True)
    form.shape(ellipse(0.70, p.nose_y * 1.35, 0.16, 0.24), _SHADOW, 0.55 * p.wear, both=True)  # hollow cheeks
    freckled = 4 < p.looks < 45 and p.skin[0] > 225 and rng.random() < 0.10
    pimpled = 12 < p.looks < 19 and rng.random() < 0.5
    count = int(rng.poisson(13 * max(0.0, p.wear - 0.45))) + 14 * freckled + rng.integers(3, 8) * pimpled
    low, high = (0.02, p.mouth_y * 0.75) if freckled else (p.top * 0.62, p.chin * 0.8)
    for _ in range(count):
        size = rng.uniform(0.018, 0.028) if freckled or pimpled else rng.uniform(0.02, 0.055)
        colour = (232, 140, 130) if pimpled else (196, 158, 128)
        lines.shape(ellipse(rng.uniform(-0.8, 0.8), rng.uniform(low, high), size, size * 0.8), colour, 0.6)


def nose(canvas: Canvas, p: Person, rng: np.random.Generator) -> None:
    """Small and round in a child, longer with every age."""
    width = mix(0.13, mix(0.21, 0.175, p.feminine), p.growth) + 0.03 * p.wear + rng.normal(0, 0.015)
    y, dark, lift = p.nose_y, p.skin * (0.70, 0.60, 0.58), 0.16 * p.growth + 0.05
    canvas.stroke([(0.06, -0.12), (0.08, y * 0.4), (width, y)], dark, 0.07, 0.12 + 0.14 * p.growth, lift)
    canvas.shape(ellipse(0, y, width * 0.80, 0.065), dark, 0.30, lift)
    canvas.shape(ellipse(0, y - 0.06, width * 0.72, 0.09), p.skin, 1.0, lift)
    wing = [(0.85 * width, y - 0.10), (1.08 * width, y - 0.02), (0.70 * width, y + 0.04)]
    canvas.stroke(wing, dark, 0.04, 0.7, lift, both=True)
    canvas.shape(ellipse(width * 0.45, y + 0.025, width * 0.26, 0.028), p.skin * 0.38, 0.8, lift, both=True)
    canvas.shape(ellipse(-0.01, y - 0.09, 0.035, 0.045), WHITE, 0.20, lift)


def mouth(canvas: Canvas, p: Person, rng: np.random.Generator) -> None:
    """Fuller lips in women, thin ones in the old; open or closed, sullen or smiling."""
    wide = mix(0.22, mix(0.34, 0.31, p.feminine), p.growth) * (1 + 0.18 * max(0.0, p.smile))
    full = mix(0.075, mix(0.060, 0.105, p.feminine), p.growth) * (1 - 0.55 * p.wear) + rng.normal(0, 0.008)
    full, y, corner = max(0.02, full), p.mouth_y, p.mouth_y - 0.11 * p.smile
    painted = p.feminine > 0.6 and p.looks > 15 and rng.random() < 0.45
    lipstick = rng.choice([(176, 34, 52), (196, 76, 92), (150, 48, 66)])
    lips = p.skin * (0.88, 0.66, 0.64)
    lips = mix(lips, lipstick, 0.65) if painted else mix(lips, p.skin * 0.88, 0.5 * p.wear)
    gape = rng.uniform(0.04, 0.17) * (rng.random() < 0.25 + 0.35 * (p.smile > 0.4)) * mix(0.75, 1, p.growth)
    bow = [(-wide, corner), (-0.08, y - full), (0, y - full * 0.75), (0.08, y - full), (wide, corner)]
    canvas.shape([*bow, (0, y + gape + full * 1.25)], lips)
    if gape:
        x, teeth = wide * 0.84, mix((250, 248, 242), (226, 212, 180), p.wear)
        inside = np.array([(-x, corner + 0.02), (0, y), (x, corner + 0.02), (0, y + gape)])
        canvas.shape(inside, (84, 30, 34))
        canvas.shape(inside * (0.8, 1) - (0, 0.2 * gape), teeth, p.looks > 0.8)  # none in babies
    else:
        canvas.stroke([(-wide * 0.95, corner), (0, y + 0.02), (wide * 0.95, corner)], lips * 0.55, 0.035, 0.9)
    canvas.stroke([(-0.10, y + gape + full * 1.6), (0.10, y + gape + full * 1.6)], p.skin * 0.6, 0.05, 0.25)


def eyes(canvas: Canvas, p: Person, rng: np.random.Generator) -> None:
    """Large and dark in a child; lashes and lid shadow in women; narrow under the hanging lids of the old."""
    wide = mix(0.225, mix(0.185, 0.200, p.feminine), p.growth)
    high = mix(0.145, mix(0.085, 0.110, p.feminine), p.growth) - 0.028 * p.wear + rng.normal(0, 0.008)
    high = max(0.035, high * (1 - 0.2 * max(0.0, p.smile)))
    gaze_x, gaze_y, slant = rng.normal((0, 0, 0.02), (0.025, 0.01, 0.02))
    iris, droop = mix(0.128, 0.105, p.growth), 0.04 * p.wear
    lash = mix(0.03, mix(0.035, 0.065, p.feminine), p.growth) * rng.uniform(0.8, 1.2)
    lid = [(-wide, 0.025), (-wide * 0.4, -high * 0.85), (wide * 0.3, -high)]
    lid = np.add([*lid, (wide * 0.75, -high * 0.55 + droop), (wide, -slant + droop)], (p.eye_x, 0))
    eye = [*lid, (p.eye_x + wide * 0.3, high * 0.72), (p.eye_x - wide * 0.5, high * 0.62)]
    balls = canvas.layer(mix((246, 243, 240), (232, 220, 204), p.wear), canvas.image.width)
    for side in (-1, 1):  # both look the same way
        x, y = side * p.eye_x + gaze_x, gaze_y - 0.1 * high
        for size, colour in ((1, p.iris * 0.55), (0.8, p.iris), (0.45, (16, 13, 14))):
            balls.shape(ellipse(x, y, iris * size, iris * size), colour)
        balls.shape(ellipse(x - 0.04, y - 0.04, 0.026, 0.026), WHITE, 0.9)
    balls.stroke(lid, (70, 50, 50), 0.09, 0.35, both=True)  # the shadow of the lid
    canvas.paste(balls.image, eye, both=True)
    made_up = p.feminine > 0.62 and p.looks > 14 and rng.random() < 0.5
    tint = rng.choice([(92, 70, 96), (84, 66, 58), (70, 86, 110)])
    canvas.stroke(lid - (0, 0.03), tint, 0.09, 0.45 * made_up, both=True)
    canvas.stroke(lid - (0, 0.045 + 0.02 * p.wear), p.skin * 0.62, 0.03 + 0.02 * p.wear, 0.45, both=True)
    canvas.stroke(lid, mix(_LASHES, p.skin * 0.5, 0.5 * p.wear * (not made_up)), lash, both=True)
    for rise in (0.05, 0.10) if p.feminine > 0.5 and p.growth > 0.55 else ():
        flick = lid[-1] + [(-0.03, -0.3 * rise), (0.07, -rise)]
        canvas.stroke(flick, _LASHES, 0.03, both=True)
