"""Widgets for notebooks: exploring the faces, watching trainings, reading one's own photo."""

from agegender_lib.runs import find_runs

from .curves import LearningCurves, learning_curves
from .explorer import Explorer, contact_sheet, explorer
from .face_table import face_table
from .photo_page import PhotoPage, photo_page
from .selection import Filter, select

__all__ = [
    "Explorer",
    "Filter",
    "LearningCurves",
    "PhotoPage",
    "contact_sheet",
    "explorer",
    "face_table",
    "find_runs",
    "learning_curves",
    "photo_page",
    "select",
]
