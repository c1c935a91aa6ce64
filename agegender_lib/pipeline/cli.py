"""The command line: one verb per thing a user wants, bad input in one sentence and exit code 2."""

import argparse
import os
import sys
from collections.abc import Sequence

from agegender_lib.errors import InputError
from agegender_lib.pipeline.execute import NotebookFailed
from agegender_lib.pipeline.verbs import VERBS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 a fault of ours, 2 bad input, 130 interrupted."""
    # oneDNN's and XLA's greetings are no news; errors still show
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except InputError as error:
        print(f"agegender: {error}", file=sys.stderr)
        return 2
    except NotebookFailed as error:
        print(f"agegender: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nagegender: interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m agegender_lib",
        description="Age estimation and gender classification from face images: data, training, evaluation, report.",
        epilog="Help on one verb: python -m agegender_lib VERB --help",
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for verb in VERBS:
        verb.add(verbs)
    return parser
