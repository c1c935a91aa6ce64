"""Photographs: any picture to its faces in UTKFace's frame, with ages, genders, intervals and warnings."""

from .reader import Photo, PhotoReader
from .uses import EXCLUDED_USES

__all__ = ["EXCLUDED_USES", "Photo", "PhotoReader"]
