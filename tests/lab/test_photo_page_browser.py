"""The web page of `make app`, used by visitors in a real browser."""

import base64
import io
import re
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from browser import PHONE, SECOND, choose_photo, free_port, keep_picture, server, visitor
from matplotlib.cbook import get_sample_data
from PIL import Image

from agegender_lib import photos

PORTRAIT = get_sample_data("grace_hopper.jpg", asfileobj=False)
ANSWER = re.compile(r"Face 1: (\d+) years\s+80\s%.* (\d+) to (\d+) years")


@pytest.fixture(scope="module")
def site(browser, tmp_path_factory):
    """The page's address, its folders, and its process."""
    work, temporary, port = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("temporary"), free_port()
    # as a proxy hands it on
    address = f"http://localhost:{port}/faces/"
    places = {"AGEGENDER_WORK": str(work), "TMPDIR": str(temporary), "IPYTHONDIR": str(work / "ipython")}
    # a page for a person is asked for by `page`, and this address only answers whether there is a server
    probe = f"{address}voila/static/voila.js"
    command = ["agegender_lib", "app", "--no-browser", "--port", port, "--base-url", "/faces/"]
    with server(command, probe, work / "log", places) as process:
        yield address, work, temporary, process


# every page has a Python of its own, which takes longer to start than a test: each serves several
@pytest.fixture(scope="module")
def page(browser, site):
    with visitor(browser) as page:
        opened(page, site[0])
        yield page


@pytest.fixture(scope="module")
def phone(browser, site):
    with visitor(browser, viewport=PHONE, has_touch=True, is_mobile=True) as page:
        opened(page, site[0])
        yield page


def opened(page, address):
    page.goto(address)
    page.wait_for_selector(".agegender-choose")


def answered(page):
    page.wait_for_selector(".agegender-card", timeout=120 * SECOND)
    return page.inner_text(".agegender-page")


def message(page):
    page.wait_for_selector(".agegender-status [role=alert]")
    return page.inner_text(".agegender-status")


def a_file(name, content):
    return {"name": name, "mimeType": "image/png", "buffer": content}


def shown(page, place):
    """The pixels of a picture, as the browser has it."""
    source = page.get_attribute(place, "src")
    data = page.evaluate("async (source) => [...new Uint8Array(await (await fetch(source)).arrayBuffer())]", source)
    return np.asarray(Image.open(io.BytesIO(bytes(data))).convert("RGB")).astype(int)


def test_a_photo_is_read_on_a_phone_and_nothing_of_it_is_kept(phone, site):
    (_, work, temporary, _), page = site, phone
    # before any answer, and without scrolling: what it must not be used for
    box = page.locator(".agegender-page .note").bounding_box()
    assert box["y"] + box["height"] < PHONE["height"]
    assert photos.OUT_OF_SCOPE_USES in page.inner_text(".agegender-page .note")
    assert "No photo is kept" in page.inner_text(".agegender-page")
    assert not page.locator("text=PhotoPage(").count() and page.title() == "Age and gender from your own photo"
    before = everything_in(work, temporary)
    choose_photo(page, PORTRAIT)
    age, low, high = map(int, ANSWER.search(answered(page)).groups())
    assert low <= age <= high and high - low < 60
    assert page.locator(".agegender-card").count() == 1
    crop = shown(page, ".agegender-crop")
    keep_picture(page, "page-phone-answer")
    nothing_in_the_way(page)
    page.get_by_role("button", name="Age", exact=True).click()
    page.wait_for_function(
        "before => document.querySelector('.agegender-crop').src !== before",
        arg=page.get_attribute(".agegender-crop", "src"),
        timeout=120 * SECOND,
    )
    assert np.abs(shown(page, ".agegender-crop") - crop).mean() > 10
    # nothing sticks out to the side
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert everything_in(work, temporary) == before
    forgotten(page)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Take a photo").click()
    assert chooser.value.element.get_attribute("capture") == "user"


def nothing_in_the_way(page):
    """What axe calls critical or serious, for people who do not see or use no mouse; warnings of a widget's own."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed: make setup")
    found = axe.Axe().run(page).response["violations"]
    bad = [(each["id"], node["html"][:200]) for each in found for node in each["nodes"]
           if each["impact"] in ("critical", "serious")]  # fmt: skip
    assert not bad, bad


def test_dropped_photos_make_one_table_by_the_keyboard_alone(page):
    assert not page.get_by_role("button", name="Take a photo").is_visible()  # a desk has no camera to hold
    files = {"me.jpg": Path(PORTRAIT).read_bytes(), "broken.jpg": b"GIF87a nothing"}
    dropped = page.evaluate_handle(
        """files => {
            const dropped = new DataTransfer();
            for (const [name, content] of Object.entries(files))
                dropped.items.add(new File([Uint8Array.from(atob(content), c => c.charCodeAt(0))], name));
            return dropped;
        }""",
        {name: base64.b64encode(content).decode() for name, content in files.items()},
    )
    page.dispatch_event(".agegender-page", "drop", {"dataTransfer": dropped})
    assert "broken.jpg: " in message(page) and ANSWER.search(answered(page))
    nothing_in_the_way(page)
    keep_picture(page, "page-several")
    names, focused = [], "document.activeElement.innerText || document.activeElement.type"
    page.focus(".agegender-choose .widget-upload")
    while "CSV" not in (name := page.evaluate(focused).strip()) and len(names) < 12:
        names.append(name)
        if name == "Age":
            page.keyboard.press("Enter")
            page.wait_for_selector('.agegender-look button[aria-pressed="true"]:has-text("Age")')
        page.keyboard.press("Tab")
    assert names[1:] == ["Show an example", "checkbox", "Face", "Age", "Gender"]
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    table = pd.read_csv(download.value.path())
    assert table["file"].tolist() == ["me.jpg"] and table["age"].between(0, 100).all()
    assert page.locator(".agegender-status").get_attribute("aria-live") == "polite"
    forgotten(page)


def test_the_model_is_in_memory_once_for_all_visitors(page, phone, site):
    choose_photo(page, PORTRAIT)
    answered(page)
    held = {each: each.memory_info().rss / 2**20 for each in psutil.Process(site[-1].pid).children(recursive=True)}
    kernels = [mib for each, mib in held.items() if "ipykernel_launcher" in each.cmdline()]
    assert len(kernels) == 2 and max(kernels) < max(held.values()) / 2
    forgotten(page)


def forgotten(page):
    page.get_by_role("button", name="Forget it").click()
    page.wait_for_selector(".agegender-card", state="detached")
    assert not page.locator(".agegender-page img").count()


def everything_in(*folders):
    """Names and sizes of all files, but the server's log, and connections of other visitors' kernels."""
    return {
        path: path.stat().st_size
        for folder in folders
        for path in Path(folder).rglob("*")
        if path.is_file() and path.name != "log" and not path.name.startswith("kernel-")
    }


def test_a_broken_file_and_one_too_large_are_refused_in_words_and_the_page_goes_on(page, tmp_path):
    choose_photo(page, a_file("broken.jpg", Path(PORTRAIT).read_bytes()[:20_000]))
    # the busy state goes first
    assert "damaged" in message(page) or "not a picture" in message(page)
    huge = tmp_path / "huge.png"
    with open(huge, "wb") as file:
        file.truncate(40_000_000)
    choose_photo(page, huge)
    page.wait_for_function("document.querySelector('.agegender-status').innerText.includes('too large')")
    assert "at most 10 MB" in message(page)
    choose_photo(page, a_file("nobody.png", png(np.full((300, 300, 3), 127, "uint8"))))
    page.wait_for_function("document.querySelector('.agegender-status').innerText.includes('No face')")
    assert not page.locator(".agegender-card").count()
    choose_photo(page, PORTRAIT)
    assert ANSWER.search(answered(page))
    forgotten(page)


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def test_two_visitors_do_not_see_each_others_photo(page, phone):
    choose_photo(page, PORTRAIT)
    answered(page)
    assert not phone.locator(".agegender-page img").count() and "Face 1" not in phone.inner_text("body")
    mine = shown(page, ".agegender-crop")
    # red and blue swapped, so that the two can be told apart
    swapped = np.asarray(Image.open(PORTRAIT).convert("RGB"))[..., ::-1]
    choose_photo(phone, a_file("other.png", png(swapped)))
    answered(phone)
    theirs = shown(phone, ".agegender-crop")
    assert (mine[..., 0] - mine[..., 2]).mean() > 10 > -10 > (theirs[..., 0] - theirs[..., 2]).mean()
    assert (shown(page, ".agegender-crop") == mine).all()
    # a page that is opened anew starts empty
    page.reload()
    page.wait_for_selector(".agegender-choose")
    assert not page.locator(".agegender-page img").count()


@pytest.mark.parametrize("path", ["api/kernels", "api/contents", "voila/files/10_try_a_photo.ipynb"])
def test_the_server_gives_nothing_else_away(site, path):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(site[0] + path)
    assert refused.value.code in (403, 404)
