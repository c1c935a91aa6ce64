"""``predict``: age and P(female) of face images."""

from argparse import Namespace, _SubParsersAction
from pathlib import Path

from agegender_lib import folders
from agegender_lib.errors import InputError
from agegender_lib.files import write_csv
from agegender_lib.pipeline.verbs.shared import (
    new_verb,
    print_table,
)


def add(verbs: _SubParsersAction) -> None:
    """Put the verb and its options on the command line."""
    verb = new_verb(
        verbs,
        "predict",
        run,
        "age and P(female) of face images",
        "Read ages and genders from images that are framed like UTKFace's: one face, 128 x 128 or 200 x 200 pixels.",
    )
    verb.add_argument("images", nargs="+", metavar="IMAGE", help="JPEG file, or folder of them")
    verb.add_argument(
        "--model",
        default=folders.MODELS / "age_gender_F.keras",
        metavar="FILE",
        help="a .keras or .h5 model (default: report/models/age_gender_F.keras)",
    )
    verb.add_argument("--csv", metavar="FILE", help="write the table there instead of printing it")


def run(options: Namespace) -> None:
    """Print age and P(female) of face images."""
    files = _image_files(options.images)
    images = [_decoded(file) for file in files]

    import numpy as np

    from agegender_lib import models

    found = models.predict(models.load_model(options.model), np.stack(images), progress=len(images) > 200)
    found.insert(0, "file", [str(file) for file in files])
    if options.csv:
        write_csv(Path(options.csv), found, float_format="%.4f")
        print(f"{options.csv}: {len(found):,} faces")
    else:
        print_table(found.round({"age_predicted": 1, "p_female": 3}))
    print(
        "Estimates of how a face looks, wrong by years and at times in gender: decide nothing about anyone by them."
    )


def _image_files(given: list[str]) -> list[Path]:
    files: list[Path] = []
    for name in given:
        path = Path(name)
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in (".jpg", ".jpeg"))
            if not inside:
                raise InputError(f"{path} holds no .jpg file: give a folder of face images")
            files += inside
        elif path.is_file():
            files.append(path)
        else:
            raise InputError(f"{path} does not exist: give a JPEG file or a folder of them")
    return files


def _decoded(file: Path):
    from agegender_lib.data.decode import NotAFace, decode_face

    try:
        return decode_face(file.read_bytes())[0]
    except NotAFace as reason:
        raise InputError(f"{file}: {reason}; crop one face as UTKFace does and save it as RGB JPEG") from None
