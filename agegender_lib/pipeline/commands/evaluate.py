"""``evaluate``: metrics of finished runs."""

from argparse import Namespace, _SubParsersAction

from agegender_lib.pipeline.commands.shared import new_command, print_metrics, print_table


def add(commands: _SubParsersAction) -> None:
    command = new_command(commands, "evaluate", run, "metrics of finished runs, with 95 %% intervals")
    command.add_argument("runs", nargs="+", metavar="RUN", help="run folder, such as report/results/runs/model_a")
    command.add_argument("--by", choices=("age_band", "gender", "race"), help="also errors per group")


def run(options: Namespace) -> None:
    """Print age and gender metrics on the validation images of each run folder; of two runs also the paired
    comparison.
    """
    from agegender_lib import evaluation

    runs = [print_metrics(folder) for folder in options.runs]
    if options.by:
        for run in runs:
            print(f"\n{run.name} by {options.by}")
            print_table(evaluation.metrics_by_group(run.validation, options.by).round(3))
    if len(runs) == 2:
        print(f"\n{runs[1].name} (b) against {runs[0].name} (a), paired")
        print_table(evaluation.paired_comparison(runs[0].validation, runs[1].validation).round(4))
