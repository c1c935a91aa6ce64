"""What tests in a real browser share: the browser, servers of their own, and pictures of what was seen."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from agegender_lib import folders

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LOCAL = ("localhost", "127.0.0.1")
#: Pictures of what the tests saw; in CI, an artefact.
SCREENSHOTS = folders.BUILD / "screenshots"
SECOND = 1000  # Playwright counts milliseconds
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1200, "height": 900}


def found_chromium(playwright) -> str:
    """The path of a Chromium; skips the test where there is none."""
    own = playwright.chromium.executable_path
    for path in (*map(shutil.which, NAMES), own):
        if path and Path(path).is_file():
            return path
    pytest.skip("no Chromium here: `apt-get install chromium` or `python -m playwright install chromium`")


@contextlib.contextmanager
def chromium():
    """A headless Chromium, for one test file."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make setup")
    with api.sync_playwright() as playwright:
        # the sandbox needs rights that containers and root do not have; only our own pages are opened
        browser = playwright.chromium.launch(
            executable_path=found_chromium(playwright), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@contextlib.contextmanager
def visitor(browser, **options):
    """A visitor with a browser profile of their own, whose every request has to stay on this machine."""
    context = browser.new_context(**{"viewport": DESK, **options})
    context.set_default_timeout(60 * SECOND)
    abroad = []

    def watch(address):
        parts = urlsplit(address)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in LOCAL:
            abroad.append(address)

    context.on("request", lambda request: watch(request.url))
    page = context.new_page()
    page.on("websocket", lambda socket: watch(socket.url))
    try:
        yield page
    finally:
        context.close()
    assert not abroad, f"asked the internet for {abroad}"


def keep_picture(page, name):
    """Keep what the visitor sees as build/screenshots/<name>.png."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def choose_photo(page, file):
    """Answer the button's question for a file."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose photos").click()
    chooser.value.set_files(file)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def server(arguments, address, log, environment=None):
    """`python -m ...`, until it answers; ended with all processes it started."""
    # its kernels run elsewhere and import this checkout
    path = os.pathsep.join(filter(None, [str(folders.ROOT), os.environ.get("PYTHONPATH")]))
    variables = {**os.environ, "PYTHONPATH": path, **(environment or {})}
    with open(log, "w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", *map(str, arguments)],
            cwd=folders.ROOT,
            env=variables,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        for _ in range(600):
            assert process.poll() is None, Path(log).read_text()
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except urllib.error.HTTPError:
                break  # it answers, if only by asking for a token
            except OSError:
                time.sleep(0.2)
        else:
            pytest.fail(f"no answer at {address}: {Path(log).read_text()}")
        yield process
    finally:
        # first asked, so that it ends its kernels, which lead groups of their own
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            pass
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)
