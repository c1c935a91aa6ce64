"""Exploring faces: which ones a filter shows, in which order, and what is said of the one that is clicked."""

import base64
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from explorer_tools import faces_of, predictions_of, write_run
from PIL import Image

from agegender_lib import folders, plots
from agegender_lib.data import RACES
from agegender_lib.lab import Explorer, Filter, explorer, face_table, find_runs, select
from agegender_lib.runs import model_file


@pytest.fixture(scope="module")
def faces():
    return faces_of()


@pytest.fixture(scope="module")
def runs(faces, tmp_path_factory):
    """ModelA keeps its distributions; ModelF reads every age five years further off and lacks one face."""
    work = tmp_path_factory.mktemp("runs")
    shuffled, far = (predictions_of(faces).sample(frac=1, random_state=1), predictions_of(faces, 5).drop(index=7))
    return {
        "ModelA": write_run(work / "model_a-1", faces, shuffled, distributions=True),
        "ModelF": write_run(work / "model_f-2", faces, far, model="model_f"),
    }


@pytest.fixture(scope="module")
def table(faces, runs):
    return face_table(faces, runs)


def test_predictions_stand_beside_the_faces_they_are_of(faces, table):
    assert list(table["file"]) == list(faces.table["file"]) and len(table) == 40
    number = np.arange(40)
    wanted = np.where(number % 2 == 0, 1, -1) * number / 4
    np.testing.assert_allclose(table["age_error ModelA"], wanted)
    assert list(table.index[table["gender_wrong ModelA"]]) == list(range(0, 40, 5))
    assert table["age_error ModelF"].isna().to_list() == [n == 7 for n in range(40)]
    assert table["age_error ModelF"][8] == pytest.approx(7)
    # label error scores and intervals are of faces that were held out
    held_out = number % 3 == 0
    for column in ("age_error_score ModelA", "gender_error_score ModelF", "age_low ModelA", "age_high ModelA"):
        assert (table[column].notna() == held_out).all(), column
    assert "age_low ModelF" not in table
    # eight years to either side of the mean, the edge of a year being half of one away
    assert table["age_high ModelA"][12] - table["age_predicted ModelA"][12] == pytest.approx(8, abs=0.6)
    assert table["age_predicted ModelA"][12] - table["age_low ModelA"][12] == pytest.approx(8, abs=0.6)


@pytest.mark.parametrize(
    "wanted, rows",
    [
        (Filter(), range(40)),
        (Filter(ages=(12, 14)), [2, 3, 4, 5]),
        (Filter(genders=(1,), ages=(10, 14)), [2, 3, 5]),
        (Filter(duplicates="conflicts", order="duplicates"), [3, 9, 4, 5]),
        (Filter(model="ModelA", split="validation", ages=(10, 19)), [0, 3, 6]),
        (Filter(model="ModelA", errors=(9.5, 99)), [38, 39]),
        (Filter(model="ModelF", errors=(0, 99), ages=(15, 18)), [6, 8]),
        (Filter(model="ModelA", gender_prediction="wrong"), range(0, 40, 5)),
        (Filter(model="ModelA", order="age_error", ages=(40, 60)), [*range(39, 29, -1)]),
    ],
)
def test_a_filter_lets_through_what_it_says_in_the_order_it_says(table, wanted, rows):
    assert select(table, wanted).tolist() == list(rows)


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(folders, "REPORT", tmp_path / "committed")
    return tmp_path


def trained(report, **runs):
    (report / "results").mkdir(parents=True)
    entry = {"data": "made", "used": {}, "runs": runs}
    (report / "results" / "made_from.json").write_text(json.dumps({"chapters": {"02_model_a": entry}}))


def test_trainings_are_found_where_a_report_trained_them(faces, places):
    run = write_run(places / "runs" / "model_a-1", faces)
    assert find_runs(faces, places / "lab") == {}
    trained(places / "committed", ModelA="model_a-1")
    assert find_runs(faces, places / "lab") == {"ModelA": run}
    other = write_run(places / "runs" / "model_a-2", faces)
    trained(places / "lab", ModelA="model_a-2")
    assert find_runs(faces, places / "lab") == {"ModelA": other}
    assert find_runs(faces_of(fingerprint="e" * 64), places / "lab") == {}


def test_the_committed_trainings_serve_where_run_folders_are_gone(faces, places):
    trained(places / "committed", ModelA="model_a-gone")
    kept = write_run(places / "committed" / "results" / "runs" / "model_a", faces)
    write_run(places / "committed" / "results" / "runs" / "model_b", faces_of(fingerprint="e" * 64))
    assert find_runs(faces, places / "lab") == {"ModelA": kept}
    assert model_file(kept) is None
    model = places / "committed" / "models" / "age_gender_A.keras"
    model.parent.mkdir()
    model.touch()
    assert model_file(kept) == model
    (kept / "model.keras").touch()
    assert model_file(kept) == kept / "model.keras"


@pytest.fixture
def shown(faces, runs, monkeypatch):
    monkeypatch.setattr(explorer, "PAGE", 12)
    return Explorer(faces, runs)


def pictures(gallery):
    """By thumbnail, the picture that the browser is given for it."""
    rules = re.findall(r"\.agegender-face-(\d+) {[^}]*base64,([^)]*)\)", gallery.children[0].value)
    return {int(n): np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for n, data in rules}


def rows_of(gallery, faces):
    """Which faces are shown, told by their pixels alone."""
    found = []
    for number, image in sorted(pictures(gallery).items()):
        apart = np.abs(faces.images.astype(int) - image.astype(int)).mean(axis=(1, 2, 3))
        assert np.sort(apart)[0] < 4 < 20 < np.sort(apart)[1]
        found.append(int(apart.argmin()))
        assert number == len(found) - 1
    assert len(gallery.children) == len(found) + 1
    return found


def test_thumbnails_are_the_faces_of_the_page(shown, faces):
    assert rows_of(shown.gallery, faces) == list(range(12))
    assert shown.count.value == "40 of 40 faces" and shown.pages.value == "of 4"
    captions = [button.description for button in shown.gallery.thumbnails]
    assert captions[0] == "10 y, male\nread as 10" and captions[2] == "12 y, female\nread as 12"
    assert shown.gallery.thumbnails[3].tooltip == "003_13.jpg"
    shown.next.click()
    assert rows_of(shown.gallery, faces) == list(range(12, 24)) and not shown.back.disabled
    shown.page.value = 4
    assert rows_of(shown.gallery, faces) == [36, 37, 38, 39] and shown.next.disabled
    shown.back.click()
    assert rows_of(shown.gallery, faces) == list(range(24, 36))


def test_a_filter_goes_back_to_the_first_page_and_counts(shown, faces):
    shown.page.value = 4
    shown.filters.duplicates.value = "conflicts"
    assert shown.count.value == "4 of 40 faces" and shown.page.value == 1 and shown.pages.value == "of 1"
    assert rows_of(shown.gallery, faces) == [3, 4, 5, 9] and shown.next.disabled and shown.back.disabled
    shown.filters.order.value = "duplicates"
    assert rows_of(shown.gallery, faces) == [3, 9, 4, 5]
    shown.filters.genders[0].value = False
    assert rows_of(shown.gallery, faces) == [3, 9, 5]
    shown.filters.reset.click()
    assert shown.count.value == "40 of 40 faces" and rows_of(shown.gallery, faces) == list(range(12))
    assert shown.filters.filter == replace(Filter(), ages=(10, 49), model="ModelA")


def test_a_click_shows_the_face_that_was_clicked(shown, faces):
    assert "Choose a face" in shown.details.words.value
    shown.next.click()
    shown.gallery.thumbnails[3].click()
    words = shown.details.words.value
    assert shown.details.row == 15 and "015_25.jpg" in words
    assert f"25 years, female, {RACES[0]}" in words
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(re.search(r"base64,([^']*)'", words)[1]))))
    assert np.abs(picture.astype(int) - faces.images[15]).mean() < 4
    chosen = [n for n, b in enumerate(shown.gallery.thumbnails) if "agegender-chosen" in b._dom_classes]
    assert chosen == [3]
    shown.back.click()
    assert not any("agegender-chosen" in b._dom_classes for b in shown.gallery.thumbnails)
    shown.next.click()
    assert "agegender-chosen" in shown.gallery.thumbnails[3]._dom_classes


def cells(html):
    return [re.sub("<[^>]*>", "", cell) for cell in re.findall("<t[hd][^>]*>(.*?)</t[hd]>", html)]


def test_details_say_what_every_model_reads(shown, table):
    shown.choose(15)
    low, high = table["age_low ModelA"][15], table["age_high ModelA"][15]
    said = cells(shown.details.predictions.value)
    assert said[5:10] == ["ModelA", f"21.2 ({low:.0f} to {high:.0f})", "−3.8 years", "male, wrong", "0.100"]
    assert said[10:15] == ["ModelF", "16.2", "−8.8 years", "male, wrong", "0.100"]
    assert "A validation face: these models never learnt from it." in shown.details.predictions.value
    shown.choose(16)
    said = cells(shown.details.predictions.value)
    assert said[5:10] == ["ModelA", "30.0", "+4.0 years", "male, right", "0.100"]
    assert "A training face: these models learnt from it" in shown.details.predictions.value
    shown.choose(7)
    assert "has not read this face" in shown.details.predictions.value
    assert "A training face: ModelA learnt from it" in shown.details.predictions.value


def test_without_models_the_labels_are_there_and_the_rest_is_said_to_be_missing(faces):
    shown = Explorer(faces)
    assert "no finished training of them was found" in shown.children[1].value
    assert rows_of(shown.gallery, faces) == list(range(30))
    assert shown.gallery.thumbnails[1].description == f"11 y, male\n{RACES[1]}"
    assert not any("error_score" in key for key in dict(shown.filters.order.options).values())
    assert shown.filters.errors not in [w for box in shown.filters.children for w in box.children]
    shown.choose(2)
    assert "No model has read this face" in shown.details.predictions.value
    assert shown.details.look not in [w for c in shown.details.children for w in getattr(c, "children", ())]


def test_races_of_other_sets_have_their_own_names(faces, monkeypatch):
    """FairFace's seven, say: ticks, captions and the figure of who is in the data take the names from the table."""
    monkeypatch.setattr(explorer, "PAGE", 40)
    names = ["Middle Eastern", "East Asian", "unlabelled"]
    labelled = replace(faces, table=faces.table.assign(race=[names[n % 3] for n in range(40)]))
    shown = Explorer(labelled, {})
    assert [tick.description for tick in shown.filters.races] == ["East Asian", "Middle Eastern", "unlabelled"]
    shown.filters.races[1].value = shown.filters.races[2].value = False
    assert rows_of(shown.gallery, faces) == [n for n in range(40) if n % 3 == 1]
    shown.gallery.thumbnails[1].click()
    assert "14 years, male, East Asian" in shown.details.words.value
    bottom = plots.labels_overview(labelled.table).axes[1]
    assert [label.get_text() for label in bottom.get_yticklabels()] == ["East Asian", "Middle Eastern", "unlabelled"]
    counts = {(text.get_position()[1], text.get_position()[0]): text.get_text() for text in bottom.texts}
    assert counts[(0.5, 2.5)] == str(sum(faces.table["age"][n] < 20 for n in range(1, 40, 3)))
