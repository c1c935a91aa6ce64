"""Photographs: any picture to its faces in UTKFace's frame, with ages, genders, intervals and warnings."""

from .detector import FaceDetector, Found
from .detour import detour_summary, held_out_detour
from .intervals import write_corrections
from .pictures import SUFFIXES, open_picture
from .reader import DEFAULT_MODEL, Photo, PhotoReader

#: What the numbers must not be used for: said wherever they are shown, and in the model card.
EXCLUDED_USES = (
    "No decision about anyone: no age checks, no access control, no hiring, no policing, no advertising by age or "
    "gender. No identification and no surveillance. No inference of gender identity: the models know two labels and "
    "nothing of how a person lives or wants to be called. No commercial use: the data do not allow it."
)
