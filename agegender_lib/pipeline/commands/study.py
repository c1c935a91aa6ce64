"""``study``: train the variants of a study and compare them."""

from argparse import Namespace, _SubParsersAction
from pathlib import Path
from typing import TYPE_CHECKING

from agegender_lib.pipeline.commands.shared import WEIGHTS_HELP, data_option, new_command, print_table

if TYPE_CHECKING:
    import pandas as pd


def add(commands: _SubParsersAction) -> None:
    command = new_command(commands, "study", run, "train the variants of a study and compare them")
    command.add_argument("study", help="recipe, claims, faces, heads, folds, or a .yaml file (see notebooks/studies)")
    data_option(command)
    command.add_argument("--weights", default="pretrained", help=WEIGHTS_HELP)
    command.add_argument("--csv", metavar="FILE", help="also write the comparison there")


def run(options: Namespace) -> None:
    """Train every variant of a study that is not trained yet, one after the other, and print how each differs from its
    baseline, or, of folds, what cross-validation says. The same command again goes on with a study that was
    stopped.
    """
    import pandas as pd

    from agegender_lib import evaluation
    from agegender_lib.data import load_dataset
    from agegender_lib.files import write_csv
    from agegender_lib.training.ablations import read_study, run_study

    wanted = read_study(options.study)
    faces = load_dataset(options.data)
    study = run_study(wanted, faces, weights=options.weights)
    runs = evaluation.read_runs(study)
    folded = {training.factor for training in wanted.runs if training.config.fold}
    tables = []
    for factor, question in wanted.questions.items():
        print(f"\n{factor}. {question}")
        own = study[study["factor"] == factor]
        if factor in folded:
            # variants that hold out other faces each cannot be compared face by face
            found = evaluation.cross_validation_table([runs[name] for name in own["run"].unique()])
            print_table(found.round(4))
            found.insert(0, "factor", factor)
        else:
            found = evaluation.compare_variants(own, runs)
            print_table(_brief(found))
        tables.append(found)
    if options.csv:
        write_csv(Path(options.csv), pd.concat(tables, ignore_index=True), float_format="%.6g")


def _brief(found: "pd.DataFrame") -> "pd.DataFrame":
    """A study's comparison as it fits into a terminal: years, and points of accuracy."""
    brief = found[["variant", "seeds"]].copy()
    for measure, scale, digits, unit in (("age_mae", 1, 2, "age"), ("gender_accuracy", 100, 1, "gender")):
        brief[unit] = (found[measure] * scale).round(digits)
        for end, name in (("", "against"), ("_low", "from"), ("_high", "to")):
            brief[f"{unit} {name}"] = (found[f"{measure}_difference{end}"] * scale).round(digits)
        brief[f"{unit} p"] = found[f"{measure}_difference_p"].round(3)
    return brief.astype(object).where(brief.notna(), "")
