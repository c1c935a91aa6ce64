"""Photographs: any picture to its faces in UTKFace's frame, with ages, genders, intervals and warnings."""

from agegender_lib.photos.cross_dataset import cross_dataset_predictions
from agegender_lib.photos.detector import FaceDetector, Found
from agegender_lib.photos.end_to_end import end_to_end_predictions, end_to_end_summary
from agegender_lib.photos.intervals import write_corrections
from agegender_lib.photos.pictures import SUFFIXES, open_picture
from agegender_lib.photos.quality_checks import CHILD, CHILD_WARNING
from agegender_lib.photos.reader import DEFAULT_MODEL, Photo, PhotoReader
from agegender_lib.photos.shared import SHARED, SharedReader, start_shared_reader

#: What the numbers must not be used for: said wherever they are shown, and in the model card.
OUT_OF_SCOPE_USES = (
    "No decision about anyone: no age checks, no access control, no hiring, no policing, no advertising by age or "
    "gender. No identification and no surveillance. No inference of gender identity: the models know two labels and "
    "nothing of how a person lives or wants to be called. No commercial use: the data do not allow it."
)
#: What no warning is given for.
NOT_NOTICED = (
    "A mask, sunglasses or a headscarf is not noticed, and moves the answer: drawn onto 1,000 faces, they move the age "
    "by 2.8 to 4.6 years on average, and change the gender of 5 to 9 % of them. Chapter 10 draws them onto your own."
)
