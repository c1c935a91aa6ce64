"""Faults of known size for rendered faces: the picture shows one thing, the label says another.

An evaluation that is to be believed must find a fault where one was planted, as large as it was planted, and find
nothing where none was. Only drawn faces allow that: of a photograph nobody knows what its label should be.
"""

from dataclasses import dataclass

import numpy as np

from agegender_lib.errors import InputError

OLDEST = 116


@dataclass(frozen=True)
class Planted:
    """What is wrong with the labels of a set of rendered faces. Nothing, if left out; duplicates: see ``plan_faces``.

    Attributes
    ----------
    race : int, optional
        UTKFace's code of the group that a bias is planted against.
    years_younger : int
        Faces of that group are labelled so many years younger than they were drawn (below 0: older). Whoever reads the
        pictures has so much more signed error there, whatever else the errors are.
    wrong_genders : float
        Share of faces labelled with the other gender than they were drawn with, 0 to 1, whoever they are. Whoever is
        rightly sure of what the picture shows is too sure of what the label says: of a share ``a`` of right answers,
        ``wrong_genders * (2 a - 1)`` become wrong.
    age_noise : float
        Standard deviation, in years, of labelled about drawn ages. Errors grow, but not the spread that a reader has
        learned elsewhere: its intervals hold less than they promise.

    Raises
    ------
    InputError
        For values out of range.
    """

    race: int | None = None
    years_younger: int = 0
    wrong_genders: float = 0.0
    age_noise: float = 0.0

    def __post_init__(self) -> None:
        fits = self.race in (None, *range(5)) and 0 <= self.wrong_genders <= 1 and self.age_noise >= 0
        if not fits or (self.years_younger and self.race is None):
            raise InputError(
                f"Faults of rendered faces were asked for as {self}; give a race from 0 to 4 with years_younger, a "
                "share of wrong_genders from 0 to 1, and an age_noise from 0 years."
            )

    def labels(self, age: int, gender: int, race: int, rng: np.random.Generator) -> dict[str, int]:
        """``age`` (kept within 0 to 116 years), ``gender`` and ``race`` on the label of a face drawn as given."""
        noise, chance = rng.standard_normal(), rng.random()  # always both: one fault does not disturb another
        younger = self.years_younger if race == self.race else 0
        return {
            "age": int(np.clip(round(age - younger + self.age_noise * noise), 0, OLDEST)),
            "gender": 1 - gender if chance < self.wrong_genders else gender,
            "race": race,
        }
