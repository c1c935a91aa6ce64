"""``convert``: a model in the other file format."""

from argparse import Namespace, _SubParsersAction
from pathlib import Path

from agegender_lib.errors import InputError
from agegender_lib.pipeline.verbs.shared import (
    new_verb,
)


def add(verbs: _SubParsersAction) -> None:
    """Put the verb and its options on the command line."""
    verb = new_verb(
        verbs,
        "convert",
        run,
        "a model in the other file format",
        "Write a model as .keras or .h5, whichever the new name ends in. Its answers stay the same.",
    )
    verb.add_argument(
        "model", metavar="MODEL", help="a .keras or .h5 model, such as report/models/age_gender_F.keras"
    )
    verb.add_argument("file", metavar="FILE", help="the new file")


def run(options: Namespace) -> None:
    """Write a model in the format that its new name asks for."""
    file = Path(options.file)
    if file.suffix not in (".keras", ".h5") or not file.parent.is_dir():
        raise InputError(
            f"{file} cannot be written: give a name that ends in .keras or .h5, in a folder that is there"
        )
    if file.exists():
        raise InputError(f"{file} is there already: give another name, or remove it")
    from agegender_lib.models import load_model
    from agegender_lib.models.saving import save_model

    save_model(load_model(options.model), file)
    print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")
