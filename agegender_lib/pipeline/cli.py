"""The command line: one command per thing a user wants, bad input in one sentence and exit code 2."""

import argparse
import errno
import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from agegender_lib.errors import InputError, NotebookFailed
from agegender_lib.pipeline import commands, data_commands  # noqa: F401  they declare themselves
from agegender_lib.pipeline.options import COMMANDS

#: What is said of an interrupt where a command has not said it itself, and of those that keep what is finished.
INTERRUPTED, RESUMED = "interrupted", "interrupted; the same command goes on where it stopped"
RESUMING = ("train", "study", "search", "report")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns 0 if done, 1 for an internal error, 2 for bad input or no room, 130 after SIGINT, 141
    after the reader of its output has gone, 143 after SIGTERM.
    """
    # oneDNN's and XLA's greetings are no news; errors still show
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    for stream in (sys.stdout, sys.stderr):  # a name that its encoding lacks ends no command
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    for name, value in vars(options).items():  # --csv=~/faces.csv, which no shell expands
        vars(options)[name] = _expanded(value)
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        options.command(options)
    except InputError as error:
        print(f"agegender: {error}", file=sys.stderr)
        return 2
    except NotebookFailed as error:
        print(f"agegender: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stop:
        said = RESUMED if options.command.__name__ in RESUMING else INTERRUPTED
        print(f"\nagegender: {str(stop) or said}", file=sys.stderr)
        return 143 if isinstance(stop, Terminated) else 130
    except BrokenPipeError:  # who read the output, such as `head`, has seen enough; nothing can be said any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        print(f"agegender: {error}: make room and run the same command again", file=sys.stderr)
        return 2
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _expanded(value: Any) -> Any:
    if isinstance(value, list):
        return [_expanded(one) for one in value]
    return os.path.expanduser(value) if isinstance(value, str) else value


class Terminated(KeyboardInterrupt):
    """SIGTERM, as Python reports SIGINT: everything that is open is closed, and processes started here end too."""


def _terminate(number, frame):
    raise Terminated


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="agegender",
        description="Age estimation and gender classification from face images: data, training, evaluation, report.",
        epilog="Help on one command: agegender COMMAND --help",
    )
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    data = subparsers.add_parser(
        "data", help="look at, draw or download faces", description="Everything about the faces."
    ).add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, (call, short, options) in COMMANDS.items():
        place = data if name.startswith("data_") else subparsers
        command = place.add_parser(name.removeprefix("data_"), help=short, description=call.__doc__)
        for names, settings in options:
            command.add_argument(*names, **settings)
        command.set_defaults(command=call)
    return parser
