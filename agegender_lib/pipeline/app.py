"""The photo notebook as a web page, served by Voila: only the page, from this machine, nothing from the internet."""

import os
import platform
import re
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
MESSAGE_BYTES = 256 * 1024**2
#: Files that Docker and Podman put into a container.
CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")
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


def serve(
    model: str | Path = "", port: int = 8866, network: bool = False, browser: bool = True, base_url: str = "/"
) -> None:
    """Serve the page, with the ``model`` of that file or the notebook's own, until it is interrupted.

    With ``network`` it answers to other machines, too: to those that know the token of the printed address.
    ``base_url`` is the path under which a proxy hands requests on, such as "/faces/".
    """
    if str(model) and not Path(model).expanduser().is_file():
        raise InputError(f"there is no model at {model}: give a .keras or .h5 file")
    base_url = f"/{base_url.strip('/')}/".replace("//", "/")
    if not re.fullmatch(r"[\w.~/-]+", base_url, re.ASCII):
        raise InputError(f"--base-url {base_url} is no path: give one such as /faces/")
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

    from agegender_lib.photos import start_shared_reader

    # one server per process, of which Voila itself makes no singleton
    app = Voila(config=Config(settings(ip, port, token, browser and not network, base_url)))
    with start_shared_reader(model):
        app.initialize([str(path)])
        query = f"{base_url}?token={token}" if token else base_url
        for words in addresses(port, query, network):
            print(words, flush=True)
        app.start()


def addresses(port: int, query: str, network: bool) -> list[str]:
    """Where the page can be opened, in sentences: a container knows neither its host's name nor its published port."""
    said = [f"the page: http://localhost:{port}{query}  (Ctrl+C ends it)"]
    contained = any(map(os.path.exists, CONTAINER_MARKS))
    if contained and not network:
        said.append("in a container: --network lets its host open the page, too")
    elif contained:
        said.append(
            f"in a container: publish port {port} (docker run -p {port}:{port}) and open it on the host, so named"
        )
    elif network:
        hosts = [] if "microsoft" in platform.release().lower() else [socket.gethostname(), own_address()]
        said += [f"from other machines: http://{host}:{port}{query}" for host in filter(None, hosts)]
        if not hosts:
            said.append("in WSL: Windows opens this address, other machines need a port forwarded to it")
    if network:
        said.append("it answers to everyone who can reach this machine and has this address")
    return said


def own_address() -> str:
    """This machine's address in its network, "" where it has none. No packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # of no machine (RFC 5737)
            return probe.getsockname()[0]
        except OSError:
            return ""


def settings(ip: str, port: int, token: str, browser: bool, base_url: str = "/") -> dict[str, Any]:
    """Voila's configuration."""
    return {
        "Voila": {
            "ip": ip,
            "port": port,
            "base_url": base_url,
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
