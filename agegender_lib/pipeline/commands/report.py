"""``report``: run all notebooks and export the report."""

from argparse import Namespace
from pathlib import Path

from agegender_lib import folders
from agegender_lib.pipeline.commands.shared import DATA, PROFILE_HELP, WEIGHTS_HELP, command, option, print_table


@command(
    "run all notebooks and export the report PDF",
    DATA,
    option(
        "--profile",
        help=PROFILE_HELP.format("coursework for the faces that the published models were trained on, else quick"),
    ),
    option("--weights", help=WEIGHTS_HELP),
    option("--weights-f", metavar="FILE", help="the same for ModelF, whose backbone was pre-trained on faces"),
    option(
        "--output",
        metavar="FOLDER",
        help="report folder (default: report for real faces with the profile coursework, build/report otherwise)",
    ),
    option("--retrain", action="store_true", help="train again what is published with this repository"),
    option(
        "--pdf-only", action="store_true", help="only typeset the PDF again from the figures and numbers already there"
    ),
)
def report(options: Namespace) -> None:
    """Execute the numbered notebooks with papermill, regenerate every figure and number, and export report/report.pdf.
    Finished runs are not repeated.
    """
    import pandas as pd

    from agegender_lib.pipeline.report import export, make_report
    from agegender_lib.reporting.profiles import COURSEWORK

    if options.pdf_only:
        print(export(Path(options.output or folders.REPORT)))
        return
    made = make_report(
        options.data, options.profile, options.weights, options.weights_f, options.output, options.retrain
    )
    headline = pd.read_csv(made.pdf.parent / "results" / "headline.csv")
    print_table(headline.drop(columns="data").round(3))
    print(f"\n{made.pdf}")
    if made.synthetic:
        print(
            "It is a report of drawn faces, which shows how everything works and nothing about people. Next: "
            "`make lab` to explore, or `make report DATA=train_val.tar` with the real faces."
        )
    elif made.profile != COURSEWORK:
        print(f"The profile {made.profile} trains briefly: PROFILE=coursework trains to the end.")
