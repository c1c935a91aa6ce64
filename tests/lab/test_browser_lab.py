"""Notebooks in JupyterLab, run and used in a real browser.

Those that are used, not only read: test_report_run.py executes the others, and with ``AGEGENDER_ALL_NOTEBOOKS=1`` they
run in the browser, too.
"""

import json
import os
import re
import shutil
import time

import nbformat
import pytest
from browser import SECOND, choose_photo, free_port, keep_picture, server, visitor
from matplotlib.cbook import get_sample_data
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from agegender_lib import folders
from agegender_lib.data import open_faces
from agegender_lib.pipeline.parameters import parameters_of
from agegender_lib.pipeline.profiles import notebooks
from tests.pipeline.test_report_run import TINY, tiny_studies, written

TOKEN = "of-this-test"
ALL = {path.stem: path for path in notebooks()}
VALUES = {
    **TINY,
    "model_a": {**TINY["model_a"], "members": 1, "stages": [{"epochs": 2, "learning_rate": 0.002}]},
}
PORTRAIT = get_sample_data("grace_hopper.jpg", asfileobj=False)
CELL = ".jp-Notebook .jp-CodeCell"
#: The whole notebook is in the document, and nothing asks for attention.
LAB_SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none", "recordTiming": False},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    """JupyterLab on copies of the notebooks whose trainings are tiny: its address, and the folder of the copies."""
    work = tmp_path_factory.mktemp("lab")
    copies = work / "notebooks"
    shutil.copytree(folders.NOTEBOOKS, copies, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    values = {**VALUES, **tiny_studies(work)}
    values |= {"output": str(work / "report"), "profile": written(work, "tiny", values)}
    for path in ALL.values():
        chosen = {name: value for name, value in values.items() if name in parameters_of(path)}
        content = parameterize_notebook(load_notebook_node(str(path)), chosen)
        content.metadata.pop("papermill", None)
        nbformat.write(content, copies / path.name)
    for name, settings in LAB_SETTINGS.items():
        place = work / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(settings))
    port = free_port()
    address = f"http://localhost:{port}"
    places = {
        "AGEGENDER_WORK": str(work),
        "JUPYTERLAB_SETTINGS_DIR": str(work / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(work / "workspaces"),
        "JUPYTER_RUNTIME_DIR": str(work / "runtime"),
        "IPYTHONDIR": str(work / "ipython"),
    }
    command = [
        "jupyterlab", copies, "--no-browser", "--allow-root", f"--port={port}", "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={TOKEN}",
    ]  # fmt: skip
    with server(command, f"{address}/api", work / "log", places):
        yield address, copies


@pytest.fixture
def notebook(browser, lab):
    """Opens a notebook by its name and runs all its cells."""
    # JupyterLab scrolls inside itself: what is to be seen on its pictures needs room
    with visitor(browser, viewport={"width": 1200, "height": 1500}) as page:

        def run(name):
            page.goto(f"{lab[0]}/lab/workspaces/{name}/tree/{name}.ipynb?token={TOKEN}&reset")
            page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]")
            # JupyterLab builds a long notebook's cells one by one, and runs those that are there
            count = sum(cell.cell_type == "code" for cell in nbformat.read(lab[1] / f"{name}.ipynb", 4).cells)
            page.wait_for_function(f"document.querySelectorAll('{CELL}').length === {count}")
            page.wait_for_timeout(SECOND)
            page.get_by_role("menuitem", name="Run", exact=True).click()
            page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
            finished(page, count)
            return page

        yield run
        # its kernel goes with it: the next notebook needs the memory
        page.evaluate(
            """async ([address, token]) => {
              const options = {headers: {Authorization: `token ${token}`}};
              for (const kernel of await (await fetch(`${address}/api/kernels`, options)).json())
                await fetch(`${address}/api/kernels/${kernel.id}`, {...options, method: "DELETE"});
            }""",
            [lab[0], TOKEN],
        )


def finished(page, count, seconds=400):
    """Wait until all cells have run, or one has failed."""
    end = time.monotonic() + seconds
    failed = page.locator(f"{CELL} [data-mime-type='application/vnd.jupyter.error']")
    while not failed.count():
        prompts = page.locator(f"{CELL} .jp-InputArea-prompt").all_inner_texts()
        if sum(bool(re.fullmatch(r"\[\d+\]:", prompt.strip())) for prompt in prompts) == count:
            break
        if time.monotonic() > end:
            pytest.fail(f"still running after {seconds} s: {prompts}")
        page.wait_for_timeout(250)
    assert not failed.count(), failed.all_inner_texts()


def figures(page):
    """Width and height of every picture in the outputs, as the browser decoded them."""
    return page.evaluate(
        "() => [...document.querySelectorAll('.jp-OutputArea-output img')]"
        ".map((image) => [image.naturalWidth, image.naturalHeight])"
    )


def check_figures(page):
    """There are figures, all of a size to be seen."""
    seen = figures(page)
    assert seen and all(width > 100 and height > 50 for width, height in seen)


LONG = pytest.mark.skipif(
    not os.environ.get("AGEGENDER_ALL_NOTEBOOKS"),
    reason="minutes each: AGEGENDER_ALL_NOTEBOOKS=1 runs them, too",
)


# the others have tests of their own below
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=LONG) for name in sorted(ALL) if name < "09"],
)
def test_a_notebook_runs_from_top_to_bottom(notebook, name):
    page = notebook(name)
    check_figures(page)
    keep_picture(page, f"lab-{name}")


def thumbnails(page):
    """What each thumbnail of the explorer shows: its picture's address, which holds the pixels, and its caption."""
    return page.evaluate(
        """() => [...document.querySelectorAll('.agegender-columns > .agegender-gallery > .agegender-thumbnail')]
        .map((each) => [getComputedStyle(each).backgroundImage, each.innerText])"""
    )


def test_filters_change_the_pictures_and_a_click_tells_all(notebook, lab):
    page = notebook("09_explorer")
    check_figures(page)
    faces = open_faces("", TINY["rendered_faces"], lab[1].parent / "cache")
    men = int((faces.table["gender"] == 0).sum())
    page.locator(".agegender-explorer").scroll_into_view_if_needed()
    assert f"{len(faces)} of {len(faces)} faces" in page.inner_text(".agegender-count")
    before = thumbnails(page)
    assert len(before) == 30 and all(picture.startswith('url("data:image') for picture, _ in before)
    keep_picture(page, "lab-explorer-before")
    page.get_by_label("female", exact=True).uncheck()
    page.wait_for_function(
        f"document.querySelector('.agegender-count').innerText.includes('{men} of {len(faces)} faces')"
    )
    page.wait_for_timeout(SECOND)
    after = thumbnails(page)
    assert 0 < len(after) <= 30 and after != before
    assert not any("female" in caption for _, caption in after) and any(
        "female" in caption for _, caption in before
    )
    # a picture belongs to its caption before and after
    assert {picture: caption for picture, caption in before}.items() & set(map(tuple, after))
    page.locator(".agegender-gallery > .agegender-thumbnail").nth(1).click()
    page.wait_for_function("document.querySelectorAll('.agegender-details img.face').length === 1")
    told = page.inner_text(".agegender-details")
    assert faces.table.loc[faces.table["gender"] == 0, "file"].iloc[1] in told
    keep_picture(page, "lab-explorer-after")


def test_a_photo_is_read_in_the_notebook(notebook):
    page = notebook("10_try_a_photo")
    check_figures(page)
    choose_photo(page, PORTRAIT)
    page.wait_for_selector(".agegender-card", timeout=120 * SECOND)
    assert re.search(
        r"Face 1: \d+ years\s+80\s% interval \d+ to \d+ years", page.inner_text(".agegender-page")
    )
    page.locator(".agegender-page").scroll_into_view_if_needed()
    keep_picture(page, "lab-photo")
    choose_photo(page, {"name": "letter.png", "mimeType": "image/png", "buffer": b"Dear reader"})
    page.wait_for_selector(".agegender-status [role=alert]")
    assert (
        "no picture" in page.inner_text(".agegender-status") and not page.locator(".agegender-card").count()
    )
    choose_photo(page, PORTRAIT)
    page.wait_for_selector(".agegender-card", timeout=120 * SECOND)
