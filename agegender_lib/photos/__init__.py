"""Photographs: any picture to its faces in UTKFace's frame, with ages, genders, intervals and warnings."""

from .detector import FaceDetector, Found
from .detour import detour, detour_summary, quote_detour
from .held_out import held_out_detour
from .intervals import write_corrections
from .measure import measure_frames
from .pictures import SUFFIXES, open_picture
from .reader import DEFAULT_MODEL, Photo, PhotoReader
from .uses import EXCLUDED_USES

__all__ = [
    "DEFAULT_MODEL",
    "EXCLUDED_USES",
    "SUFFIXES",
    "FaceDetector",
    "Found",
    "Photo",
    "PhotoReader",
    "detour",
    "detour_summary",
    "held_out_detour",
    "measure_frames",
    "open_picture",
    "quote_detour",
    "write_corrections",
]
