"""What several commands share: options, their help, and how tables are printed."""

from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from agegender_lib import folders

if TYPE_CHECKING:
    import pandas as pd

DATA_HELP = "folder, .tar, .tar.gz or .zip of UTKFace-named faces; left out: synthetic stand-in faces are drawn"
PROFILE_HELP = "quick, coursework, or a .yaml file of notebook parameters (default: {})"
WEIGHTS_HELP = (
    "what ModelB or ModelF starts from: published (this repository's models, without their heads), pretrained "
    "(downloaded), none (random), or a Keras .weights.h5 file"
)


def new_command(
    commands: _SubParsersAction, name: str, call: Callable[[Namespace], None], short: str
) -> ArgumentParser:
    """A command that runs ``call``, whose docstring is its help; ``short`` stands in the list of commands."""
    command = commands.add_parser(name, help=short, description=call.__doc__)
    command.set_defaults(command=call)
    return command


def data_option(command: ArgumentParser) -> None:
    """``--data``: which faces."""
    command.add_argument("--data", default="", help=DATA_HELP)


def runs_option(command: ArgumentParser) -> None:
    """``--runs``: where run folders lie."""
    command.add_argument("--runs", default=folders.RUNS, metavar="FOLDER", help="where run folders lie (default: runs)")


def shared_options(command: ArgumentParser, profile: str | None = "quick") -> None:
    """``--data``, ``--profile`` and ``--weights``: what every training needs."""
    data_option(command)
    told = profile or "coursework for the faces that the published models were trained on, else quick"
    command.add_argument("--profile", default=profile, help=PROFILE_HELP.format(told))
    command.add_argument("--weights", help=WEIGHTS_HELP)


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
