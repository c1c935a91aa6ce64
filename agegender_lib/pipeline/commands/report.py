"""``report``: run all notebooks and export the report."""

from argparse import Namespace, _SubParsersAction
from pathlib import Path
from typing import TYPE_CHECKING

from agegender_lib import folders
from agegender_lib.pipeline.commands.shared import new_command, print_table, shared_options

if TYPE_CHECKING:
    from agegender_lib.pipeline.report import Report


def add(commands: _SubParsersAction) -> None:
    command = new_command(commands, "report", run, "run all notebooks and export the report PDF")
    shared_options(command, profile=None)
    command.add_argument(
        "--weights-f", metavar="FILE", help="the same for ModelF, whose backbone was pre-trained on faces"
    )
    command.add_argument(
        "--output",
        metavar="FOLDER",
        help="report folder (default: report for real faces with the profile coursework, build/report otherwise)",
    )
    command.add_argument("--retrain", action="store_true", help="train again what is published with this repository")
    command.add_argument(
        "--pdf-only", action="store_true", help="only typeset the PDF again from the figures and numbers already there"
    )


def run(options: Namespace) -> None:
    """Execute the numbered notebooks with papermill, regenerate every figure and number, and export report/report.pdf.
    Finished runs are not repeated.
    """
    from agegender_lib.pipeline.report import export, make_report

    if options.pdf_only:
        print(export(Path(options.output or folders.REPORT)))
        return
    report = make_report(
        options.data, options.profile, options.weights, options.weights_f, options.output, options.retrain
    )
    _tell(report)


def _tell(report: "Report") -> None:
    """Where the PDF is, what it found in brief, and what to do next."""
    import pandas as pd

    from agegender_lib.reporting.profiles import COURSEWORK

    headline = pd.read_csv(report.pdf.parent / "results" / "headline.csv")
    print_table(headline.drop(columns="data").round(3))
    print(f"\n{report.pdf}")
    if report.synthetic:
        print(
            "It is a report of drawn faces, which shows how everything works and nothing about people. Next: "
            "`make lab` to explore, or `make report DATA=train_val.tar` with the real faces."
        )
    elif report.profile != COURSEWORK:
        print(f"The profile {report.profile} trains briefly: PROFILE=coursework trains to the end.")
