"""``predict``, ``app`` and ``convert``: a trained model in use."""

from argparse import Namespace
from pathlib import Path

from agegender_lib import folders
from agegender_lib.errors import InputError
from agegender_lib.pipeline.commands.shared import MODEL_HELP, command, option


@command(
    "the faces of photos: age with its interval, P(female)",
    option(
        "photos",
        nargs="+",
        metavar="PHOTO",
        help="picture (JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF), or a folder of them and of such folders",
    ),
    option(
        "--aligned",
        action="store_true",
        help="each picture is one face, a square aligned like UTKFace's: nothing is detected",
    ),
    option("--model", default=folders.MODELS / "age_gender_F.keras", metavar="FILE", help=MODEL_HELP),
    option("--csv", metavar="FILE", help="write a row per face there instead of printing a table"),
    option(
        "--json",
        nargs="?",
        const="-",
        metavar="FILE",
        help="write what was found of each photo there, or, without FILE after the photos, to standard output",
    ),
    option("--annotate", metavar="FOLDER", help="write each photo there with its predictions, as PNG"),
)
def predict(options: Namespace) -> None:
    """Find the faces of photographs, the largest first, and print age (years), its 80 % interval, P(female), and
    warnings where a face is small, blurred, not frontal or truncated. A file that cannot be read is listed with the
    reason; the exit code is 2 if none could be read.
    """
    from agegender_lib.pipeline.predict_photos import predict_photos

    predict_photos(options)


@command(
    "a web page that reads one's own photo",
    option("--model", default="", metavar="FILE", help=MODEL_HELP),
    option("--port", type=int, default=8866, help="(default: %(default)s)"),
    option("--network", action="store_true", help="answer to other machines, too (they need the printed token)"),
    option("--no-browser", action="store_true", help="only serve"),
)
def app(options: Namespace) -> None:
    """Serve the photo notebook as a page for a browser, by Voila, until Ctrl+C. It needs no internet and keeps no
    photo.
    """
    from agegender_lib.pipeline.app import serve

    serve(options.model, options.port, options.network, browser=not options.no_browser)


@command(
    "a model in another file format",
    option("model", metavar="MODEL", help="a .keras or .h5 model, such as report/models/age_gender_F.keras"),
    option("file", metavar="FILE", help="the new file"),
)
def convert(options: Namespace) -> None:
    """Write a model as .keras, .h5 (Keras 2 as well), .onnx (ONNX Runtime) or .tflite (LiteRT), whichever the new name
    ends in. The file is asked about 32 drawn faces before it takes its name, and refused if it answers otherwise.
    """
    file = Path(options.file)
    if not file.parent.is_dir():
        raise InputError(f"{file} cannot be written: give a name in a folder that is there")
    if file.exists():
        raise InputError(f"{file} already exists: give another name, or remove it")
    from agegender_lib.models import convert, load_model

    years, p_female = convert(load_model(options.model), file)
    print(
        f"{file}: {file.stat().st_size / 1e6:.1f} MB; on 32 drawn faces at most {years:.6f} years and "
        f"{p_female:.7f} of P(female) from the model"
    )
