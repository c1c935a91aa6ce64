"""From three labels to a person: what age, gender and the race code change in a drawn face.

Everything is drawn at random around a mean, and the ranges overlap, so that a label can be guessed but not read
off. Nothing here is a claim about people. Above all the race code is only a crude stand-in for UTKFace's guessed
label: it shifts the ranges of skin tone, hair colour and curl, and no shape.
"""

from dataclasses import dataclass

import numpy as np

from .canvas import mix

SKIN_TONES = [(250, 224, 204), (238, 198, 168), (214, 164, 124), (166, 112, 78), (122, 80, 58), (86, 56, 44)]
HAIR_COLOURS = [(30, 25, 26), (58, 41, 32), (98, 66, 44), (142, 100, 62), (206, 168, 108)]
# White, Black, Asian, Indian, Others: mean and spread of the skin tone (0 light, 1 dark) and of the hair
# (0 black, 1 blond), and the share of curly hair
_PALETTES = [
    ((0.14, 0.09), (0.50, 0.28), 0.15),
    ((0.77, 0.12), (0.06, 0.07), 0.65),
    ((0.25, 0.08), (0.08, 0.08), 0.04),
    ((0.52, 0.14), (0.09, 0.09), 0.15),
    ((0.38, 0.16), (0.25, 0.20), 0.30),
]


@dataclass(frozen=True)
class Person:
    """One drawn person; lengths in face units (see `canvas`), y downwards from the eyes."""

    looks: float  # the age the face looks like, years
    growth: float  # 0 at birth, 1 from about 18 on
    wear: float  # 0 until 25, 1 in a very old face
    feminine: float  # 0 masculine, 0.5 undecided, 1 feminine
    skin: np.ndarray
    hair: np.ndarray
    brows: np.ndarray
    iris: np.ndarray
    curly: bool
    style: str  # of the hair: fuzz, short, bald, shaved, long, bob, bun, ponytail, pigtails, perm
    receding: float  # of the hairline: 0 full, 1 bald
    beard: str  # none, stubble, moustache, goatee, full
    smile: float  # -0.3 sullen to 1 laughing
    top: float  # the skull
    chin: float
    jaw: float  # half the width at the corner of the jaw
    cheek: float
    eye_x: float
    brow_y: float
    nose_y: float
    mouth_y: float


def _along(colours: list[tuple[int, int, int]], t: float) -> np.ndarray:
    """The colour at t (0 the first, 1 the last) of a palette."""
    stops = np.linspace(0, 1, len(colours))
    return np.array([np.interp(t, stops, channel) for channel in zip(*colours, strict=True)])


def _style(looks: float, feminine: float, rng: np.random.Generator) -> str:
    """How the hair is worn."""
    if looks < 1.6 * rng.uniform(0.4, 1.4):
        return "fuzz"
    if rng.random() > mix(0.02, 0.97, feminine):
        return rng.choice(["short", "long", "shaved"], p=[0.9, 0.04, 0.06] if looks > 18 else [0.95, 0.05, 0])
    if looks < 11:
        return rng.choice(["pigtails", "long", "bob", "ponytail", "short"], p=[0.3, 0.25, 0.2, 0.15, 0.1])
    if rng.random() < np.interp(looks, [45, 75], [0.06, 0.6]):
        return rng.choice(["perm", "short"], p=[0.7, 0.3])
    return rng.choice(["long", "bob", "bun", "ponytail"], p=[0.52, 0.24, 0.14, 0.10])


def _hair(tone: float, race: int, looks: float, feminine: float, rng: np.random.Generator) -> np.ndarray:
    """Hair colour: the palette's, darkening in childhood, then grey and white at an age of one's own."""
    mean, spread = _PALETTES[race][1]
    lightness = np.clip(rng.normal(mean, spread) + 0.15 * (looks < 6) * (tone < 0.4), 0, 1)
    colour = _along(HAIR_COLOURS, lightness)
    if lightness > 0.3 and rng.random() < 0.08:
        colour = np.array((156.0, 78, 42))  # red
    dyed = rng.random() < 0.35 * feminine * (looks < 75)
    onset = rng.normal(54, 7) + 14 * dyed
    grey = 1 / (1 + np.exp((onset - looks) / 5))
    return mix(colour, mix((150, 148, 146), (236, 234, 230), np.clip((looks - 50) / 35, 0, 1)), grey)


def imagine(age: int, gender: int, race: int, rng: np.random.Generator) -> Person:
    """Make up a person for the labels.

    Parameters
    ----------
    age : years, 0 to 116
    gender : 0 male, 1 female
    race : 0 to 4, UTKFace's code; skin tone and hair palette only
    """
    # people look up to a fifth older or younger than they are: no model can do better than this spread
    looks = float(np.clip(age * np.exp(rng.normal(0, 0.09)) + rng.normal(0, 0.4), 0, 116))
    growth = float(np.interp(looks, [0, 1, 3, 6, 10, 14, 19], [0, 0.12, 0.30, 0.47, 0.64, 0.82, 1]))
    wear = float(
        np.interp(looks, [24, 35, 45, 55, 65, 75, 90, 116], [0, 0.1, 0.25, 0.44, 0.62, 0.78, 0.94, 1])
    )
    marked = np.interp(looks, [0, 4, 12, 18, 60, 90], [0.13, 0.20, 0.30, 0.43, 0.41, 0.34])
    feminine = float(np.clip(0.5 + (marked if gender else -marked) + rng.normal(0, 0.15), 0, 1))

    tone = float(np.clip(rng.normal(*_PALETTES[race][0]), 0, 1))
    skin = mix(_along(SKIN_TONES, tone), (226, 196, 172), 0.16 * wear * (tone < 0.5))
    curly = bool(rng.random() < _PALETTES[race][2])
    hair = _hair(tone, race, looks, feminine, rng)
    style = _style(looks, feminine, rng)
    receding = float(np.clip(rng.normal(0.15 + 0.75 * wear, 0.30), 0, 1)) * (feminine < 0.5) * (growth > 0.95)
    if style == "short" and receding > 0.72:
        style = "bald"
    bearded = rng.random() < 1.3 * (0.5 - feminine) and looks > 18 + rng.normal(0, 1.5)
    beards = ["stubble", "moustache", "goatee", "full"]
    beard = rng.choice(beards, p=[0.4, 0.2, 0.12, 0.28]) if bearded else "none"
    masculine = 1 - float(np.clip(feminine + rng.normal(0, 0.12), 0, 1))  # of the bones: a second opinion
    eye_colours = [(70, 44, 30), (92, 62, 38), (96, 104, 70), (86, 122, 152)]
    nose_y = mix(0.30, 0.50, growth) + 0.05 * wear + rng.normal(0, 0.025)
    return Person(
        looks=looks,
        growth=growth,
        wear=wear,
        feminine=feminine,
        skin=skin,
        hair=hair,
        brows=mix(hair, (46, 34, 28), 0.45 if wear < 0.5 else 0.15),
        iris=_along(eye_colours, rng.random() * max(0.12, 1 - 2.6 * tone)),
        curly=curly,
        style=str(style),
        receding=receding,
        beard=str(beard),
        smile=float(np.clip(rng.normal(0.35, 0.4), -0.3, 1)),
        top=mix(-1.36, -1.24, growth) + rng.normal(0, 0.03),
        chin=mix(0.93, mix(1.22, 1.38, masculine), growth) + rng.normal(0, 0.03),
        jaw=mix(0.84, mix(0.69, 0.84, masculine), growth) + 0.07 * wear + rng.normal(0, 0.03),
        cheek=mix(1.05, 0.96, growth) + rng.normal(0, 0.02),
        eye_x=mix(0.45, 0.41, growth) + rng.normal(0, 0.012),
        brow_y=mix(-0.30, mix(-0.29, -0.235, masculine), growth) + 0.02 * wear + rng.normal(0, 0.015),
        nose_y=nose_y,
        mouth_y=nose_y + mix(0.25, 0.34, growth) + rng.normal(0, 0.015),
    )
