"""Hair: what stands behind the head, what covers the skull, brows and beards."""

import numpy as np

from .canvas import Canvas, curve, ellipse, mirrored, mix
from .person import Person

_SIDES = (-1, 1)


def _strand(colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A little lighter or darker than the hair around it."""
    return np.clip(colour * (0.74, 1.2)[rng.integers(2)] + 6, 0, 255)


def _bumpy(outline: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    return outline + rng.normal(0, amount, outline.shape) if amount else outline


def behind(canvas: Canvas, p: Person, rng: np.random.Generator) -> None:
    """What hangs or stands behind the head."""
    dark = p.hair * 0.82
    spread = 0.30 * p.curly + rng.uniform(0.16, 0.34)
    if p.style in ("long", "bob"):
        low = p.chin + (0.05 if p.style == "bob" else 1.6) + rng.normal(0, 0.05)
        half = [(0, p.top - 0.2), (0.75, p.top * 0.85), (1.06 + spread * 0.6, -0.4), (1.05 + spread, 0.4)]
        outline = mirrored([*half, (1.0 + spread, low - 0.1), (0.7, low), (0, low)])
        canvas.shape(_bumpy(outline, 0.05 * p.curly, rng), dark)
        for x in rng.uniform(-1.05 - spread, 1.05 + spread, 12):
            canvas.stroke([(x * 0.9, -0.3), (x, 0.6), (x * 0.96, low)], _strand(p.hair, rng), 0.04, 0.6)
    elif p.style == "bun":
        canvas.shape(ellipse(rng.normal(0, 0.05), p.top - 0.16, 0.42, 0.34), dark)
    elif p.style == "ponytail":
        side = rng.choice(_SIDES)
        tail = [(0.7, -0.5), (1.3, -0.1), (1.35, 0.8), (1.1, 1.5), (0.9, 0.4)]
        canvas.shape([(side * x, y) for x, y in tail], dark)
    elif p.style == "pigtails":
        bow = rng.uniform(60, 240, 3)
        for side in _SIDES:
            canvas.shape(_bumpy(ellipse(side * 1.22, 0.12, 0.27, 0.50), 0.03 * p.curly, rng), dark)
            canvas.shape(ellipse(side * 1.08, -0.32, 0.12, 0.10), bow)
    elif p.style == "perm" or (p.curly and p.style not in ("fuzz", "bald", "shaved")):
        puff = rng.uniform(0.14, 0.30) * (0.55 if p.style == "short" and p.feminine < 0.5 else 1)
        reach = 0.45 if p.style == "perm" else 0.05
        canvas.shape(ellipse(0, -0.42, 1.04 + puff, -p.top - 0.38 + puff), dark)
        for angle in np.linspace(-reach, np.pi + reach, 17):
            x, y = (1.0 + puff) * np.cos(angle), -0.42 - (-p.top - 0.42 + puff) * np.sin(angle)
            canvas.shape(ellipse(x, y, 0.15, 0.15), dark * rng.uniform(0.9, 1.1))


def before(canvas: Canvas, p: Person, rng: np.random.Generator) -> None:
    """The hair on the skull down to the hairline, which draws back in men; thin in babies and the very old."""
    if p.style == "bald":
        for side in _SIDES:
            patch = [(0.90, 0.22), (0.86, -0.30), (0.93, -0.62), (1.06, -0.35), (1.08, 0.10)]
            canvas.shape([(side * x, y) for x, y in patch], p.hair, 0.9)
        canvas.shape(ellipse(-0.2, p.top * 0.78, 0.22, 0.10), (255, 255, 255), 0.14)
        return
    volume = 0.03 if p.style in ("fuzz", "shaved") else rng.uniform(0.06, 0.17)
    low = 0.15 if p.feminine < 0.5 else 0.05
    crown = [(-1.03, low), (-1.03 - volume * 0.4, -0.45), (-0.70, p.top * 0.86 - volume), (0, p.top - volume)]
    crown = np.array(crown + [(-x, y) for x, y in crown[-2::-1]])
    line = mix(-0.98, -0.80, p.growth) - 0.30 * p.receding * (p.style == "short") + rng.normal(0, 0.03)
    alpha = {"fuzz": rng.uniform(0.2, 0.7), "shaved": 0.38}.get(p.style, 1.0)
    alpha *= 1 - 0.35 * max(0.0, p.wear - 0.7) - 0.3 * p.receding * (p.style == "short")
    fringed = p.style in ("long", "bob", "pigtails") and rng.random() < 0.33
    if p.style in ("long", "bob", "bun", "ponytail", "pigtails"):
        hanging = p.style in ("long", "bob")
        low = p.chin * rng.uniform(0.55, 0.9) if hanging else -0.05
        crown[[0, -1]] = (-1.12, low), (1.12, low)
        rim = _parted(line, low, 0.93 if hanging else 0.98, 0.0 if fringed else rng.uniform(-0.45, 0.45))
    else:
        temple = line + 0.06 - 0.30 * p.receding - mix(0.05, mix(0.10, 0.0, p.feminine), p.growth)
        swoop = rng.normal(0, 0.05)
        rim = [(-0.97, low), (-0.90, -0.42), (-0.66, temple), (-0.25, line + swoop)]
        rim += [(0.25, line - swoop), (0.66, temple), (0.90, -0.42), (0.97, low)]
    rim = np.array(rim)
    bumps = 0.03 if p.curly or p.style == "perm" else 0.0
    canvas.shape(np.concatenate([_bumpy(crown, bumps, rng), _bumpy(rim[::-1], bumps, rng)]), p.hair, alpha)
    if p.style != "fuzz":
        _combed(canvas, curve(crown), curve(rim), p, alpha, rng)
    if fringed:
        hem = rng.uniform(-0.50, -0.36)
        half = [(0, p.top * 0.9), (0.6, p.top * 0.7), (0.9, -0.45), (0.86, hem + 0.1), (0.45, hem), (0, hem)]
        canvas.shape(mirrored(half), p.hair)
        for x in np.linspace(-0.75, 0.75, 9) + rng.normal(0, 0.04, 9):
            canvas.stroke([(x * 0.6, p.top * 0.8), (x, hem)], _strand(p.hair, rng), 0.04, 0.6)


def _parted(line: float, low: float, edge: float, part: float) -> list[tuple[float, float]]:
    """A hairline that falls from a parting to both sides."""
    left, right = mix(-0.75, part, 0.3), mix(0.75, part, 0.3)
    falling = [(right, line + 0.12), (edge * 0.97, -0.25), (edge, low)]
    return [(-edge, low), (-edge * 0.97, -0.25), (left, line + 0.12), (part, line - 0.20), *falling]


def _combed(
    canvas: Canvas, crown: np.ndarray, rim: np.ndarray, p: Person, alpha: float, rng: np.random.Generator
) -> None:
    """Strands from the outer edge of the hair to its inner edge."""
    for t in rng.uniform(0.05, 0.95, 12):
        start, end = crown[int(t * len(crown))], rim[int(t * len(rim))]
        strand = [start * 0.9 + end * 0.1, (start + end) * (0.525, 0.5), start * 0.05 + end * 0.95]
        canvas.stroke(strand, _strand(p.hair, rng), 0.035, 0.5 * alpha)


def brows(canvas: Canvas, p: Person, rng: np.random.Generator) -> None:
    """Thick and straight, or thin and arched; faint in a baby, bushy in an old man."""
    thick = mix(0.035, mix(0.125, 0.050, p.feminine), p.growth) * rng.uniform(0.85, 1.15)
    arch = mix(0.03, mix(0.02, 0.085, p.feminine), p.growth) + rng.normal(0, 0.01)
    worry = rng.normal(0, 0.025)
    for side in _SIDES:
        inner, outer = p.eye_x - mix(0.17, 0.24, p.growth), p.eye_x + 0.25
        line = [(side * inner, p.brow_y + worry), (side * mix(inner, outer, 0.6), p.brow_y - arch)]
        line.append((side * outer, p.brow_y + 0.05))
        canvas.stroke(line, p.brows, thick, mix(0.40, 0.92, p.growth) - 0.15 * p.wear * p.feminine)


def beard(canvas: Canvas, p: Person, rng: np.random.Generator) -> None:
    """Stubble, a moustache, a goatee or a full beard; the colour is that of the brows."""
    if p.beard == "none":
        return
    mouth, chin, jaw = p.mouth_y, p.chin, p.jaw
    alpha = rng.uniform(0.16, 0.34) if p.beard == "stubble" else rng.uniform(0.75, 0.95)
    length = 0.0 if p.beard == "stubble" else rng.uniform(0.0, 0.18)
    if p.beard in ("stubble", "full"):
        half = [(0.0, mouth + 0.15), (0.30, mouth + 0.08), (0.50, mouth - 0.20), (0.93, 0.25), (1.0, 0.22)]
        half += [(p.cheek, chin * 0.45), (jaw + 0.02, chin * 0.78)]
        half += [(jaw * 0.5, chin + length), (0, chin + length)]
        canvas.shape(mirrored(half), p.brows, alpha)
    elif p.beard == "goatee":
        half = [(0, mouth + 0.14), (0.17, mouth + 0.13), (0.22, chin * 0.92), (0, chin + length)]
        canvas.shape(mirrored(half), p.brows, alpha)
    top, thick = p.nose_y + 0.09, rng.uniform(0.07, 0.11)
    for side in _SIDES:  # the moustache
        half = [
            (0, top),
            (0.20, top + 0.02),
            (0.38, mouth + 0.03),
            (0.2, top + thick + 0.03),
            (0, top + thick),
        ]
        canvas.shape([(side * x, y) for x, y in half], p.brows, alpha)
    if p.beard == "full":
        for x in rng.uniform(-0.8, 0.8, 18):
            y = mix(mouth + 0.2, chin, rng.random())
            x *= 1 - 0.35 * (y > chin * 0.8)
            canvas.stroke([(x, y - 0.06), (x * 0.97, y + 0.08)], _strand(p.brows, rng), 0.025, 0.5)
