"""Widgets for notebooks: exploring the faces, and reading one's own photo; the curves of any trainings."""

from agegender_lib.runs import find_runs

from .explorer import Explorer, contact_sheet
from .face_table import Filter, face_table, select
from .photo_page import PhotoPage
from .trainings import find_trainings, learning_curves
