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

    actions = verb.add_subparsers(title="another measurement", metavar="scale")
    action = new_verb(
        actions,
        "scale",
        _scale,
        "how time and memory grow with the number of faces",
        "Draw sets of faces of several sizes and measure, each in a process of its own: import, opening again, "
        "listing duplicates, split, one epoch of a very narrow ModelA, predictions and evaluation of all faces. Prints "
        "seconds, memory, and the power of the number of faces with which they grow. 100,000 faces take half an hour "
        "on two cores, half of it drawing, and 10 GB of disk.",
    )
    action.add_argument(
        "--sizes",
        default="1000,5000,20000,100000",
        metavar="N,N,...",
        help="numbers of faces (default: %(default)s)",
    )
    action.add_argument("--csv", metavar="FILE", help="also write the measurements there")


def run(options: Namespace) -> None:
    """Print speeds of training and inference, and write them where asked."""
    _refuse_folder(options.csv)
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


def _scale(options: Namespace) -> None:
    """Print how time and memory grow with the number of faces, and write the measurements where asked."""
    _refuse_folder(options.csv)
    try:
        sizes = [int(size) for size in options.sizes.split(",")]
    except ValueError:
        raise InputError(f"--sizes is {options.sizes!r}: give whole numbers, such as 1000,5000") from None
    from agegender_lib.pipeline.bench import scale

    table = scale.measure_scale(sizes)
    grown = scale.growth(table)
    print("drawn stand-in faces; memory_mib: held by the process itself, total_mib: with mapped files")
    print_table(
        table.round(dict.fromkeys(("seconds", "processor_seconds"), 2) | {"memory_mib": 0, "total_mib": 0})
    )
    print("\ngrows with this power of the number of faces (last: between the two largest sizes)")
    print_table(grown.round(2))
    print("", *scale.conclusions(table, grown), sep="\n")
    if options.csv:
        write_csv(Path(options.csv), table, float_format="%.6g")


def _refuse_folder(csv: str | None) -> None:
    if csv and Path(csv).is_dir():
        raise InputError(f"{csv} is a folder: give the name of a .csv file in it")
