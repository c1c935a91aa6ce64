"""The explorer's chapter in JupyterLab, run and used in a real browser; test_report_run.py executes the others."""

import json
import re
import shutil
import time

import nbformat
import pytest
from browser import SECOND, free_port, keep_picture, server, visitor
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from agegender_lib import folders
from agegender_lib.data import load_dataset

TOKEN, NAME, FACES = "of-this-test", "09_explorer", 240
CELL = ".jp-Notebook .jp-CodeCell"
#: The whole notebook is in the document, and nothing asks for attention.
LAB_SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none", "recordTiming": False},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    """JupyterLab on a copy of the chapter: its address, its working folder, and its number of cells with code."""
    work = tmp_path_factory.mktemp("lab")
    (work / "notebooks").mkdir()
    shutil.copy(folders.NOTEBOOKS / "set_up.py", work / "notebooks")
    source = load_notebook_node(str(folders.NOTEBOOKS / f"{NAME}.ipynb"))
    chapter = parameterize_notebook(source, {"synthetic_faces": FACES, "output": str(work / "report")})
    chapter.metadata.pop("papermill", None)
    nbformat.write(chapter, work / "notebooks" / f"{NAME}.ipynb")
    for name, settings in LAB_SETTINGS.items():
        place = work / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(settings))
    address = f"http://localhost:{(port := free_port())}"
    places = {
        "AGEGENDER_WORK": str(work),
        "JUPYTERLAB_SETTINGS_DIR": str(work / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(work / "workspaces"),
        "JUPYTER_RUNTIME_DIR": str(work / "runtime"),
        "IPYTHONDIR": str(work / "ipython"),
    }
    command = [
        "jupyterlab", work / "notebooks", "--no-browser", "--allow-root", f"--port={port}",
        "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}",
    ]  # fmt: skip
    with server(command, f"{address}/api", work / "log", places):
        yield address, work, sum(cell.cell_type == "code" for cell in chapter.cells)


def run_all(page, address, count, seconds=400):
    """Open the chapter, run all its cells, and wait until all have run, or one has failed."""
    page.goto(f"{address}/lab/workspaces/{NAME}/tree/{NAME}.ipynb?token={TOKEN}&reset")
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]")
    # JupyterLab builds a long notebook's cells one by one, and runs those that are there
    page.wait_for_function(f"document.querySelectorAll('{CELL}').length === {count}")
    page.wait_for_timeout(SECOND)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
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


def thumbnails(page):
    """What each thumbnail of the explorer shows: its picture's address, which holds the pixels, and its caption."""
    return page.evaluate(
        """() => [...document.querySelectorAll('.agegender-columns > .agegender-gallery > .agegender-thumbnail')]
        .map((each) => [getComputedStyle(each).backgroundImage, each.innerText])"""
    )


def test_filters_change_the_pictures_and_a_click_tells_all(browser, lab):
    # JupyterLab scrolls inside itself: what is to be seen on its pictures needs room
    with visitor(browser, viewport={"width": 1200, "height": 1500}) as page:
        address, work, count = lab
        run_all(page, address, count)
        faces = load_dataset("", FACES, work / "cache")
        men = int((faces.table["gender"] == 0).sum())
        page.locator(".agegender-explorer").scroll_into_view_if_needed()
        assert f"{len(faces)} of {len(faces)} faces" in page.inner_text(".agegender-count")
        before = thumbnails(page)
        assert len(before) == 30 and all(picture.startswith('url("data:image') for picture, _ in before)
        page.get_by_label("female", exact=True).uncheck()
        page.wait_for_function(
            f"document.querySelector('.agegender-count').innerText.includes('{men} of {len(faces)} faces')"
        )
        page.wait_for_timeout(SECOND)
        after = thumbnails(page)
        assert 0 < len(after) <= 30 and not any("female" in caption for _, caption in after)
        # a picture belongs to its caption before and after
        assert {picture: caption for picture, caption in before}.items() & set(map(tuple, after))
        page.locator(".agegender-gallery > .agegender-thumbnail").nth(1).click()
        page.wait_for_function("document.querySelectorAll('.agegender-details img.face').length === 1")
        told = page.inner_text(".agegender-details")
        assert faces.table.loc[faces.table["gender"] == 0, "file"].iloc[1] in told
        keep_picture(page, "lab-explorer")
