"""Widgets for notebooks: exploring the faces, and reading one's own photo; the curves of any trainings."""

from agegender_lib.runs import find_runs

from .explorer import Explorer, contact_sheet
from .face_table import face_table
from .photo_page import PhotoPage
from .selection import Filter, select
from .trainings import find_trainings, learning_curves
