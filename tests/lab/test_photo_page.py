"""The photo page without a browser: what it says, and that nothing of a photo stays."""

import base64
import io
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
from PIL import Image

from agegender_lib import lab, photos
from agegender_lib.errors import InputError
from agegender_lib.lab import photo_page as module
from agegender_lib.lab.photo_page import LOOKS, overlay
from agegender_lib.lab.shown import encoded

FACE = dict(left=10.0, top=10.0, width=60.0, height=60.0, confidence=0.99)
YOUNG = dict(FACE, age=23.4, age_low=18.2, age_high=29.6, p_female=0.81, warnings="")
OLD = dict(FACE, age=71.6, age_low=55.0, age_high=83.0, p_female=0.002, warnings="small; blurred")


class Reader:
    """Reads what PIL reads, and finds the faces that were planted."""

    def __init__(self, *faces):
        self.faces, self.sources, self.asked, self.corrected = faces, [], [], True

    def read(self, source, aligned=False):
        self.sources.append((type(source), aligned))
        try:
            pixels = np.asarray(Image.open(io.BytesIO(source)).convert("RGB"))
        except OSError as error:
            raise InputError("this is <no> picture") from error
        crops = np.stack([np.full((128, 128, 3), 10 * k, "uint8") for k in range(len(self.faces) + 1)])[:-1]
        return SimpleNamespace(pixels=pixels, faces=pd.DataFrame(list(self.faces)), crops=crops,
                               corrected=self.corrected, notes=("<turned> to the left",))  # fmt: skip

    def saliency(self, photo, task):
        self.asked.append(task)
        value = {"age": 1.0, "gender": 0.0}[task]
        return np.full((len(photo.faces), 128, 128), value, "float32")


def a_photo(seed=0, side=160):
    noise = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype="uint8")
    return encoded(noise, "png")


def choose(page, *contents, names=("me.png", "<you>.png", "them.png")):
    """What the browser sends when a visitor chooses files."""
    files = [
        dict(name=name, type="image/png", size=len(content), content=memoryview(content), last_modified=0)
        for name, content in zip(names, contents, strict=False)
    ]
    page.upload.set_state({"value": files})


def linked(widget, what="src"):
    """The content behind a picture's or a link's address in a widget."""
    return base64.b64decode(re.search(what + r'="data:[\w/]+;base64,([^"]*)"', widget.value)[1])


def page_with(*faces):
    page = lab.PhotoPage()
    page.reader = Reader(*faces)
    return page


def cards(page):
    return [child for child in page.prediction.children if "agegender-card" in child._dom_classes]


def test_a_photo_is_answered_face_by_face():
    page = page_with(YOUNG, OLD)
    choose(page, a_photo())
    assert "2 faces found" in page.status.value
    assert "&lt;turned&gt; to the left" in page.prediction.children[0].value
    first, second = (card.children[1].children[0].value for card in cards(page))
    assert "23 years" in first and "18 to 30 years" in first and "81&nbsp;%" in first and "Take care" not in first
    assert "72 years" in second and "55 to 83 years" in second and "below 1&nbsp;%" in second
    assert "Take care: small; blurred." in second
    assert page.reader.sources == [(bytes, False)]
    picture = Image.open(io.BytesIO(linked(page.prediction.children[0])))
    assert picture.format == "JPEG" and max(picture.size) < 1200


def test_what_the_numbers_must_not_be_used_for_is_there_before_any_prediction():
    page = page_with(YOUNG)
    assert photos.OUT_OF_SCOPE_USES.split(".")[0] in page.children[0].value
    assert "No photo is kept" in page.children[0].value and "At most 10 MB" in page.children[0].value
    assert not page.prediction.children and not page.status.value


def test_where_it_looks_is_computed_once_and_only_when_asked():
    page = page_with(YOUNG, OLD)
    choose(page, a_photo())
    assert page.reader.asked == []
    (picture, side), face = cards(page)[1].children, encoded(np.full((128, 128, 3), 10, "uint8"), "png")
    assert 'alt="Face 2"' in picture.value
    look, shown = side.children[-1], {}
    for task in (*LOOKS, *LOOKS):
        look.value = task
        shown[task] = linked(picture)
    assert page.reader.asked == ["age", "gender"]
    assert linked(picture) == shown[list(LOOKS)[-1]] != face == shown["Face"]
    assert "looks for the gender" in picture.value
    assert len(set(shown.values())) == 3
    # a bright map is bright on the crop, too
    crop = np.full((4, 4, 3), 100, "uint8")
    assert overlay(crop, np.ones((4, 4))).mean() > overlay(crop, np.zeros((4, 4))).mean() + 50


def test_a_broken_file_is_refused_in_the_readers_words_and_the_page_goes_on():
    page = page_with(YOUNG)
    choose(page, b"GIF87a nothing")
    # escaped: a message may quote a file
    assert 'role="alert">me.png: this is &lt;no&gt; picture' in page.status.value
    assert not page.upload.disabled
    choose(page, a_photo())
    assert len(cards(page)) == 1


def test_several_photos_make_one_table_and_the_errors_name_their_photos():
    page = page_with(YOUNG, OLD)
    choose(page, a_photo(), b"GIF87a nothing", a_photo(seed=9))
    assert "&lt;you&gt;.png: this is" in page.status.value and "4 faces found" in page.status.value
    assert [name in page.prediction.children[0].value for name in ("me.png", "them.png")] == [True, False]
    assert len(cards(page)) == 4
    table = pd.read_csv(io.BytesIO(linked(page.prediction.children[-2], "href")))
    assert table["file"].tolist() == ["me.png"] * 2 + ["them.png"] * 2 and table["face"].tolist() == [1, 2, 1, 2]
    assert table["age"].tolist() == [23.4, 71.6] * 2


def test_of_many_faces_the_first_have_cards_and_the_table_has_all():
    page = page_with(*[YOUNG] * 9)
    choose(page, a_photo(), a_photo(seed=9))
    assert len(cards(page)) == module.MOST_CARDS == 12
    assert "6 faces have no card" in page.prediction.children[-2].value
    assert len(pd.read_csv(io.BytesIO(linked(page.prediction.children[-2], "href")))) == 18


def test_the_gender_of_a_child_is_grey_with_a_reason():
    page = page_with(dict(YOUNG, age=9.4, warnings=f"small; {photos.CHILD_WARNING}"), dict(YOUNG, age=10.1))
    choose(page, a_photo())
    child, older = (card.children[1].children[0].value for card in cards(page))
    assert '<div class="quiet">P(female) 81&nbsp;%: hardly more than a guess' in child and "care: small." in child
    assert "P(female) 81" in older and "guess" not in older and "quiet" not in older


def test_a_photo_without_faces_is_named_among_others():
    page = page_with()
    choose(page, a_photo(), a_photo(seed=9))
    assert "No face was found in me.png, &lt;you&gt;.png" in page.status.value


def test_a_file_too_large_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(module, "LIMIT_MB", 0.01)
    page = page_with(YOUNG)
    choose(page, a_photo())
    assert "at most 0.01 MB" in page.status.value and page.reader.sources == []
    assert page.upload.value == ()


def test_no_widget_holds_the_file_and_none_anything_when_it_is_forgotten():
    page, content = page_with(YOUNG, OLD), a_photo(seed=7)
    choose(page, content)
    cards(page)[0].children[1].children[-1].value = "Age"
    part = content[len(content) // 2 :][:64]
    shown = [page, *inside(page)]
    assert not any(part in flat(widget.get_state()) for widget in shown)
    pictures = [widget for widget in shown if "<img" in str(getattr(widget, "value", ""))]
    assert len(pictures) == 3 and all(widget.comm for widget in pictures)
    page.forget.click()
    assert page.prediction.children == () and page.status.value == ""
    assert not any(widget.comm for widget in pictures)
    # and the next photo closes what the last one showed
    choose(page, content)
    first = page.prediction.children[0]
    choose(page, a_photo(seed=8))
    assert first.comm is None and page.prediction.children[0].comm is not None


def inside(widget):
    for child in getattr(widget, "children", ()):
        yield child
        yield from inside(child)


def flat(value):
    """All bytes and texts in a widget's state."""
    if isinstance(value, dict):
        return b"".join(map(flat, value.values()))
    if isinstance(value, (list, tuple)):
        return b"".join(map(flat, value))
    return bytes(value) if isinstance(value, (bytes, memoryview)) else str(value).encode()
