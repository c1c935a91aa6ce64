"""Photographs to faces with ages: the reader on planted faces, on a photograph, and what its way costs."""

import json
import shutil

import matplotlib.cbook
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from similarities import known, moved
from tiny_faces import truncated

from agegender_lib import folders, photos, plots
from agegender_lib.data.cache import FaceSet
from agegender_lib.data.corruptions import OCCLUDERS, occlude
from agegender_lib.data.drawing.face import draw_face
from agegender_lib.errors import InputError
from agegender_lib.files import write_json
from agegender_lib.photos import end_to_end
from agegender_lib.photos.alignment import TEMPLATE
from agegender_lib.photos.detector import CONFIDENCE, FaceDetector, Found
from agegender_lib.photos.quality_checks import CHILD_WARNING
from agegender_lib.runs.tables import HISTORY_COLUMNS

AGES = (5, 25, 40, 70, 33, 52)
FACES = np.stack([np.asarray(draw_face(age, k % 2, k % 5, np.random.default_rng(k))) for k, age in enumerate(AGES)])


class Planted:
    """A detector that knows where faces are: their similarities from the crop to the photo, in any order."""

    def __init__(self, placed=()):
        self.placed = list(placed)

    def find(self, pixels):
        boxes, points = [], []
        for one in sorted(self.placed, key=lambda one: -np.linalg.det(one[:, :2])):
            points.append(TEMPLATE @ one[:, :2].T + one[:, 2])
            ends = np.array([[10, -10], [115, 122]]) @ one[:, :2].T + one[:, 2]
            boxes.append([*ends.min(axis=0), *np.abs(ends[1] - ends[0])])
        shape = len(boxes)
        return Found(np.array(boxes).reshape(shape, 4), np.full(shape, 0.97), np.array(points).reshape(shape, 5, 2))


def put(scale, left, top):
    return np.array([[scale, 0, left], [0, scale, top]], float)


def photo_of(places):
    """A grey photo of 300 x 400 pixels with one of the FACES at each place."""
    image = Image.new("RGB", (400, 300), "grey")
    for number, place in places:
        side = round(128 * place[0, 0])
        face = Image.fromarray(FACES[number]).resize((side, side), Image.Resampling.BICUBIC)
        image.paste(face, (round(place[0, 2]), round(place[1, 2])))
    return np.asarray(image)


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    import keras

    from agegender_lib.models import build_model_a

    keras.utils.set_random_seed(1)
    model = build_model_a(widths=(8, 8), stem=8)
    # drawn at random, it would say nearly the same of every face
    for weight in model.trainable_variables:
        if "kernel" in weight.path:
            weight.assign(weight * 3)
    file = tmp_path_factory.mktemp("model") / "tiny.keras"
    model.save(file)
    return file


@pytest.fixture(scope="module")
def reader(model_file):
    return photos.PhotoReader(model_file, Planted())


@pytest.fixture
def placed(reader):
    """Sets where the reader's detector finds faces."""

    def plant(*places):
        reader._detector.placed = list(places)

    yield plant
    reader._detector.placed = []


def alone(reader, number):
    return reader.read(FACES[number], aligned=True).faces.iloc[0]


def test_the_faces_of_a_photo_get_the_answers_that_their_crops_get(reader, placed):
    small, large = put(1, 250, 20), put(1.5, 20, 60)
    placed(small, large)
    photo = reader.read(photo_of([(0, small), (1, large)]))
    assert list(photo.faces.columns) == [
        "left", "top", "width", "height", "confidence", "age", "age_low", "age_high", "p_female", "warnings"
    ]  # fmt: skip
    np.testing.assert_allclose(photo.faces["width"], [157.5, 105], atol=0.5)  # the larger one first
    np.testing.assert_array_equal(photo.faces["left"], [35, 260])
    np.testing.assert_allclose(photo.crops[1].astype(int), FACES[0], atol=1)
    for number, face in ((1, photo.faces.iloc[0]), (0, photo.faces.iloc[1])):
        for column in ("age", "age_low", "age_high", "p_female"):
            assert face[column] == pytest.approx(alone(reader, number)[column], rel=0.03, abs=0.03)
    assert alone(reader, 0)["age"] != pytest.approx(alone(reader, 1)["age"], rel=0.05)
    assert (photo.faces["age_low"] <= photo.faces["age"]).all()
    assert (photo.faces["age_high"] >= photo.faces["age"]).all()


def test_a_photo_without_a_face_is_no_error(reader):
    photo = reader.read(photo_of([]))
    assert photo.faces.empty and photo.crops.shape == (0, 128, 128, 3) and photo.frames.shape == (0, 4, 2)
    assert photo.faces["age"].dtype == np.float64
    assert reader.saliency(photo).shape == (0, 128, 128)
    assert "No face" in plots.photo(photo).axes[0].texts[0].get_text()
    assert "No face" in plots.photo_faces(photo, reader.saliency(photo)).texts[0].get_text()


def test_many_are_read_as_one_is_and_a_damaged_one_stops_nothing(reader, monkeypatch):
    places = put(1, 30, 40), put(1, 230, 40)
    # they hold different numbers of faces, as their first pixel says
    monkeypatch.setattr(reader._detector, "find", lambda pixels: Planted(places[: pixels[0, 0, 0]]).find(pixels))
    sources = [photo_of([(k % 6, places[0]), (k % 5, places[1])]).copy() for k in range(20)]
    for k, source in enumerate(sources):
        source[::299, ::399] = (k + 1) % 3  # whichever side is up
    sources[3], sources[17] = truncated(), "none.jpg"
    found = list(reader.read_all(sources))
    assert [source is given for (source, _), given in zip(found, sources, strict=True)] == [True] * 20
    for k, (source, one) in enumerate(found):
        if k in (3, 17):
            assert isinstance(one, InputError)
        else:
            np.testing.assert_allclose(one.faces["age"], reader.read(source).faces["age"], atol=1e-3)
    assert len({round(found[k][1].faces["age"].iloc[0], 2) for k in (0, 1, 9)}) == 3


def test_of_many_photos_only_a_few_are_in_memory(reader, monkeypatch):
    searched = []
    monkeypatch.setattr(reader._detector, "find", lambda pixels: Planted([put(1, 20, 20)]).find(searched.append(1)))
    read = reader.read_all([photo_of([])] * 60)
    for number, _ in enumerate(read, 1):
        assert number <= len(searched) <= number + 2 * photos.reader.PHOTOS + photos.reader.PHOTOS
    assert len(searched) == 60
    # whoever leaves early does not wait for the others
    next(read := reader.read_all([photo_of([])] * 60))
    read.close()
    assert len(searched) < 60 + 60


def test_the_gender_of_a_child_comes_with_a_warning(reader, placed, monkeypatch):
    class Ages:
        def predict_on_batch(self, batch):
            return np.full((len(batch), 1), 0.7), np.linspace(9.5, 10.5, len(batch))[:, None]

    monkeypatch.setattr(reader, "_network", Ages())
    placed(put(1.2, 20, 60), put(0.2, 250, 20))
    faces = reader.read(photo_of([])).faces
    assert faces["age"].tolist() == [9.5, 10.5]
    assert CHILD_WARNING in faces["warnings"][0] and faces["warnings"][1] == "small"
    # after what else speaks against it
    assert faces["warnings"][0] == f"blurred; {CHILD_WARNING}"


def test_the_correction_of_a_run_is_kept_beside_its_model(model_file, faceset, tmp_path):
    from agegender_lib.models import load_model, predict

    network = load_model(model_file)
    table = faceset.table.assign(split="validation", **predict(network, FACES))
    table["age"] = table["age_predicted"] + [0.5, -0.2, 0.9, -1.5, 30, 0.1]  # the fifth of six needs the most
    table["age"] = table["age"].round().astype(int).clip(lower=0)
    run = tmp_path / "run"
    run.mkdir()
    table.to_csv(run / "predictions.csv", index=False)
    pd.DataFrame({"epoch": [1], **dict.fromkeys(HISTORY_COLUMNS[1:], 1.0)}).to_csv(run / "history.csv", index=False)
    data = {"name": "drawn", "fingerprint": "0123", "rendered": False}
    for name, content in {"config": {"data": data}, "provenance": {"data": data}, "metrics": {}}.items():
        write_json(run / f"{name}.json", content)
    shutil.copyfile(model_file, run / "model.keras")
    shutil.copyfile(model_file, tmp_path / "given.keras")
    written = photos.write_corrections(tmp_path / "given.keras", run, faceset)
    assert written == tmp_path / "given.intervals.json"
    reader = photos.PhotoReader(tmp_path / "given.keras")
    assert "6 held-out faces of drawn" in reader.interval_note
    # with six faces the interval must hold ceil(7 * 0.8) = all six
    found = pd.concat([reader.read(face, aligned=True).faces for face in FACES])
    ages = table["age"].to_numpy()
    assert ((found["age_low"] - 0.01 <= ages) & (ages <= found["age_high"] + 0.01)).all()


def test_figures_show_every_face_with_its_number_and_answers(reader, placed):
    places = put(1, 30, 40), put(1.2, 200, 80)
    placed(*places)
    photo = reader.read(photo_of([(3, places[0]), (4, places[1])]))
    shown = plots.photo(photo)
    assert [text.get_text() for text in shown.axes[0].texts] == ["1", "2"]
    boxes = {(patch.get_x(), patch.get_y(), patch.get_width(), patch.get_height()) for patch in shown.axes[0].patches}
    assert boxes == set(photo.faces[["left", "top", "width", "height"]].itertuples(index=False, name=None))
    photo.faces.loc[0, ["age", "age_low", "age_high", "p_female", "warnings"]] = (41.6, 30.2, 55.5, 1.0, "not frontal")
    said = "\n".join(text.get_text() for text in plots.photo(photo, predictions=True).axes[0].texts)
    faces = plots.photo_faces(photo, reader.saliency(photo))
    beside = "\n".join(text.get_text() for ax in faces.axes for text in ax.texts)
    for words in ("1:  42 years (30 to 56)", "P(female) 0.99", "not frontal", "2:  "):
        assert words in said and words in beside
    np.testing.assert_array_equal(faces.axes[0].images[0].get_array()[:, :128], photo.crops[0])


@pytest.fixture
def faceset():
    table = pd.DataFrame(
        {
            "file": [f"{k}.jpg" for k in range(6)],
            "age": [5, 25, 40, 70, 33, 52],
            "gender": [k % 2 for k in range(6)],
            "race": 0,
            "duplicate_group": [-1, -1, 0, 0, -1, -1],
        }
    )
    return FaceSet(table, FACES, pd.DataFrame(), "0123", "drawn", synthetic=True)


def end_to_end_with(reader, placed, monkeypatch, faceset, change):
    """The test with a detector that finds each placed face where ``change`` says."""
    real = end_to_end.place_face

    def place(image, rng):
        canvas, where = real(image, rng)
        placed(*change(where))
        return canvas, where

    monkeypatch.setattr(end_to_end, "place_face", place)
    table = end_to_end.predict_composited(faceset, range(6), reader)
    monkeypatch.undo()
    return table


def test_a_perfect_detector_costs_nothing_but_resampling(reader, placed, monkeypatch, faceset):
    table = end_to_end_with(reader, placed, monkeypatch, faceset, lambda where: [where])
    assert table["detected"].all() and (table["false_positives"] == 0).all()
    assert table["alignment_error"].max() < 1e-6
    assert table["scale"].between(0.5, 2.5).all() and table["rotation"].between(-30, 30).all()
    assert table["file"].tolist() == faceset.table["file"].tolist()
    summary = photos.end_to_end_summary(table)
    every = summary.set_index("group").loc["all"]
    assert every["n"] == 6 and every["detection_rate"] == 1
    crops, photographs = ((table[f"age_{way}"] - table["age"]).abs().mean() for way in ("crop", "photo"))
    assert (every["mae_crop"], every["mae_photo"]) == pytest.approx((crops, photographs))
    assert every["difference"] == pytest.approx(photographs - crops)
    assert every["difference_low"] <= every["difference"] <= every["difference_high"]
    assert every["gender_crop"] == ((table["p_female_crop"] >= 0.5) == table["gender"]).mean()
    for kind in ("scale", "rotation"):
        assert summary.loc[summary["group"].str.startswith(kind), "n"].sum() == 6
    again = end_to_end_with(reader, placed, monkeypatch, faceset, lambda where: [where])
    pd.testing.assert_frame_equal(again, table)


# a photograph: Grace Hopper, which comes with matplotlib (U.S. Navy, public domain)


@pytest.fixture(scope="module")
def detector():
    return FaceDetector()


@pytest.fixture(scope="module")
def hopper():
    return Image.open(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)).convert("RGB")


@pytest.fixture(scope="module")
def hopper_reader(model_file, detector):
    return photos.PhotoReader(model_file, detector)


def test_the_face_of_a_photograph_comes_into_utkfaces_frame(hopper_reader, detector, hopper):
    photo = hopper_reader.read(hopper)
    assert len(photo.faces) == 1
    face = photo.faces.iloc[0]
    # her face, from chin to hat, read off the picture
    assert face["left"] < 215 and face["left"] + face["width"] > 315
    assert face["top"] < 190 and face["top"] + face["height"] > 290
    assert face["confidence"] > 0.9 and face["warnings"] == ""
    again = detector.find(np.pad(photo.crops[0], ((64, 64), (64, 64), (0, 0))))
    assert np.abs(again.landmarks[0] - 64 - TEMPLATE).max() < 9
    assert np.abs((again.landmarks[0] - 64 - TEMPLATE)[:2]).max() < 4


def test_the_detector_finds_what_the_package_finds(detector, hopper):
    from mtcnn import MTCNN

    several = Image.new("RGB", (900, 600), "teal")
    several.paste(hopper.resize((256, 300)), (20, 30))
    several.paste(hopper.crop((150, 20, 400, 330)).rotate(12), (400, 200))
    for picture in (hopper, several):
        pixels = np.asarray(picture)
        wanted = MTCNN().detect_faces(pixels, fit_to_image=False, output_type="numpy", threshold_onet=CONFIDENCE)
        wanted[:, 3:5] += wanted[:, 1:3]
        np.testing.assert_allclose(detector.detect(pixels), wanted, atol=0.01)
    assert len(wanted) == 2


def test_landmarks_are_the_same_in_a_mirror_and_on_a_picture_that_was_turned(detector, hopper):
    (plain,), width = detector.find(np.asarray(hopper)).landmarks, hopper.width
    (mirrored,) = detector.find(np.asarray(hopper.transpose(Image.Transpose.FLIP_LEFT_RIGHT))).landmarks
    flipped = np.column_stack([width - mirrored[:, 0], mirrored[:, 1]])[[1, 0, 2, 4, 3]]
    assert np.abs(flipped - plain).max() < 2.5
    middle = np.array(hopper.size) / 2
    (turned,) = detector.find(np.asarray(hopper.rotate(20, Image.Resampling.BICUBIC))).landmarks
    assert np.abs(moved(turned - middle, known(1, 20)) + middle - plain).max() < 4


def test_the_warning_names_what_moves_the_answers(hopper_reader, hopper):
    face = hopper_reader.read(hopper).crops
    worn = np.concatenate([face, *[occlude(face, name) for name in OCCLUDERS]])
    from agegender_lib.models import load_model, predict

    ages = predict(load_model(photos.DEFAULT_MODEL), worn)["age_predicted"]
    assert (ages[1:] - ages[0]).abs().max() > 2
    assert all(name in photos.NOT_NOTICED.lower() for name in OCCLUDERS)
    found = pd.read_csv(folders.REPORT / "results" / "other_faces_worn.csv").set_index("worn")
    assert list(found.index) == list(OCCLUDERS)
    for column, words in ("age_moved", "by {:.1f} to {:.1f} years"), ("gender_changed", "of {:.0%} to {:.0%} of them"):
        said = words.format(found[column].min(), found[column].max()).replace("% to", " to").replace("%", " %")
        assert said in photos.NOT_NOTICED


@pytest.mark.parametrize(("turn", "words"), [("ROTATE_90", "to the right"), ("ROTATE_180", "upside down")])
def test_a_photograph_that_lies_without_a_note_is_turned(hopper_reader, hopper, turn, words):
    photo = hopper_reader.read(hopper.transpose(Image.Transpose[turn]))
    assert len(photo.faces) == 1 and photo.notes == (f"turned {words}: no face is found upright",)
    np.testing.assert_array_equal(photo.pixels, np.asarray(hopper))
    assert photo.faces["left"][0] < 215 and photo.faces["top"][0] < 190


def test_the_small_faces_of_a_large_photo_are_found(detector, hopper):
    crowd = Image.new("RGB", (2048, 300), "grey")
    small = hopper.resize((72, round(72 * hopper.height / hopper.width)))  # faces some 30 pixels wide
    places = [(50 + column * 130, 30 + row * 136) for column in range(15) for row in range(2)]
    for place in places:
        crowd.paste(small, place)
    found = detector.find(np.asarray(crowd))
    centres = found.boxes[:, :2] + found.boxes[:, 2:] / 2
    assert len(found) == 30
    for left, top in places:
        assert ((centres > [left, top]) & (centres < [left + 72, top + small.height])).all(axis=1).sum() == 1


def test_a_tightly_cropped_face_is_found(detector, hopper):
    found = detector.find(np.asarray(hopper.crop((210, 130, 330, 300))))
    assert len(found) == 1 and found.confidence[0] > 0.9


def test_a_runs_end_to_end_test_takes_its_held_out_faces_once(tmp_path, faceset, monkeypatch):
    table = faceset.table.assign(split="validation")
    table.loc[table.index[::2], "split"] = "train"
    table.iloc[::-1].to_csv(tmp_path / "predictions.csv", index=False)
    (tmp_path / "config.json").write_text(
        json.dumps({"data": {"name": faceset.name, "fingerprint": faceset.fingerprint}})
    )
    calls = []

    def predicted(faces, rows, reader):
        calls.append(reader)
        return faces.table.iloc[rows].assign(detected=True, age_photo=1 / 3)

    monkeypatch.setattr(end_to_end, "predict_composited", predicted)
    monkeypatch.setattr(end_to_end, "PhotoReader", lambda path: path)
    first = photos.end_to_end_predictions(tmp_path, faceset, 2)
    assert calls == [tmp_path / "model.keras"]
    held_out = set(table.loc[table["split"] == "validation", "file"])
    assert len(first) == 2 and set(first["file"]) <= held_out
    pd.testing.assert_frame_equal(photos.end_to_end_predictions(tmp_path, faceset, 2), first)
    assert len(calls) == 1 and first["detected"].dtype == bool
    all_of_them = photos.end_to_end_predictions(tmp_path, faceset, 99)
    assert set(all_of_them["file"]) == held_out >= set(first["file"]) and len(calls) == 2
