"""What several verbs share: options, their help, and how tables are printed."""

from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from agegender_lib import folders

if TYPE_CHECKING:
    import pandas as pd

DATA_HELP = (
    "folder, .tar, .tar.gz or .zip of UTKFace-named faces; left out: rendered stand-in faces are drawn"
)
PROFILE_HELP = "quick, coursework, or a .yaml file of notebook parameters (default: {})"
WEIGHTS_HELP = (
    "what ModelB or ModelF starts from: published (this repository's models, without their heads), pretrained "
    "(downloaded), none (random), or a Keras .weights.h5 file"
)


def new_verb(
    verbs: _SubParsersAction, name: str, command: Callable[[Namespace], None], short: str
) -> ArgumentParser:
    """A verb that runs ``command``, whose docstring is its help; ``short`` stands in the list of verbs."""
    verb = verbs.add_parser(name, help=short, description=command.__doc__)
    verb.set_defaults(command=command)
    return verb


def data_option(verb: ArgumentParser) -> None:
    """``--data``: which faces."""
    verb.add_argument("--data", default="", help=DATA_HELP)


def runs_option(verb: ArgumentParser) -> None:
    """``--runs``: where run folders lie."""
    verb.add_argument(
        "--runs", default=folders.RUNS, metavar="FOLDER", help="where run folders lie (default: runs)"
    )


def shared_options(verb: ArgumentParser, profile: str | None = "quick") -> None:
    """``--data``, ``--profile`` and ``--weights``: what every training needs."""
    data_option(verb)
    told = profile or "coursework for the faces that the published models were trained on, else quick"
    verb.add_argument("--profile", default=profile, help=PROFILE_HELP.format(told))
    verb.add_argument("--weights", help=WEIGHTS_HELP)


def print_metrics(folder: str | Path):
    """Print a run folder's metrics on its validation images; the run is returned."""
    from agegender_lib import evaluation

    run = evaluation.read_run(folder)
    drawn = ", drawn faces" if run.rendered else ""
    print(
        f"\n{run.name}: {len(run.validation):,} validation images of {run.provenance['data']['name']}{drawn}"
    )
    print_table(evaluation.summarise(run.validation).round(3))
    return run


def print_table(table: "pd.DataFrame") -> None:
    """Print a whole table, none of its rows and columns left out."""
    print(table.to_string(index=False))
