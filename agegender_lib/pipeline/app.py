"""The photo notebook as a web page, served by Voila: only the page, from this machine, nothing from the internet."""

import os
import secrets
import socket
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from agegender_lib import folders
from agegender_lib.errors import InputError
from agegender_lib.pipeline.kernel import NAME, OnlyThisPython

NOTEBOOK = folders.NOTEBOOKS / "10_try_a_photo.ipynb"
#: Cells with this tag are the page; the prose and the example around them are for readers of the notebook.
TAG = "page"
TITLE = "Age and gender from your own photo"
#: A closed page ends its kernel, and with it what was shown there; where its browser could not say so (a phone without
#: network, say), the kernel ends after so many seconds.
IDLE_SECONDS = 600
#: Larger files break the connection; those up to it and above the page's limit are refused in words.
MESSAGE_BYTES = 64 * 1024**2
TEMPLATES = Path(__file__).resolve().parent


def page_notebook(model: str | Path = "") -> NotebookNode:
    """Those cells of the photo notebook that make the page, with a model other than the default where one is given."""
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    content = load_notebook_node(str(NOTEBOOK))
    content.cells = [cell for cell in content.cells if TAG in cell.metadata.get("tags", [])]
    if str(model):
        content = parameterize_notebook(content, {"model_file": str(Path(model).expanduser().resolve())})
    content.metadata.pop("papermill", None)
    content.metadata["kernelspec"] = {"name": NAME, "language": "python", "display_name": "Python 3"}
    content.metadata["title"] = TITLE
    return content


def serve(model: str | Path = "", port: int = 8866, network: bool = False, browser: bool = True) -> None:
    """Serve the page, with the ``model`` of that file or the notebook's own, until it is interrupted.

    With ``network`` it answers to other machines, too: to those that know the token of the printed address.
    """
    if str(model) and not Path(model).expanduser().is_file():
        raise InputError(f"there is no model at {model}: give a .keras or .h5 file")
    ip = "0.0.0.0" if network else "localhost"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ip, port))
        except OSError as error:
            raise InputError(f"port {port} cannot be used ({error.strerror}): give another one with --port") from None
    path = folders.BUILD / "app" / NOTEBOOK.name
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(page_notebook(model), path)
    token = secrets.token_urlsafe(16) if network else ""
    # Voila looks for templates below these
    os.environ["JUPYTER_PATH"] = os.pathsep.join([str(TEMPLATES), *filter(None, [os.environ.get("JUPYTER_PATH")])])
    from traitlets.config import Config
    from voila.app import Voila

    # one server per process, of which Voila itself makes no singleton
    app = Voila(config=Config(settings(ip, port, token, browser and not network)))
    app.initialize([str(path)])
    host = socket.gethostname() if network else "localhost"
    query = f"?token={token}" if token else ""
    print(f"the page: http://{host}:{port}/{query}  (Ctrl+C ends it)", flush=True)
    if network:
        print("it answers to everyone who can reach this machine and has this address", flush=True)
    app.start()


def settings(ip: str, port: int, token: str, browser: bool) -> dict[str, Any]:
    """Voila's configuration."""
    return {
        "Voila": {
            "ip": ip,
            "port": port,
            "port_retries": 0,
            "open_browser": browser,
            "token": token or None,
            "log_level": "ERROR",
            "config_file_paths": [],
            "tornado_settings": {
                "websocket_max_message_size": MESSAGE_BYTES,
                # a page that is closed asks for the end of its kernel, by a request without this check's token; it
                # names the kernel's random number, which no other site knows
                "disable_check_xsrf": True,
            },
        },
        "VoilaConfiguration": {
            "template": "photo_page",
            "kernel_spec_manager_class": OnlyThisPython,
            "allow_template_override": "NO",
            "strip_sources": True,
            "show_tracebacks": False,
            "file_allowlist": [],
        },
        "AsyncMappingKernelManager": {"cull_idle_timeout": IDLE_SECONDS, "cull_interval": 60, "cull_connected": False},
    }
