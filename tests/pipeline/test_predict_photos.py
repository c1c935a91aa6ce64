"""The command predict: files and folders in, a table, CSV, JSON or pictures out, and nothing skipped in silence."""

import io
import json
import os
import subprocess
import sys
from functools import cache, partial

import matplotlib.cbook
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tiny_faces import bomb, encoded, jpeg, picture, truncated, write_folder, write_tar, write_zip

from agegender_lib import photos
from agegender_lib.photos import OUT_OF_SCOPE_USES, reader
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


@pytest.fixture(scope="module")
def loaded():
    """The reader, which every model file is loaded by once."""
    return cache(photos.PhotoReader)


@pytest.fixture
def predict(tiny, capsys, loaded, monkeypatch):
    """Call the command in process; returns exit code, standard output and standard error."""
    with monkeypatch.context() as once:
        once.setattr(photos, "PhotoReader", loaded)
        yield partial(called, capsys, tiny[0])


def called(capsys, tiny, *arguments, model=None):
    code = cli.main(["predict", *map(str, arguments), "--model", str(model or tiny)])
    said = capsys.readouterr()
    return code, said.out, said.err


def refusal(answer):
    """The one sentence of a refusal with exit code 2."""
    code, _, complaint = answer
    lines = [line for line in complaint.splitlines() if line.startswith("agegender: ")]
    assert code == 2 and len(lines) == 1 and "Traceback" not in complaint, complaint
    return lines[0]


def left_out(said):
    return [line for line in said.splitlines() if line.startswith("left out: ")]


def test_framed_faces_of_files_and_folders_get_what_the_model_says(predict, tiny, tmp_path):
    files = {"b.jpg": jpeg(1), "a.JPG": jpeg(2), "deeper/c.jpeg": jpeg(4), "notes.txt": b"no picture"}
    folder = write_folder(tmp_path / "faces", files)
    picture(3, 200).save(tmp_path / "large.png")
    code, out, said = predict(
        folder, tmp_path / "large.png", folder / "b.jpg", "--aligned", "--csv", tmp_path / "o.csv"
    )
    assert left_out(said) == [f"left out: {folder / 'notes.txt'} has no picture's ending"]
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
    write_folder(tmp_path, {"t.jpg": b"text", "x.jpg": bomb(60_000), "wide.jpg": wide, "ok.jpg": jpeg(1)})
    for name, words in {"t.jpg": "not a picture", "wide.jpg": "128 x 64", "empty": "holds no picture"}.items():
        sentence = refusal(predict(tmp_path / name, "--aligned"))
        assert name in sentence and words in sentence
    assert "none of 2 files" in refusal(predict(tmp_path / "t.jpg", tmp_path / "x.jpg"))
    assert "is a folder" in refusal(predict(tmp_path / "ok.jpg", "--csv", tmp_path / "empty"))
    assert "cannot be written" in refusal(
        predict(tmp_path / "ok.jpg", "--aligned", "--annotate", tmp_path / "t.jpg" / "below")
    )
    assert "none.keras" in refusal(predict(tmp_path / "ok.jpg", model=tmp_path / "none.keras"))


def test_results_never_take_the_place_of_a_photo_or_of_each_other(predict, tmp_path, monkeypatch):
    files = {"a.jpg": jpeg(1), "b.jpg": jpeg(2), "photo": jpeg(3), "notes.txt": b"text"}
    monkeypatch.chdir(write_folder(tmp_path, files))
    for options, words in {
        "a.jpg --csv a.jpg --again": "a.jpg is the name of a photo",
        "a.jpg --json b.jpg --again": "b.jpg is the name of a photo",
        "photo --csv ./photo --again": "photo is the name of a photo",
        "a.jpg --csv o.x --json ./o.x": "--csv and --json are both o.x",
        "a.jpg --csv -": "or --json - for standard output",
        "a.jpg --annotate notes.txt": "notes.txt is a file: --annotate takes a folder",
        "a.jpg --annotate .": "could replace the photos there",
        ". --annotate drawn": "would be read as photos the next time",
    }.items():
        assert words in refusal(predict(*options.split(), "--aligned"))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files


def test_of_several_places_those_without_photos_are_said_and_the_others_read(predict, tmp_path, monkeypatch):
    monkeypatch.chdir(write_folder(tmp_path, {"a.jpg": jpeg(1), "bad.zip": b"PK", "none/x.txt": b"", "z.jpg": b""}))
    code, _, said = predict("none", "a.jpg", "bad.zip", "z.jpg", "--aligned", "--csv", "o.csv")
    assert code == 0 and pd.read_csv("o.csv")["file"].tolist() == ["a.jpg"]
    assert [line.split(":")[1].split()[:3] for line in left_out(said) if "x.txt" not in line] == [
        ["none", "holds", "no"],
        ["the", "archive", "bad.zip"],
    ]
    assert "not read: z.jpg is empty" in said
    assert "nothing of what was given" in refusal(predict("none", "bad.zip"))


def test_what_macos_puts_into_archives_is_no_photo(predict, tmp_path):
    mac = {"p/a.jpg": jpeg(1), "__MACOSX/p/._a.jpg": b"\0\5\26\7"}
    code, _, said = predict(write_tar(tmp_path / "p.tar", mac), "--aligned", "--csv", tmp_path / "o.csv")
    assert code == 0 and len(pd.read_csv(tmp_path / "o.csv")) == 1
    assert [line.endswith("a note that macOS puts beside a file") for line in left_out(said)] == [True]


def test_a_reader_that_leaves_ends_the_command_quietly(tiny, tmp_path):
    photo = write_folder(tmp_path, {"a.jpg": jpeg(1)}) / "a.jpg"
    command = [sys.executable, "-m", "agegender_lib", "predict", photo, "--aligned", "--model", tiny[0]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        said = process.stderr.read()
    # TensorFlow's greetings would stand there, too
    assert (process.returncode, said) == (141, "")


NAMES = [
    "caf\udce9.jpg",
    "写真😀.jpg",
    "a,b;'c'.jpg",
    'q"uote.jpg',
    "new\nline\r.jpg",
    " blank .jpg",
    "-x.jpg",
    "narrow\u202fspace.jpg",  # as macOS calls its screenshots
    "=1+1.jpg",
    ".hidden.jpg",
    "%s{0}.jpg",
    "x" * 251 + ".jpg",
    "λ" * 125 + ".jpg",
    "\u202etxt.jpg",
]


def test_a_photo_may_have_any_name_that_the_file_system_allows(predict, tmp_path, monkeypatch):
    folder = write_folder(tmp_path / "photos", {name: jpeg(number) for number, name in enumerate(NAMES)})
    files = ("--csv", tmp_path / "o.csv", "--json", tmp_path / "o.json", "--annotate", tmp_path / "drawn")
    screen = io.TextIOWrapper(io.BytesIO(), "cp1252", write_through=True)
    monkeypatch.setattr(sys, "stdout", screen)
    assert predict(folder, "--aligned")[0] == 0  # all of it on a terminal of Windows
    shown = screen.buffer.getvalue().decode("cp1252")
    assert r"caf\udce9.jpg" in shown and r"\u5199\u771f" in shown and len(shown.splitlines()) == len(NAMES) + 3
    assert predict(folder, "--aligned", *files)[0] == 0
    answers = json.loads((tmp_path / "o.json").read_text())["photos"]
    found = {photo["file"]: photo["faces"][0]["age"] for photo in answers}
    assert {os.fsencode(name) for name in found} == {os.fsencode(folder / name) for name in NAMES}
    table = pd.read_csv(tmp_path / "o.csv").set_index("file")["age"]
    wanted = {name.encode("utf-8", "backslashreplace").decode(): age for name, age in found.items()}
    assert table.to_dict() == pytest.approx(wanted)
    assert len(list((tmp_path / "drawn").iterdir())) == len(NAMES)
    before = (tmp_path / "o.csv").read_bytes()
    code, _, said = predict(folder, "--aligned", *files)
    assert code == 0 and f"{len(NAMES)} of {len(NAMES)} photos were read before" in said
    assert (tmp_path / "o.csv").read_bytes() == before


def test_photos_are_read_out_of_archives_in_folders_or_alone(predict, tmp_path):
    files = {"a.jpg": jpeg(1), "deeper/caf\udce9.JPG": jpeg(2), "notes.txt": b"x", "cut.jpg": truncated()}
    folder = write_folder(tmp_path / "all", {"c.jpg": jpeg(3), "damaged.zip": b"PK\3\4" + bytes(50)})
    write_tar(folder / "b.tar", files)
    write_tar(folder / "d.tar.gz", {"a.jpg": jpeg(1)}, "w:gz")
    alone = write_zip(tmp_path / "holidays.ZIP", {"a.jpg": jpeg(1), "x/a.jpg": jpeg(3)})
    code, out, said = predict(folder, alone, alone, "--aligned", "--json", "--annotate", tmp_path / "drawn")
    answers = {photo["file"]: photo for photo in json.loads(out)["photos"]}
    names = [folder / "b.tar" / name for name in files if name != "notes.txt"]
    names += [folder / "c.jpg", folder / "d.tar.gz" / "a.jpg", alone / "a.jpg", alone / "x" / "a.jpg"]
    assert code == 0 and list(answers) == [str(name) for name in names]
    age = {name: answers[str(name)]["faces"][0]["age"] for name in names if name.name != "cut.jpg"}
    assert age[names[0]] == age[names[4]] == age[names[5]] and age[names[3]] == age[names[6]] != age[names[0]]
    assert answers[str(names[2])]["error"].startswith(f"{names[2]}: the picture is damaged")
    told = left_out(said)
    assert len(told) == 2 and f"{folder / 'b.tar' / 'notes.txt'} has no picture's ending" in told[0]
    assert "damaged.zip cannot be read: the archive" in told[1]
    assert len(list((tmp_path / "drawn").iterdir())) == len(age)
    assert "holds no picture" in refusal(predict(write_zip(tmp_path / "none.zip", {"a.txt": b"x"})))
    assert "damaged or unreadable" in refusal(predict(folder / "damaged.zip"))
    assert "outside the archive" in refusal(predict(write_tar(tmp_path / "out.tar", {"../a.jpg": jpeg(1)})))


def test_what_is_passed_over_in_a_folder_is_said(predict, tmp_path, monkeypatch):
    write_folder(tmp_path / "elsewhere", {"a.jpg": jpeg(1)})
    folder = write_folder(tmp_path / "photos", {"b.jpg": jpeg(2), "closed/c.jpg": jpeg(3), "B.JPG.part": b"x"})
    (folder / "2024").symlink_to(tmp_path / "elsewhere")
    (folder / "round").symlink_to(folder)
    (folder / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (folder / "linked.jpg").symlink_to(tmp_path / "elsewhere" / "a.jpg")
    os.mkfifo(folder / "pipe.jpg")
    scandir = os.scandir

    def closed(path):  # as it is for everybody but root
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    code, _, said = predict(folder, "--aligned", "--csv", tmp_path / "o.csv")
    assert code == 0
    assert pd.read_csv(tmp_path / "o.csv")["file"].tolist() == [str(folder / "b.jpg"), str(folder / "linked.jpg")]
    link = "is a link to a folder, which is not followed: give it as well"
    reasons = {
        "2024": link,
        "B.JPG.part": "has no picture's ending",
        "closed": "cannot be read (Permission denied)",
        "gone.jpg": "is no file",
        "pipe.jpg": "is no file",
        "round": link,
    }
    assert sorted(left_out(said)) == sorted(f"left out: {folder / name} {reason}" for name, reason in reasons.items())
    monkeypatch.undo()
    assert predict(folder / "2024", "--aligned", "--csv", tmp_path / "o.csv")[0] == 0
    assert str(folder / "2024" / "a.jpg") in pd.read_csv(tmp_path / "o.csv")["file"].tolist()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("https://a.example/b.jpg", "is an address, and nothing is fetched"),
        ("file:///a/b.jpg", "is an address"),
        ("x" * 300 + ".jpg", "cannot be read (File name too long)"),
        ("a/" * 3000 + "b.jpg", "cannot be read (File name too long)"),
        ("none.zip", "does not exist"),
        ("a\nb\x1b[2J.jpg", r"a\nb\x1b[2J.jpg does not exist"),
        ("", "is not a file"),
        ("/dev/null", "is not a file"),
        ("caf\udce9.jpg", r"caf\udce9.jpg does not exist"),
        ("wide.jpg", "crop it, or let faces be found (leave out --aligned)"),
    ],
)
def test_a_place_without_a_photo_is_refused_in_one_sentence(predict, tmp_path, monkeypatch, given, words):
    monkeypatch.chdir(write_folder(tmp_path, {"wide.jpg": jpeg(picture(1).crop((0, 0, 128, 64)))}))
    assert words in refusal(predict(given, "--aligned"))


def test_a_tilde_is_one_s_home_in_every_option(predict, tiny, tmp_path, monkeypatch):
    home = write_folder(tmp_path / "home", {"photos/a.jpg": jpeg(1), "m.keras": tiny[0].read_bytes()})
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(write_folder(tmp_path / "work", {"b.jpg": jpeg(2)}))
    given = ("~/photos", "b.jpg", "--csv=~/o.csv", "--json=~/o.json", "--annotate=~/drawn", "--aligned")
    assert predict(*given, model="~/m.keras")[0] == 0
    assert sorted(path.name for path in home.iterdir()) == ["drawn", "m.keras", "o.csv", "o.json", "photos"]
    assert pd.read_csv(home / "o.csv")["file"].tolist() == [str(home / "photos" / "a.jpg"), "b.jpg"]
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["b.jpg"]


ENDS = {
    "control-C": (KeyboardInterrupt(), 130, "interrupted after 2 photos: they stand in"),
    "terminated": (cli.Terminated(), 143, "interrupted after 2 photos: they stand in"),
    "no room for a picture": (OSError(28, "No space left on device"), 2, "make room and run the same command again"),
    "a bug": (ZeroDivisionError(), None, ""),
}


@pytest.mark.parametrize(
    ("how", "form"), [*((how, "csv") for how in ENDS), ("control-C", "json"), ("terminated", "jsonl")]
)
def test_what_was_read_is_kept_and_the_same_command_goes_on(predict, tmp_path, monkeypatch, how, form):
    folder = write_folder(tmp_path / "photos", {f"{number}.jpg": jpeg(number) for number in range(5)})
    command = (folder, "--aligned", f"--{form.removesuffix('l')}", tmp_path / f"o.{form}")
    error, code, words = ENDS[how]
    monkeypatch.setattr(reader, "PHOTOS", 1)
    real, read, broken = reader.read_picture, [], [error]

    def stops(source):
        read.append(source.name)
        if source.name == "2.jpg" and broken:
            raise broken.pop()
        return real(source)

    def read_by(*options):
        read.clear()
        assert predict(*command, *options)[0] == 0
        return sorted(read)

    monkeypatch.setattr(reader, "read_picture", stops)
    if code is None:
        with pytest.raises(type(error)):
            predict(*command)
    else:
        found, _, said = predict(*command)
        assert found == code and words in said.splitlines()[-1] and "Traceback" not in said
    names = [f"{number}.jpg" for number in range(5)]
    assert read_by() == names[2:]
    kept = (tmp_path / f"o.{form}").read_bytes()
    assert read_by() == []
    assert read_by("--again") == names and (tmp_path / f"o.{form}").read_bytes() == kept
    # another picture of that name is another photo
    (folder / "1.jpg").write_bytes(jpeg(7, quality=30))
    assert read_by() == names[1:2]
    # what was not drawn yet is
    assert read_by("--annotate", tmp_path / "drawn") == names


def test_an_interrupt_promises_only_what_is_true(predict, tmp_path, monkeypatch):
    folder = write_folder(tmp_path / "photos", {"0.jpg": jpeg(1), "1.jpg": jpeg(2)})
    monkeypatch.setattr(reader, "PHOTOS", 1)
    real = reader.read_picture

    def stops(source):
        if source.name == "1.jpg":
            raise KeyboardInterrupt
        return real(source)

    monkeypatch.setattr(reader, "read_picture", stops)
    code, out, said = predict(folder, "--aligned")
    assert code == 130 and "0.jpg" in out
    assert said.splitlines()[-1].endswith("after 1 photos: with --csv FILE the same command would go on after them")
    code, out, said = predict(folder, "--aligned", "--json")
    assert len(json.loads(out)["photos"]) == 1  # whole, although it ended in the middle


def test_what_was_assumed_of_a_photo_is_said_and_written(predict, tmp_path):
    several = encoded(picture(1), "GIF", save_all=True, append_images=[picture(2), picture(3)])
    folder = write_folder(tmp_path / "photos", {"a.gif": several, "b.jpg": jpeg(1)})
    code, _, said = predict(folder, "--aligned", "--csv", tmp_path / "o.csv", "--json", tmp_path / "o.json")
    assert code == 0 and f"{folder / 'a.gif'}: one of its 3 frames is read" in said.splitlines()
    assert pd.read_csv(tmp_path / "o.csv")["notes"].fillna("").tolist() == ["one of its 3 frames is read", ""]
    assert json.loads((tmp_path / "o.json").read_text())["photos"][0]["notes"] == ["one of its 3 frames is read"]


def test_a_photo_without_a_face_has_a_row_of_its_own(predict, tmp_path):
    grey = write_folder(tmp_path, {"grey.jpg": jpeg(Image.new("RGB", (80, 80), "grey"))}) / "grey.jpg"
    assert predict(grey, "--csv", tmp_path / "o.csv")[0] == 0
    row = pd.read_csv(tmp_path / "o.csv").iloc[0]
    assert row["file"] == str(grey) and (row["face"], row["faces"]) == (0, 0) and np.isnan(row["age"])
