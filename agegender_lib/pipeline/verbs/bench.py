"""``bench``: how fast it trains and answers here."""

from argparse import Namespace, _SubParsersAction
from pathlib import Path

from agegender_lib.errors import InputError
from agegender_lib.files import write_csv
from agegender_lib.pipeline.verbs.shared import (
    data_option,
    new_verb,
    print_table,
)


def add(verbs: _SubParsersAction) -> None:
    """Put the verb and its options on the command line."""
    verb = new_verb(
        verbs,
        "bench",
        run,
        "images per second of training and inference",
        "Measure, in one run on this machine, how fast the original's pipeline and this one train and answer, and "
        "print the speeds beside the project's budgets.",
    )
    data_option(verb)
    verb.add_argument(
        "--images", type=int, default=320, help="how many faces to use at most (default: %(default)s)"
    )
    verb.add_argument(
        "--seconds", type=float, default=3.0, help="of each single measurement (default: %(default)s)"
    )
    verb.add_argument("--csv", metavar="FILE", help="also write the speeds there")


def run(options: Namespace) -> None:
    """Print speeds of training and inference, and write them where asked."""
    if options.csv and Path(options.csv).is_dir():
        raise InputError(f"{options.csv} is a folder: give the name of a .csv file in it")
    from agegender_lib.pipeline.bench.measure import bench as measure
    from agegender_lib.pipeline.bench.words import readable

    found = measure(options.data, options.images, options.seconds)
    print("\n".join(found.conditions))
    for reference, part in readable(found.speeds):
        print(f"\nratio: times as fast as {reference}")
        print_table(part)
    print("", *found.sentences, sep="\n")
    if options.csv:
        write_csv(Path(options.csv), found.speeds, float_format="%.6g")
