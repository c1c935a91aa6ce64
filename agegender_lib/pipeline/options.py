"""How commands are declared: the decorator, options that several share, and how tables are printed."""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agegender_lib import folders

if TYPE_CHECKING:
    import pandas as pd

Call = Callable[[Namespace], None]
Option = tuple[tuple[str, ...], dict[str, Any]]
#: By name: what runs, what the list of commands says of it, and its options; ``data_check`` is ``data``'s ``check``.
COMMANDS: dict[str, tuple[Call, str, tuple[Option, ...]]] = {}


def command(short: str, *options: Option) -> Callable[[Call], Call]:
    """Decorate a function that becomes a command: of its name, with these options, and its docstring as help."""

    def register(call: Call) -> Call:
        COMMANDS[call.__name__] = call, short, options
        return call

    return register


def option(*names: str, **settings: Any) -> Option:
    """One option or argument, as argparse's ``add_argument`` takes it."""
    return names, settings


DATA_HELP = "folder, .tar, .tar.gz or .zip of UTKFace-named faces; left out: synthetic stand-in faces are drawn"
PROFILE_HELP = "quick, coursework, or a .yaml file of notebook parameters (default: {})"
WEIGHTS_HELP = (
    "what ModelB or ModelF starts from: published (this repository's models, without their heads), pretrained "
    "(downloaded), none (random), or a Keras .weights.h5 file"
)
MODEL_HELP = "a .keras or .h5 model (default: report/models/age_gender_F.keras)"
DATA = option("--data", default="", help=DATA_HELP)
PRETRAINED = option("--weights", default="pretrained", help=WEIGHTS_HELP)
RUNS = option("--runs", default=folders.RUNS, metavar="FOLDER", help="where run folders lie (default: runs)")


def print_metrics(folder: str | Path):
    """Print a run folder's metrics on its validation images; the run is returned."""
    from agegender_lib import evaluation

    run = evaluation.read_run(folder)
    drawn = ", drawn faces" if run.synthetic else ""
    print(f"\n{run.name}: {len(run.validation):,} validation images of {run.provenance['data']['name']}{drawn}")
    print_table(evaluation.evaluate(run.validation).round(3))
    return run


def print_table(table: "pd.DataFrame") -> None:
    """Print a whole table, none of its rows and columns left out."""
    print(table.to_string(index=False))
