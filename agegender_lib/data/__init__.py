"""Faces: names to a table, images to one array, duplicates, splits, spoilt faces, drawn stand-ins, getting UTKFace."""

from .bands import AGE_BAND_EDGES, AGE_BANDS, age_band
from .corruptions import CORRUPTIONS, corrupt, corrupted_examples
from .duplicates import duplicate_groups, duplicate_pairs
from .faceset import FaceSet
from .filenames import GENDERS, RACES, FaceName, parse_name
from .folds import assign_folds, split_fold
from .importer import load_faces
from .opening import RENDERED_FACES, open_faces
from .regions import REGIONS, region_masks
from .rendered import plan_faces, render_faces
from .split import fewer_to_train, split_faces
from .summary import split_table, summarise_faces
