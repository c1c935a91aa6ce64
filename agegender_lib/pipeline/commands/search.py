"""``search``: search for better settings."""

from argparse import Namespace, _SubParsersAction
from pathlib import Path

from agegender_lib.pipeline.commands.shared import WEIGHTS_HELP, data_option, new_command, print_table, runs_option


def add(commands: _SubParsersAction) -> None:
    command = new_command(commands, "search", run, "search for better settings, alone or with other workers")
    data_option(command)
    command.add_argument(
        "--space", metavar="FILE", help="search_quick, or a .yaml file (default: search_space, see notebooks/studies)"
    )
    command.add_argument("--study", metavar="NAME", help="its name (default: the space's, without .yaml)")
    command.add_argument(
        "--storage", metavar="URL", help="database (default: SQLite in the runs folder's search/<study>.db)"
    )
    command.add_argument(
        "--trials", type=int, default=20, metavar="N", help="of all workers together (default: %(default)s)"
    )
    runs_option(command)
    command.add_argument("--seed", type=int, default=1, help="of the suggestions (default: %(default)s)")
    command.add_argument("--weights", default="pretrained", help=WEIGHTS_HELP)


def run(options: Namespace) -> None:
    """Train what Optuna suggests, ending early what falls behind, until so many trials are finished. The same command
    in another process, or with a shared database on another machine, is a second worker. The same command again
    goes on with a search that was stopped.
    """
    from agegender_lib.data import load_dataset
    from agegender_lib.training.search import SPACE, VALUE_MEANING, read_space, run_search, search_table, space_file

    # a mistake in the space is found before thousands of faces are drawn
    file = space_file(options.space or SPACE)
    space = read_space(file)
    study = run_search(
        load_dataset(options.data),
        space,
        options.study or file.stem,
        options.storage,
        options.trials,
        options.runs,
        options.seed,
        options.weights,
    )
    table = search_table(study)
    shown = ["trial", "state", "value", "age_mae", "gender_accuracy", "epochs", "run", "note"]
    drawn = ", drawn faces" if study.user_attrs["rendered"] else ""
    print(f"\n{study.study_name}: validation images of {study.user_attrs['data']}{drawn}")
    print(f"value is {VALUE_MEANING}")
    print_table(table[shown].sort_values("value").round(3))
    complete = table[table["state"] == "complete"]
    if len(complete):
        best = complete.loc[complete["value"].idxmin()]
        print(f"best: trial {best['trial']}, run folder {Path(options.runs) / best['run']}")
