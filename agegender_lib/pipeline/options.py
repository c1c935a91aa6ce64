"""How commands are declared: the decorator, options that several share, and how tables are printed."""

from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from agegender_lib import folders
from agegender_lib.errors import InputError

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


DATA_HELP = (
    "labelled faces: a folder, .tar, .tar.gz or .zip with UTKFace's names or a table of labels, or a table that holds "
    "the pictures; left out: synthetic stand-in faces are drawn"
)
LABELS = option(
    "--labels",
    default="",
    metavar="FILE",
    help="table of labels (.csv, .tsv, .parquet): file, age, gender, race, ... (default: found by itself)",
)
ALLOW_REJECTED = option(
    "--allow-rejected", action="store_true", help="go on where more than 5 %% of the labelled faces cannot be used"
)
PROFILE_HELP = "quick, coursework, full (whole UTKFace), or a .yaml file of notebook parameters (default: {})"
WEIGHTS_HELP = (
    "what ModelB, ModelF or ModelP starts from: published (this repository's models, without their heads), pretrained "
    "(downloaded), none (random), or a Keras .weights.h5 file"
)
MODEL_HELP = "a .keras or .h5 model (default: report/models/age_gender_P.keras)"
DATA = (
    option("--data", default=[], action="append", help=f"{DATA_HELP}; given again: both as one set"),
    LABELS,
    ALLOW_REJECTED,
)
PRETRAINED = option("--weights", default="pretrained", help=WEIGHTS_HELP)
CLUSTER = (
    option("--scheduler", default="", metavar="ADDRESS", help="let the workers of this Dask scheduler do it"),
    option("--workers", type=int, default=0, metavar="N", help="let so many processes on this machine do it"),
)
RUNS = option("--runs", default=folders.RUNS, metavar="FOLDER", help="where run folders lie (default: runs)")


def data_of(options: Namespace) -> str:
    """The faces that are asked for, as one text that ``data.load_sources`` and notebooks take."""
    if options.labels and len(options.data) != 1:
        what = "no faces: give these, too, with --data"
        if options.data:
            what = "which source? Give them as --data 'SOURCE with LABELS'"
        raise InputError(f"--labels {options.labels} are the labels of {what}")
    text = " + ".join(options.data) + (f" with {options.labels}" if options.labels else "")
    if text and options.allow_rejected:  # allowed once, the faces lie in the cache
        from agegender_lib.data import load_sources

        load_sources(text, allow_rejected=True)
    return text


def print_table(table: "pd.DataFrame") -> None:
    """Print a whole table, none of its rows and columns left out."""
    print(table.to_string(index=False))
