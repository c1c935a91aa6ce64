"""`agegender evaluate`: any model file on any labelled faces, judged as by hand."""

import json
import math

import keras
import numpy as np
import pandas as pd
import pytest
from explorer_tools import write_run
from outcomes import one_sentence
from tiny_faces import jpeg, write_folder

from agegender_lib.data import load_faces
from agegender_lib.evaluation import robustness_summary
from agegender_lib.inference import corrupted_predictions

LABELS = [
    ("20-29", "Male", "White"),
    ("40-49", "Female", "Black"),
    ("more than 70", "Male", "Black"),
    ("3-9", "Female", "White"),
    ("50-59", "Female", "White"),
    ("50-59", "Female", "Black"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six faces labelled as FairFace's, and a model of plain Keras that reads the age off how bright a face is."""
    place = tmp_path_factory.mktemp("evaluate")
    rows = "".join(f"val/{n}.jpg,{','.join(labels)},True\n" for n, labels in enumerate(LABELS))
    files = {f"val/{n}.jpg": jpeg(n) for n in range(6)}
    write_folder(place / "faces", {**files, "labels.csv": b"file,age,gender,race,service_test\n" + rows.encode()})
    image = keras.Input((128, 128, 3), name="image")
    colour = keras.layers.GlobalAveragePooling2D()(image)
    gender = keras.layers.Dense(1, activation="sigmoid", name="gender_output")
    age = keras.layers.Dense(1, name="age_output")
    model = keras.Model(image, [gender(colour), age(colour)])
    gender.set_weights([np.array([[40.0], [-40.0], [0.0]]), np.zeros(1)])
    age.set_weights([np.full((3, 1), 100 / 3), np.zeros(1)])
    model.save(place / "bright.keras")
    keras.Model(image, age(colour)).save(place / "age_only.keras")
    return place


def by_hand(faces):
    """Per face: years to the range, whether it is inside, whether the gender is right."""
    for pixels, (label, gender, _) in zip(faces.images, LABELS, strict=True):
        red, green, blue = (pixels[..., channel].mean() / 255 for channel in range(3))
        age, female = 100 * (red + green + blue) / 3, red > green
        low, high = (70, math.inf) if "more" in label else (int(end) for end in label.split("-"))
        error = low - age if age < low else age - (high + 1) if age >= high + 1 else 0
        yield error, low <= age < high + 1, female == (gender == "Female")


def test_a_model_file_is_judged_on_faces_with_ranges(agegender, folder, tmp_path):
    written = "--csv", tmp_path / "all.csv", "--json", tmp_path / "all.json"
    command = ("evaluate", folder / "bright.keras", "--data", folder / "faces", "--by", "race", "--by", "gender")
    code, out, _ = agegender(*command, *written)
    assert code == 0, out
    for words in ("(FairFace)", "bright: 6 faces of faces", "age_in_range", "bright by race", "bright by gender"):
        assert words in out
    faces = load_faces(folder / "faces", tmp_path / "cache")
    errors, inside, right = (np.array(each, float) for each in zip(*by_hand(faces), strict=True))
    assert 0 < inside.sum() < 6 and 0 < right.sum() < 6  # or nothing would be told apart
    rows = pd.read_csv(tmp_path / "all.csv", keep_default_na=False)
    found = rows.set_index(["by", "group", "metric"])["value"]
    black = np.array([race == "Black" for _, _, race in LABELS])
    for group, chosen in ((("", "all"), black | True), (("race", "Black"), black), (("race", "White"), ~black)):
        for metric, values in (("age_mae", errors), ("age_in_range", inside), ("gender_accuracy", right)):
            assert found[(*group, metric)] == pytest.approx(values[chosen].mean(), abs=1e-4), (group, metric)
    assert set(rows[rows["by"] == "gender"]["group"]) == {"male", "female"}
    (one,) = json.loads((tmp_path / "all.json").read_text())["models"]
    assert one["data"]["fingerprint"] == faces.fingerprint and len(one["metrics"]) == len(rows)
    assert one["faces_seen_in_training"] is None  # nobody knows


def test_faces_that_trained_a_model_are_said(agegender, folder, tmp_path):
    """A run folder on faces some of which it trained on; on its own it is judged on the others."""
    faces = load_faces(folder / "faces", tmp_path / "cache")
    run = write_run(tmp_path / "model_a-1", faces)
    model = run / "model.keras"
    model.write_bytes((folder / "bright.keras").read_bytes())
    code, out, _ = agegender("evaluate", run, model, "--data", folder / "faces")
    assert code == 0 and "4 of them trained this model" in out
    assert "(b) against model_a-1 (a), paired" in out
    code, out, _ = agegender("evaluate", run, "--by", "race")
    assert code == 0 and "2 validation images of faces" in out and "model_a-1 by race" in out


def test_runs_are_judged_on_corrupted_faces(agegender, folder, tmp_path):
    faces = load_faces(folder / "faces", tmp_path / "cache")
    run = write_run(tmp_path / "model_a-1", faces)
    (run / "model.keras").write_bytes((folder / "bright.keras").read_bytes())
    command = ("evaluate", run, "--data", folder / "faces", "--corruptions", "2")
    code, out, _ = agegender(*command, "--csv", tmp_path / "all.csv")
    assert code == 0 and "2 held-out faces of faces" in out
    wanted = robustness_summary({str(run): corrupted_predictions(run, faces, 2)})
    found, changes = pd.read_csv(tmp_path / "all.csv"), ["corruption", "age_mae_change", "gender_accuracy_change_low"]
    pd.testing.assert_frame_equal(found[changes], wanted[changes], rtol=1e-4, check_dtype=False)
    # darkness is what this model takes for youth
    assert found.set_index("corruption")["age_mae_change"].abs().max() > 1
    one_sentence(agegender(*command, "--by", "race"), "--by and --json are not for --corruptions")
    one_sentence(agegender(*command[:4], "--workers", "2"), "add --corruptions")
    one_sentence(agegender(*command[:-1], "0"), "give a whole number from 1")


def test_ages_alone_are_judged_where_genders_are_not_labelled(agegender, folder, tmp_path):
    names = write_folder(tmp_path / "fgnet", {f"00{n}A{n + 30}.JPG": jpeg(n) for n in range(3)})
    code, out, _ = agegender("evaluate", folder / "bright.keras", "--data", names)
    assert code == 0 and "age_mae" in out and "gender_" not in out and "age_in_range" not in out
    for by in ("race", "gender"):
        one_sentence(agegender("evaluate", folder / "bright.keras", "--data", names, "--by", by), f"no labels of {by}")
    one_sentence(agegender("train", "model_a", "--data", names), "tell no genders", "--labels")


def test_what_cannot_be_judged_is_refused(agegender, folder, tmp_path):
    data = ("--data", folder / "faces")
    one_sentence(agegender("evaluate", folder / "bright.keras"), "bright.keras is a model file", "--data")
    one_sentence(agegender("evaluate", folder / "age_only.keras", *data), "age_only.keras", "needed are")
    one_sentence(agegender("evaluate", tmp_path / "none.keras", *data), "none.keras", "no model")
    one_sentence(agegender("evaluate", folder, *data), "holds no model file")
    for option in ("--csv", "--json"):
        one_sentence(
            agegender("evaluate", folder / "bright.keras", *data, option, tmp_path / "no" / "x"), "cannot be written"
        )
