"""``report``: run all notebooks and export the report."""

from argparse import Namespace, _SubParsersAction
from pathlib import Path

from agegender_lib import folders
from agegender_lib.pipeline.verbs.shared import (
    new_verb,
    shared_options,
)


def add(verbs: _SubParsersAction) -> None:
    """Put the verb and its options on the command line."""
    verb = new_verb(
        verbs,
        "report",
        run,
        "run all notebooks and export the report PDF",
        "Execute the numbered notebooks with papermill, regenerate every figure and number, and export "
        "report/report.pdf. Finished trainings are not repeated.",
    )
    shared_options(verb)
    verb.add_argument(
        "--weights-f", metavar="FILE", help="the same for ModelF, whose backbone was pre-trained on faces"
    )
    verb.add_argument(
        "--output", default=folders.REPORT, metavar="FOLDER", help="report folder (default: report)"
    )
    verb.add_argument(
        "--pdf-only",
        action="store_true",
        help="only set the PDF anew from the figures and numbers already there",
    )


def run(options: Namespace) -> None:
    """Run the notebooks and export the report, or only export it."""
    from agegender_lib.pipeline.report import export, make_report

    if options.pdf_only:
        print(export(Path(options.output)))
        return
    pdf = make_report(options.data, options.profile, options.weights, options.weights_f, Path(options.output))
    print(f"{pdf}")
