"""Faces: names to a table, images to one array, duplicates, splits, corruptions, drawn stand-ins, getting UTKFace."""

from agegender_lib.data.age_bins import AGE_BAND_EDGES, AGE_BANDS, age_band, age_limits, nearest_age
from agegender_lib.data.cache import FaceSet
from agegender_lib.data.corruptions import CORRUPTIONS, OCCLUDERS, corrupt, corrupted_examples, occlude
from agegender_lib.data.duplicates import duplicate_groups, duplicate_pairs
from agegender_lib.data.face_regions import REGIONS, region_masks
from agegender_lib.data.filenames import GENDERS, RACES, FaceName, parse_name
from agegender_lib.data.importer import load_faces
from agegender_lib.data.label_values import UNLABELLED, race_names
from agegender_lib.data.sources import SYNTHETIC_FACES, load_dataset, load_sources
from agegender_lib.data.split import (
    assign_folds,
    given_split,
    split_faces,
    split_fold,
    split_sources,
    subsample_training,
)
from agegender_lib.data.summary import split_table, summarise_faces
from agegender_lib.data.synthetic import plan_faces, render_faces
