"""``convert``: a model in another file format."""

from argparse import Namespace, _SubParsersAction
from pathlib import Path

from agegender_lib.errors import InputError
from agegender_lib.pipeline.commands.shared import new_command


def add(commands: _SubParsersAction) -> None:
    command = new_command(commands, "convert", run, "a model in another file format")
    command.add_argument(
        "model", metavar="MODEL", help="a .keras or .h5 model, such as report/models/age_gender_F.keras"
    )
    command.add_argument("file", metavar="FILE", help="the new file")


def run(options: Namespace) -> None:
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
