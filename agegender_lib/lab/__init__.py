"""Widgets for notebooks: exploring the faces, and reading one's own photo; the training curves of any runs."""

from agegender_lib.lab.explorer import Explorer, contact_sheet
from agegender_lib.lab.face_table import Filter, face_table, select
from agegender_lib.lab.photo_page import PhotoPage
from agegender_lib.lab.training_curves import list_runs, training_curves
from agegender_lib.runs import find_runs
