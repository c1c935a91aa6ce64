"""``predict``: the faces of photographs, with age, its interval and P(female)."""

from argparse import Namespace, _SubParsersAction

from agegender_lib import folders
from agegender_lib.pipeline.commands.shared import new_command


def add(commands: _SubParsersAction) -> None:
    command = new_command(commands, "predict", run, "the faces of photos: age with its interval, P(female)")
    command.add_argument(
        "photos",
        nargs="+",
        metavar="PHOTO",
        help="picture (JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF), or a folder of them and of such folders",
    )
    command.add_argument(
        "--aligned",
        action="store_true",
        help="each picture is one face, a square aligned like UTKFace's: nothing is detected",
    )
    command.add_argument(
        "--model",
        default=folders.MODELS / "age_gender_F.keras",
        metavar="FILE",
        help="a .keras or .h5 model (default: report/models/age_gender_F.keras)",
    )
    command.add_argument("--csv", metavar="FILE", help="write a row per face there instead of printing a table")
    command.add_argument(
        "--json",
        nargs="?",
        const="-",
        metavar="FILE",
        help="write what was found of each photo there, or, without FILE after the photos, to standard output",
    )
    command.add_argument("--annotate", metavar="FOLDER", help="write each photo there with its predictions, as PNG")


def run(options: Namespace) -> None:
    """Find the faces of photographs, the largest first, and print age (years), its 80 % interval, P(female), and
    warnings where a face is small, blurred, not frontal or truncated. A file that cannot be read is listed with the
    reason; the exit code is 2 if none could be read.
    """
    from agegender_lib.pipeline.predict_photos import predict_photos

    predict_photos(options)
