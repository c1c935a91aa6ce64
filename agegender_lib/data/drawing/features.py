"""Nose, mouth and eyes."""

import numpy as np

from .canvas import Canvas, ellipse, mix
from .person import Person

_SIDES = (-1, 1)


def nose(canvas: Canvas, p: Person, rng: np.random.Generator) -> None:
    """Small and round in a child, longer with every age."""
    width = mix(0.13, mix(0.21, 0.175, p.feminine), p.growth) + 0.03 * p.wear + rng.normal(0, 0.015)
    y, dark = p.nose_y, p.skin * (0.70, 0.60, 0.58)
    lift = 0.16 * p.growth + 0.05
    ridge = [(0.06, -0.12), (0.08, y * 0.4), (width * 0.8, y - 0.08), (width * 0.7, y)]
    canvas.stroke(ridge, dark, 0.07, 0.12 + 0.14 * p.growth, lift)
    canvas.shape(ellipse(0, y, width * 0.80, 0.065), dark, 0.30, lift)
    canvas.shape(ellipse(0, y - 0.06, width * 0.72, 0.09), p.skin, 1.0, lift)
    for side in _SIDES:
        wing = [(0.85, y - 0.10), (1.08, y - 0.02), (0.70, y + 0.04)]
        canvas.stroke([(side * width * x, y) for x, y in wing], dark, 0.04, 0.7, lift)
        canvas.shape(ellipse(side * width * 0.45, y + 0.025, width * 0.26, 0.028), p.skin * 0.38, 0.8, lift)
    canvas.shape(ellipse(-0.01, y - 0.09, 0.035, 0.045), (255, 255, 255), 0.20, lift)


def mouth(canvas: Canvas, p: Person, rng: np.random.Generator) -> None:
    """Fuller lips in women, thin ones in the old; open or closed, sullen or smiling."""
    wide = mix(0.22, mix(0.34, 0.31, p.feminine), p.growth) * (1 + 0.18 * max(0.0, p.smile))
    full = mix(0.075, mix(0.060, 0.105, p.feminine), p.growth) * (1 - 0.55 * p.wear) + rng.normal(0, 0.008)
    full = max(0.02, full)
    y, corner = p.mouth_y, p.mouth_y - 0.11 * p.smile
    painted = p.feminine > 0.6 and p.looks > 15 and rng.random() < 0.45
    natural = p.skin * (0.88, 0.66, 0.64)
    lipstick = rng.choice([(176, 34, 52), (196, 76, 92), (150, 48, 66)])
    lips = mix(natural, lipstick, 0.65) if painted else mix(natural, p.skin * 0.88, 0.5 * p.wear)
    gape = rng.uniform(0.04, 0.17) * (rng.random() < 0.25 + 0.35 * (p.smile > 0.4)) * mix(0.75, 1, p.growth)
    bow = [(-wide, corner), (-0.08, y - full), (0, y - full * 0.75), (0.08, y - full), (wide, corner)]
    canvas.shape([*bow, (0, y + gape + full * 1.25)], lips)
    if gape:
        left, right = (-wide * 0.84, corner + 0.02), (wide * 0.84, corner + 0.02)
        canvas.shape([left, (0, y - 0.005), right, (0, y + gape * 1.05)], (84, 30, 34))
        if p.looks > 0.8:  # teeth, yellower with age
            left, right = (-wide * 0.66, corner + 0.035), (wide * 0.66, corner + 0.035)
            teeth = mix((250, 248, 242), (226, 212, 180), p.wear)
            canvas.shape([left, (0, y), right, (0, y + gape * 0.62)], teeth)
    else:
        canvas.stroke([(-wide * 0.95, corner), (0, y + 0.02), (wide * 0.95, corner)], lips * 0.55, 0.035, 0.9)
    canvas.stroke([(-0.10, y + gape + full * 1.6), (0.10, y + gape + full * 1.6)], p.skin * 0.6, 0.05, 0.25)


def eyes(canvas: Canvas, p: Person, rng: np.random.Generator) -> None:
    """Large and dark in a child; lashes and lid shadow in women; narrow under the hanging lids of the old."""
    wide = mix(0.225, mix(0.185, 0.200, p.feminine), p.growth)
    high = mix(0.145, mix(0.085, 0.110, p.feminine), p.growth) - 0.028 * p.wear + rng.normal(0, 0.008)
    high = max(0.035, high * (1 - 0.2 * max(0.0, p.smile)))
    iris = mix(0.128, 0.105, p.growth)
    gaze = rng.normal(0, 0.025), rng.normal(0, 0.01)
    slant, droop = rng.normal(0.02, 0.02), 0.04 * p.wear
    lash = mix(0.03, mix(0.035, 0.065, p.feminine), p.growth) * rng.uniform(0.8, 1.2)

    outline = [(-wide, 0.025), (-wide * 0.4, -high * 0.85), (wide * 0.3, -high)]
    outline += [(wide * 0.75, -high * 0.55 + droop), (wide, -slant + droop)]
    outline += [(wide * 0.3, high * 0.72), (-wide * 0.5, high * 0.62)]
    shapes = [np.add(outline, (p.eye_x, 0)) * (side, 1) for side in _SIDES]
    lids = [shape[:5] for shape in shapes]
    balls = canvas.layer(mix((246, 243, 240), (232, 220, 204), p.wear))
    for side, lid in zip(_SIDES, lids, strict=True):
        x, y = side * p.eye_x + gaze[0], gaze[1] - 0.1 * high
        balls.shape(ellipse(x, y, iris, iris), p.iris * 0.55)
        balls.shape(ellipse(x, y, iris * 0.8, iris * 0.8), p.iris)
        balls.shape(ellipse(x, y, iris * 0.45, iris * 0.45), (16, 13, 14))
        balls.shape(ellipse(x - 0.04, y - 0.04, 0.026, 0.026), (255, 255, 255), 0.9)
        balls.stroke(lid, (70, 50, 50), 0.09, 0.35)  # the shadow of the lid
    canvas.paste(balls, canvas.stencil(*shapes))

    made_up = p.feminine > 0.62 and p.looks > 14 and rng.random() < 0.5
    tint = rng.choice([(92, 70, 96), (84, 66, 58), (70, 86, 110)])
    for side, lid in zip(_SIDES, lids, strict=True):
        crease = lid - (0, 0.045 + 0.02 * p.wear)
        if made_up:
            canvas.stroke(lid - (0, 0.03), tint, 0.09, 0.45)
        canvas.stroke(crease, p.skin * 0.62, 0.03 + 0.02 * p.wear, 0.45)
        canvas.stroke(lid, mix((36, 26, 24), p.skin * 0.5, 0.5 * p.wear * (not made_up)), lash)
        if p.feminine > 0.5 and p.growth > 0.55:
            x, y = lid[-1]
            for rise in (0.05, 0.10):
                flick = [(x - side * 0.03, y - rise * 0.3), (x + side * 0.07, y - rise)]
                canvas.stroke(flick, (36, 26, 24), 0.03)
