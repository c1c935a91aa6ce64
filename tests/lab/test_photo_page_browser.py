"""The web page of `make app`, used by visitors in a real browser."""

import io
import re
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
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
