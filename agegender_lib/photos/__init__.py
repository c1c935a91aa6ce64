"""Photographs: any picture to its faces in UTKFace's frame, with ages, genders, intervals and warnings."""

from .detector import FaceDetector, Found
from .detour import detour_summary, held_out_detour
from .intervals import write_corrections
from .pictures import SUFFIXES, open_picture
from .reader import DEFAULT_MODEL, Photo, PhotoReader
from .uses import EXCLUDED_USES
