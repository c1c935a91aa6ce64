"""``app``: the photo notebook as a web page."""

from argparse import Namespace, _SubParsersAction

from agegender_lib.pipeline.commands.shared import new_command


def add(commands: _SubParsersAction) -> None:
    command = new_command(commands, "app", run, "a web page that reads one's own photo")
    command.add_argument(
        "--model", default="", metavar="FILE", help="a .keras or .h5 model (default: report/models/age_gender_F.keras)"
    )
    command.add_argument("--port", type=int, default=8866, help="(default: %(default)s)")
    command.add_argument(
        "--network", action="store_true", help="answer to other machines, too (they need the printed token)"
    )
    command.add_argument("--no-browser", action="store_true", help="only serve")


def run(options: Namespace) -> None:
    """Serve the photo notebook as a page for a browser, by Voila, until Ctrl+C. It needs no internet and keeps no
    photo.
    """
    from agegender_lib.pipeline.app import serve

    serve(options.model, options.port, options.network, browser=not options.no_browser)
