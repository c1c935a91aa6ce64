"""Hair: what stands behind the head, what covers the skull, brows and beards."""

import numpy as np

from agegender_lib.data.drawing.canvas import WHITE, Canvas, curve, ellipse, mirrored, mix
from agegender_lib.data.drawing.person import Person

_HANGING = ("long", "bob")


def _strands(canvas: Canvas, lines: list, colour: np.ndarray, alpha: float, rng: np.random.Generator) -> None:
    """Lines a little lighter or darker than the hair around them."""
    for line in lines:
        canvas.stroke(line, np.clip(colour * (0.74, 1.2)[rng.integers(2)] + 6, 0, 255), 0.04, alpha)


def _bumpy(points: list, amount: float, rng: np.random.Generator) -> np.ndarray:
    return np.array(points) + (rng.normal(0, amount, np.shape(points)) if amount else 0)


def behind(canvas: Canvas, p: Person, rng: np.random.Generator) -> None:
    """What hangs or stands behind the head."""
    dark, spread = p.hair * 0.82, 0.30 * p.curly + rng.uniform(0.16, 0.34)
    if p.style in _HANGING:
        low = p.chin + (0.05 if p.style == "bob" else 1.6) + rng.normal(0, 0.05)
        half = [(0, p.top - 0.2), (0.75, p.top * 0.85), (1.06 + spread * 0.6, -0.4), (1.05 + spread, 0.4)]
        outline = mirrored([*half, (1.0 + spread, low - 0.1), (0.7, low), (0, low)])
        canvas.shape(_bumpy(outline, 0.05 * p.curly, rng), dark)
        falling = rng.uniform(-1.05 - spread, 1.05 + spread, 12)
        _strands(canvas, [[(x * 0.9, -0.3), (x, 0.6), (x * 0.96, low)] for x in falling], p.hair, 0.6, rng)
    elif p.style == "bun":
        canvas.shape(ellipse(rng.normal(0, 0.05), p.top - 0.16, 0.42, 0.34), dark)
    elif p.style == "ponytail":
        tail = [(0.7, -0.5), (1.3, -0.1), (1.35, 0.8), (1.1, 1.5), (0.9, 0.4)]
        canvas.shape(np.multiply(tail, (rng.choice((-1, 1)), 1)), dark)
    elif p.style == "pigtails":
        canvas.shape(ellipse(1.22, 0.12, 0.27, 0.50), dark, both=True)
        canvas.shape(ellipse(1.08, -0.32, 0.12, 0.10), rng.uniform(60, 240, 3), both=True)  # bows
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
        patch = [(0.90, 0.22), (0.86, -0.30), (0.93, -0.62), (1.06, -0.35), (1.08, 0.10)]
        canvas.shape(patch, p.hair, 0.9, both=True)
        canvas.shape(ellipse(-0.2, p.top * 0.78, 0.22, 0.10), WHITE, 0.14)
        return
    volume = 0.03 if p.style in ("fuzz", "shaved") else rng.uniform(0.06, 0.17)
    receding = p.receding * (p.style == "short")
    line = mix(-0.98, -0.80, p.growth) - 0.30 * receding + rng.normal(0, 0.03)
    alpha = {"fuzz": rng.uniform(0.2, 0.7), "shaved": 0.38}.get(p.style, 1.0)
    alpha *= 1 - 0.35 * max(0.0, p.wear - 0.7) - 0.3 * receding
    fringed = p.style in (*_HANGING, "pigtails") and rng.random() < 0.33
    if p.style in (*_HANGING, "bun", "ponytail", "pigtails"):  # falls from a parting
        low, edge = (p.chin * rng.uniform(0.55, 0.9), 0.93) if p.style in _HANGING else (-0.05, 0.98)
        reach, part = 1.12, 0.0 if fringed else rng.uniform(-0.45, 0.45)
        rim = [(-edge, low), (-edge * 0.97, -0.25), (mix(-0.75, part, 0.3), line + 0.12), (part, line - 0.20)]
        rim += [(mix(0.75, part, 0.3), line + 0.12), (edge * 0.97, -0.25), (edge, low)]
    else:
        reach, low, swoop = 1.03, 0.15 if p.feminine < 0.5 else 0.05, rng.normal(0, 0.05)
        temple = line + 0.06 - 0.30 * p.receding - mix(0.05, mix(0.10, 0.0, p.feminine), p.growth)
        rim = [(-0.97, low), (-0.90, -0.42), (-0.66, temple), (-0.25, line + swoop)]
        rim += [(0.25, line - swoop), (0.66, temple), (0.90, -0.42), (0.97, low)]
    crown = [(reach, low), (1.03 + volume * 0.4, -0.45), (0.70, p.top * 0.86 - volume), (0, p.top - volume)]
    crown = [(-x, y) for x, y in crown] + crown[-2::-1]
    canvas.shape(_bumpy([*crown, *rim[::-1]], 0.03 * (p.curly or p.style == "perm"), rng), p.hair, alpha)
    if p.style != "fuzz":  # combed from the outer edge to the inner one
        crown, rim = curve(crown), curve(rim)
        ends = [(crown[int(t * len(crown))], rim[int(t * len(rim))]) for t in rng.uniform(0.05, 0.95, 12)]
        lines = [[a * 0.9 + b * 0.1, (a + b) * (0.525, 0.5), a * 0.05 + b * 0.95] for a, b in ends]
        _strands(canvas, lines, p.hair, 0.5 * alpha, rng)
    if fringed:
        hem = rng.uniform(-0.50, -0.36)
        half = [(0, p.top * 0.9), (0.6, p.top * 0.7), (0.9, -0.45), (0.86, hem + 0.1), (0.45, hem), (0, hem)]
        canvas.shape(mirrored(half), p.hair)
        falling = np.linspace(-0.75, 0.75, 9) + rng.normal(0, 0.04, 9)
        _strands(canvas, [[(x * 0.6, p.top * 0.8), (x, hem)] for x in falling], p.hair, 0.6, rng)


def brows(canvas: Canvas, p: Person, rng: np.random.Generator) -> None:
    """Thick and straight, or thin and arched; faint in a baby, bushy in an old man."""
    thick = mix(0.035, mix(0.125, 0.050, p.feminine), p.growth) * rng.uniform(0.85, 1.15)
    arch = mix(0.03, mix(0.02, 0.085, p.feminine), p.growth) + rng.normal(0, 0.01)
    inner, outer = p.eye_x - mix(0.17, 0.24, p.growth), p.eye_x + 0.25
    line = [(inner, rng.normal(0, 0.025)), (mix(inner, outer, 0.6), -arch), (outer, 0.05)]
    alpha = mix(0.40, 0.92, p.growth) - 0.15 * p.wear * p.feminine
    canvas.stroke(np.add(line, (0, p.brow_y)), p.brows, thick, alpha, both=True)


def beard(canvas: Canvas, p: Person, rng: np.random.Generator) -> None:
    """Stubble, a moustache, a goatee or a full beard; the colour is that of the brows."""
    if p.beard == "none":
        return
    mouth, chin, jaw = p.mouth_y, p.chin, p.jaw
    low, high, most = (0.16, 0.34, 0) if p.beard == "stubble" else (0.75, 0.95, 0.18)
    alpha, length = rng.uniform(low, high), rng.uniform(0, most) if most else 0
    if p.beard == "goatee":
        half = [(0, mouth + 0.14), (0.17, mouth + 0.13), (0.22, chin * 0.92), (0, chin + length)]
    else:
        half = [(0, mouth + 0.15), (0.3, mouth + 0.08), (0.5, mouth - 0.2), (0.93, 0.25), (1, 0.22)]
        half += [(p.cheek, chin * 0.45), (jaw, chin * 0.78), (jaw * 0.5, chin + length), (0, chin + length)]
    canvas.shape(mirrored(half), p.brows, alpha * (p.beard != "moustache"))
    top, thick = p.nose_y + 0.09, rng.uniform(0.07, 0.11)
    half = [(0, top), (0.20, top + 0.02), (0.38, mouth + 0.03), (0.2, top + thick + 0.03), (0, top + thick)]
    canvas.shape(half, p.brows, alpha, both=True)  # the moustache
    for x in rng.uniform(-0.8, 0.8, 18 * (p.beard == "full")):
        y = mix(mouth + 0.2, chin, rng.random())
        _strands(canvas, [[(x * 0.8, y - 0.06), (x * 0.75, y + 0.08)]], p.brows, 0.5, rng)
