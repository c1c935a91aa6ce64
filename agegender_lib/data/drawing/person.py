"""From three labels to a person: what age, gender and the race code change in a drawn face.

Everything is drawn at random around a mean, and the ranges overlap, so that a label can be guessed but not read off.
Nothing here is a claim about people. Above all the race code only shifts ranges of skin tone, hair colour and curl.
"""

import numpy as np

from agegender_lib.data.drawing.canvas import mix

_SKINS = [(250, 224, 204), (238, 198, 168), (214, 164, 124), (166, 112, 78), (122, 80, 58), (86, 56, 44)]
_HAIRS = [(30, 25, 26), (58, 41, 32), (98, 66, 44), (142, 100, 62), (206, 168, 108)]
_EYES = [(70, 44, 30), (92, 62, 38), (96, 104, 70), (86, 122, 152)]
# of White, Black, Asian, Indian, Others: mean and spread of skin (0 light, 1 dark) and of hair (0 black, 1 blond)
_TONES = [(0.14, 0.09), (0.77, 0.12), (0.25, 0.08), (0.52, 0.14), (0.38, 0.16)]
_BLOND = [(0.50, 0.28), (0.06, 0.07), (0.08, 0.08), (0.09, 0.09), (0.25, 0.20)]
_CURLY = [0.15, 0.65, 0.04, 0.15, 0.30]
_GROWTH = [0, 1, 3, 6, 10, 14, 19], [0, 0.12, 0.30, 0.47, 0.64, 0.82, 1]
_WEAR = [24, 35, 45, 55, 65, 75, 90, 116], [0, 0.1, 0.25, 0.44, 0.62, 0.78, 0.94, 1]
_MARKED = [0, 4, 12, 18, 60, 90], [0.13, 0.20, 0.30, 0.43, 0.41, 0.34]  # how much of its gender a face shows


class Person:
    """Somebody with these labels; lengths are in face units (see `canvas`), of jaw and cheek half the width."""

    def __init__(self, age: int, gender: int, race: int, rng: np.random.Generator):
        # people look up to a fifth older or younger than they are: no model can do better than this spread
        self.looks = looks = np.clip(age * np.exp(rng.normal(0, 0.09)) + rng.normal(0, 0.4), 0, 116)
        self.growth = growth = np.interp(looks, *_GROWTH)  # 0 at birth, 1 from about 18 on
        self.wear = wear = np.interp(looks, *_WEAR)  # 0 until 25, 1 in a very old face
        marked = np.interp(looks, *_MARKED) * (1 if gender else -1)
        self.feminine = feminine = np.clip(0.5 + marked + rng.normal(0, 0.15), 0, 1)  # 0 masculine
        tone = np.clip(rng.normal(*_TONES[race]), 0, 1)
        self.skin = mix(_along(_SKINS, tone), (226, 196, 172), 0.16 * wear * (tone < 0.5))
        self.curly = rng.random() < _CURLY[race]
        light = np.clip(rng.normal(*_BLOND[race]) + 0.15 * (looks < 6) * (tone < 0.4), 0, 1)
        hair = (156, 78, 42) if light > 0.3 and rng.random() < 0.08 else _along(_HAIRS, light)  # some are red
        grey = mix((150, 148, 146), (236, 234, 230), np.clip((looks - 50) / 35, 0, 1))
        late = 14 * (rng.random() < 0.35 * feminine * (looks < 75))  # dyed
        self.hair = mix(hair, grey, 1 / (1 + np.exp((rng.normal(54, 7) + late - looks) / 5)))
        self.style = _style(looks, feminine, rng)
        self.receding = np.clip(rng.normal(0.15 + 0.75 * wear, 0.30), 0, 1)  # the hairline of men
        self.receding *= feminine < 0.5 and growth > 0.95
        self.style = "bald" if self.style == "short" and self.receding > 0.72 else self.style
        bearded = rng.random() < 1.3 * (0.5 - feminine) and looks > 18 + rng.normal(0, 1.5)
        beards = ["stubble", "moustache", "goatee", "full"]
        self.beard = rng.choice(beards, p=[0.4, 0.2, 0.12, 0.28]) if bearded else "none"
        masculine = 1 - np.clip(feminine + rng.normal(0, 0.12), 0, 1)  # of the bones: a second opinion
        self.nose_y = mix(0.30, 0.50, growth) + 0.05 * wear + rng.normal(0, 0.025)
        self.brows = mix(self.hair, (46, 34, 28), 0.45 if wear < 0.5 else 0.15)
        self.iris = _along(_EYES, rng.random() * max(0.12, 1 - 2.6 * tone))
        self.smile = np.clip(rng.normal(0.35, 0.4), -0.3, 1)  # sullen to laughing
        self.top = mix(-1.36, -1.24, growth) + rng.normal(0, 0.03)
        self.chin = mix(0.93, mix(1.22, 1.38, masculine), growth) + rng.normal(0, 0.03)
        self.jaw = mix(0.84, mix(0.69, 0.84, masculine), growth) + 0.07 * wear + rng.normal(0, 0.03)
        self.cheek = mix(1.05, 0.96, growth) + rng.normal(0, 0.02)
        self.eye_x = mix(0.45, 0.41, growth) + rng.normal(0, 0.012)
        self.brow_y = mix(-0.30, mix(-0.29, -0.235, masculine), growth) + 0.02 * wear + rng.normal(0, 0.015)
        self.mouth_y = self.nose_y + mix(0.25, 0.34, growth) + rng.normal(0, 0.015)


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
