"""The command predict: files and folders in, a table, CSV, JSON or pictures out, and nothing skipped in silence."""

import json

import matplotlib.cbook
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tiny_faces import bomb, jpeg, picture, truncated, write_folder

from agegender_lib.photos import OUT_OF_SCOPE_USES
from agegender_lib.pipeline import cli

HOPPER = matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A model file, and what it says of uint8 faces."""
    import keras

    from agegender_lib.models import build_model_a

    keras.utils.set_random_seed(1)
    model = build_model_a(widths=(8, 8), stem=8)
    file = tmp_path_factory.mktemp("model") / "tiny.keras"
    model.save(file)
    return file, lambda faces: model.predict(np.asarray(faces, "float32") / 255, verbose=0)


@pytest.fixture
def predict(tiny, capsys):
    """Call the command in process; returns exit code, standard output and standard error."""

    def call(*arguments, model=tiny[0]):
        code = cli.main(["predict", *map(str, arguments), "--model", str(model)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def refusal(answer):
    """The one sentence of a refusal with exit code 2."""
    code, _, complaint = answer
    lines = [line for line in complaint.splitlines() if line.startswith("agegender: ")]
    assert code == 2 and len(lines) == 1 and "Traceback" not in complaint, complaint
    return lines[0]


def test_framed_faces_of_files_and_folders_get_what_the_model_says(predict, tiny, tmp_path):
    files = {"b.jpg": jpeg(1), "a.JPG": jpeg(2), "deeper/c.jpeg": jpeg(4), "notes.txt": b"no picture"}
    folder = write_folder(tmp_path / "faces", files)
    picture(3, 200).save(tmp_path / "large.png")
    code, out, said = predict(
        folder, tmp_path / "large.png", folder / "b.jpg", "--aligned", "--csv", tmp_path / "o.csv"
    )
    left_out = [line for line in said.splitlines() if line.startswith("left out: ")]
    assert left_out == [f"left out: {folder / 'notes.txt'} has no picture's ending"]
    assert code == 0 and OUT_OF_SCOPE_USES in out and "80 % intervals" in out
    found = pd.read_csv(tmp_path / "o.csv")
    wanted = [folder / "a.JPG", folder / "b.jpg", folder / "deeper" / "c.jpeg", tmp_path / "large.png"]
    assert found["file"].tolist() == [str(file) for file in wanted] and (found["face"] == 1).all()
    images = [Image.open(file).convert("RGB").resize((128, 128), Image.Resampling.BICUBIC) for file in wanted]
    p_female, age = tiny[1]([np.asarray(image) for image in images])
    np.testing.assert_allclose(found["age"], age[:, 0], atol=2e-3)
    np.testing.assert_allclose(found["p_female"], p_female[:, 0], atol=2e-3)
    assert (found["age_low"] <= found["age"]).all() and (found["age"] <= found["age_high"]).all()


def test_a_photo_is_searched_and_what_cannot_be_read_is_listed(predict, tmp_path):
    folder = write_folder(tmp_path / "photos", {"cut.jpg": truncated(), "grey.jpg": jpeg(picture(1, 80).convert("L"))})
    Image.open(HOPPER).save(folder / "hopper.png")
    code, out, err = predict(folder, tmp_path / "none.jpg")
    assert code == 0
    row = next(line for line in out.splitlines() if "hopper.png" in line)
    assert float(row.split()[2]) > 0.9  # file, face, confidence
    assert f"{folder / 'grey.jpg'}: no face found" in out
    for name in ("cut.jpg is damaged", "none.jpg does not exist"):
        assert sum(name in line for line in err.splitlines() if line.startswith("not read: ")) == 1


def test_json_holds_every_photo_its_faces_or_the_reason(predict, tmp_path):
    folder = write_folder(tmp_path / "photos", {"a.jpg": jpeg(1), "b.jpg": truncated(), "c.jpg": jpeg(2)})
    code, out, err = predict(folder, "--aligned", "--json")
    found = json.loads(out)  # and nothing else on standard output
    assert code == 0 and found["out_of_scope_uses"] == OUT_OF_SCOPE_USES and OUT_OF_SCOPE_USES in err
    a, b, c = found["photos"]
    assert "damaged" in b["error"] and "faces" not in b
    assert a["faces"][0]["confidence"] is None and a["faces"][0]["age"] != c["faces"][0]["age"]
    wanted = "left top width height age age_low age_high p_female warnings".split()
    assert set(a["faces"][0]) >= set(wanted)
    assert predict(folder, "--aligned", "--json", tmp_path / "o.json")[0] == 0
    assert json.loads((tmp_path / "o.json").read_text()) == found


def test_annotated_photos_show_boxes_on_the_photo_and_never_replace_each_other(predict, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    hopper = Image.open(HOPPER)
    hopper.resize((300, 352)).save(tmp_path / "one" / "a.png")
    Image.new("RGB", (640, 480), "grey").save(tmp_path / "two" / "a.jpg")
    code, _, _ = predict(tmp_path / "one", tmp_path / "two", "--annotate", tmp_path / "out")
    assert code == 0
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["a-2.png", "a.png"]
    with Image.open(tmp_path / "out" / "a.png") as drawn:
        assert abs(drawn.width - 600) <= 1 and abs(drawn.height - 704) <= 1
        apart = np.abs(np.asarray(drawn.convert("RGB").resize((300, 352)), int) - np.asarray(hopper.resize((300, 352))))
    inside = apart[40:200, 80:220].sum()
    assert inside > 0.5 * apart.sum() and apart.sum(axis=2).max() > 200


def test_what_cannot_be_done_is_refused_in_one_sentence(predict, tmp_path):
    (tmp_path / "empty").mkdir()
    wide = jpeg(picture(1).crop((0, 0, 128, 64)))
    write_folder(tmp_path, {"t.jpg": b"text", "x.jpg": bomb(), "wide.jpg": wide, "ok.jpg": jpeg(1)})
    for name, words in {"t.jpg": "not a picture", "wide.jpg": "128 x 64", "empty": "holds no picture"}.items():
        sentence = refusal(predict(tmp_path / name, "--aligned"))
        assert name in sentence and words in sentence
    assert "none of 2 files" in refusal(predict(tmp_path / "t.jpg", tmp_path / "x.jpg"))
    assert "is a folder" in refusal(predict(tmp_path / "ok.jpg", "--csv", tmp_path / "empty"))
    assert "cannot be written" in refusal(
        predict(tmp_path / "ok.jpg", "--aligned", "--annotate", tmp_path / "t.jpg" / "below")
    )
    assert "none.keras" in refusal(predict(tmp_path / "ok.jpg", model=tmp_path / "none.keras"))
