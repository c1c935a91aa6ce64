"""Labels in tables, or in the names of other data sets: each layout is read, each mistake is named with its rows."""

import json

import numpy as np
import pytest
from PIL import Image
from tiny_faces import FACES, STAMP, WRITE, encoded, jpeg, picture, pixels, reasons, write_folder, write_zip

from agegender_lib.data import load_faces
from agegender_lib.data.summary import set_name
from agegender_lib.errors import InputError

ROWS = ["20-29,Male,White", "3-9,Female,East Asian", "more than 70,Male,Black", "0-2,Female,Latino_Hispanic"]
FAIRFACE = {f"train/{n}.jpg": jpeg(picture(n, 224)) for n in range(1, 5)}
HEADER = "file,age,gender,race,service_test\n"
CSV = HEADER + "".join(f"train/{n}.jpg,{row},False\n" for n, row in enumerate(ROWS, 1))


@pytest.fixture
def load(tmp_path):
    """Load faces from files written into a folder, or from what was written already."""

    def loaded(source, **options):
        if isinstance(source, dict):
            source = write_folder(tmp_path / "faces", source)
        return load_faces(source, tmp_path / "cache", **options)

    return loaded


def refused(load, *words, **options):
    with pytest.raises(InputError) as refusal:
        load(**options)
    for word in words:
        assert word in str(refusal.value), refusal.value
    return str(refusal.value)


@pytest.mark.parametrize("kind", WRITE)
def test_fairface_has_ranges_and_names_of_races(tmp_path, kind):
    """With its table inside, under the paths that the table has; pictures of 224 pixels are made smaller."""
    files = {"fairface/" + name: data for name, data in FAIRFACE.items()}
    source = WRITE[kind](tmp_path / f"f.{kind}", {**files, "fairface/fairface_label_train.csv": CSV.encode()})
    for faces in (load_faces(source, tmp_path / "cache"), load_faces(source, tmp_path / "cache")):  # decoded, and kept
        table = faces.table
        assert list(table["file"]) == [f"train/{n}.jpg" for n in (1, 2, 3, 4)]
        assert table[["age_low", "age_high"]].values.tolist() == [[20, 29], [3, 9], [70, 120], [0, 2]]
        assert list(table["age"]) == [24.5, 6, 79.5, 1]  # of "more than 70" the middle of 70 to 89
        assert list(table["gender"]) == [0, 1, 0, 1]
        assert list(table["race"]) == ["White", "East Asian", "Black", "Latino_Hispanic"]
        assert faces.rejected.empty
        said = " ".join(faces.notes)
        for words in ("(FairFace)", "'gender' (words)", "ranges", "4 names", "4 224 x 224 pixels"):
            assert words in said
        assert set_name(faces) == "FairFace"
    small = Image.fromarray(pixels(FAIRFACE["train/2.jpg"])).resize((128, 128), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(faces.images[1], pixels(jpeg(small, quality=75)))


def test_other_labels_of_the_same_pictures_are_other_faces(load, tmp_path):
    first = load({**FAIRFACE, "labels.csv": CSV.encode()})
    second = load({"labels.csv": CSV.replace("3-9,", "3-19,").encode()})
    assert list(second.table["age_high"]) == [29, 19, 120, 2] and first.fingerprint != second.fingerprint


PAIR = {"1.jpg": jpeg(1), "2.jpg": jpeg(2)}
OWN = {
    "semicolons": "\ufeffImage;Sex;Age\nC:\\me\\a\\1.jpg;w;30\nC:\\me\\a\\2.jpg;m;4.5\n".replace(";w;", ";F;"),
    "tabs": "path\tgender\tage\n./a/1.jpg\t2\t30 years\na/2.jpg\t1\t4.5\n",
    "stems": "img_id,age,female\n1,30,True\n2,4.5,False\n",
}


@pytest.mark.parametrize("kind", OWN)
def test_columns_are_known_by_usual_names(load, kind):
    """Windows' paths, a spreadsheet's separators, codes 1 and 2, files without endings; no race."""
    name = "mine.tsv" if kind == "tabs" else "mine.csv"
    faces = load({"a/1.jpg": jpeg(1), "a/2.jpg": jpeg(2), name: OWN[kind].encode()})
    assert list(faces.table["age"]) == [30, 4.5] and "age_low" not in faces.table
    assert list(faces.table["gender"]) == [1, 0]
    assert list(faces.table["race"]) == ["unlabelled"] * 2
    said = {"tabs": "taken as 1 male and 2 female", "stems": "1 is female", "semicolons": "words"}
    assert said[kind] in faces.notes[0]
    assumed = {"semicolons": "such as me/a/1.jpg for a/1.jpg", "stems": "names without endings, such as 1 for a/1.jpg"}
    assert assumed.get(kind, "labels: ") in " ".join(faces.notes)


def test_zero_and_one_are_taken_as_utkface_s_and_codes_of_race_are_no_names_of_utkface_s(load):
    faces = load(
        {"1.jpg": jpeg(1), "2.jpg": jpeg(2), "l.csv": b"file,age,gender,race,set\n1.jpg,5,0,3,val\n2.jpg,6,1,3,Train\n"}
    )
    assert "taken as 0 male and 1 female" in faces.notes[0]
    assert faces.table[["gender", "race", "split"]].values.tolist() == [
        [0, "race 3", "validation"],
        [1, "race 3", "train"],
    ]
    assert load({}).table.equals(faces.table)  # as it was kept


def test_a_table_is_found_beside_its_archive_or_given(load, tmp_path):
    archive = write_zip(tmp_path / "pictures.zip", {"1.jpg": jpeg(1), "2.jpg": jpeg(2)})
    refused(load, "holds no usable face among its 2 files", source=archive)
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    beside = tmp_path / "ages.csv"
    beside.write_text("file,age,sex\n1.jpg,30,m\n2.jpg,40,f\n")
    assert list(load(archive).table["age"]) == [30, 40]
    beside.write_text("file,age,sex\n1.jpg,31,m\n2.jpg,40,f\n")
    assert list(load(archive).table["age"]) == [31, 40]  # a changed table is read again
    given = tmp_path / "given.csv"
    given.write_text("file,age,sex\n1.jpg,50,m\n2.jpg,60,f\n")
    assert list(load(archive, labels=given).table["age"]) == [50, 60]
    refused(load, "none.csv does not exist", source=archive, labels=tmp_path / "none.csv")
    refused(load, "is no table", source=archive, labels=archive)


def test_names_of_utkface_count_more_than_a_table_that_lies_there(load, tmp_path):
    rows = "".join(f"{name},99,m\n" for name in FACES)
    plain = load(FACES)
    faces = load({"predictions.csv": ("file,age,gender\n" + rows).encode()})
    assert faces.table.equals(plain.table) and faces.fingerprint == plain.fingerprint
    assert "give --labels" in reasons(faces)["predictions.csv"]
    given = load(tmp_path / "faces", labels=tmp_path / "faces" / "predictions.csv")
    assert set(given.table["age"]) == {99}


def test_agedb_and_fgnet_are_known_by_their_names(load, tmp_path):
    faces = load({"0_MariaCallas_35_f.jpg": jpeg(picture(1, 300)), "12_John_Q_Doe_7_m.jpg": jpeg(2), "x.jpg": jpeg(3)})
    assert faces.table[["age", "gender", "race"]].values.tolist() == [[35, 1, "unlabelled"], [7, 0, "unlabelled"]]
    assert "AgeDB" in faces.notes[0] and set_name(faces) == "AgeDB" and list(reasons(faces)) == ["x.jpg"]
    faces = load(write_folder(tmp_path / "fgnet", {"001A02.JPG": jpeg(1), "082A18b.jpg": jpeg(2)}))
    assert list(faces.table["age"]) == [2, 18] and set(faces.table["gender"]) == {-1}
    assert "neither gender nor race" in faces.notes[0]


def test_kaggle_s_table_of_pixels_is_its_own_source(load, tmp_path):
    greys = [np.asarray(picture(n, 48).convert("L")) for n in range(3)]
    cells = [" ".join(map(str, grey.ravel())) for grey in greys]
    cells[2] = cells[2][:-9]  # a square no more
    text = "age,ethnicity,gender,img_name,pixels\n" + "".join(
        f"{age},{n + 1},{n % 2},{n}.jpg.chip.jpg,{cell}\n"
        for n, (age, cell) in enumerate(zip((1, 26, 70), cells, strict=True))
    )
    file = tmp_path / "age_gender.csv"
    file.write_text(text)
    refused(load, "1 of the 3 rows", "its pixels are no square", source=file)
    faces = load(file, allow_rejected=True)
    assert faces.table[["file", "age", "gender", "race"]].values.tolist() == [
        ["0.jpg.chip.jpg", 1, 0, 1],
        ["1.jpg.chip.jpg", 26, 1, 2],
    ]
    large = Image.fromarray(greys[0]).convert("RGB").resize((128, 128), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(faces.images[0], pixels(jpeg(large, quality=75)))
    zipped = load(write_zip(tmp_path / "archive.zip", {"age_gender.csv": text.encode()}), allow_rejected=True)
    assert zipped.fingerprint == faces.fingerprint
    assert "2 48 x 48 pixels, 2 grey" in faces.notes[1]


def test_squares_of_any_size_and_kind_are_faces(load):
    """UTKFace as others have it: PNG, WebP, greys, transparent, 64 to 300 pixels."""
    alpha = picture(4).convert("RGBA")
    alpha.putalpha(Image.fromarray(np.pad(np.zeros((64, 128), np.uint8), ((64, 0), (0, 0)), constant_values=255)))
    pictures = {
        "png": encoded(picture(1, 200), "PNG"),
        "webp": encoded(picture(2), "WEBP"),
        "jpg": jpeg(picture(3).convert("L")),
        "PNG": encoded(alpha, "PNG"),
        "jpeg": jpeg(picture(5, 64)),
    }
    files = {f"2{n}_0_0_{STAMP}.{end}": data for n, (end, data) in enumerate(pictures.items())}
    faces = load(files)
    assert len(faces) == 5 and faces.rejected.empty
    assert faces.notes[1].endswith("2 PNG, 1 WEBP, 1 grey, 1 64 x 64 pixels")
    np.testing.assert_array_equal(faces.images[2], np.repeat(pixels(pictures["jpg"])[..., None], 3, axis=2))
    assert faces.images[3][64:].min() == 255  # what is transparent is white


def test_parts_of_a_download_are_read_where_they_lie(load, tmp_path):
    names = sorted(FACES)
    folder = write_folder(tmp_path / "downloads", {"readme.txt": b"x", "cut-003.zip": b"PK"})
    write_zip(folder / "UTKFace-001.zip", {"UTKFace/" + name: FACES[name] for name in names[:3]})
    write_zip(folder / "UTKFace-002.zip", {"UTKFace/" + name: FACES[name] for name in names[2:]})
    faces = load(folder)
    assert list(faces.table["file"]) == names
    assert reasons(faces)[f"UTKFace-002.zip/UTKFace/{names[2]}"] == f"duplicate of UTKFace-001.zip/UTKFace/{names[2]}"
    assert "damaged" in reasons(faces)["cut-003.zip"] and len(faces.rejected) == 3


def test_photographs_are_sent_to_the_detector(load):
    wide = picture(1, 200).crop((0, 0, 200, 120))
    refused(load, "no square", "agegender data align", source={f"20_0_0_{STAMP}.jpg": jpeg(wide)})
    refused(load, "1 of the 2 faces", "agegender data align", source={f"21_0_0_{STAMP}.jpg": jpeg(2)})


def test_the_other_half_of_a_data_set_is_another_set(load):
    """FairFace numbers the faces of both parts from 1."""
    table = HEADER + "".join(f"val/{n}.jpg,{row},False\n" for n, row in enumerate(ROWS, 1))
    refused(load, "another set", "val/1.jpg", "train/1.jpg", source={**FAIRFACE, "labels.csv": table.encode()})


def test_of_two_tables_of_the_same_faces_one_has_to_be_named(load, tmp_path):
    text = b"file,age\n1.jpg,4\n2.jpg,5\n"
    tables = {"labels.csv": text, "old/labels.csv": text.replace(b"4", b"9")}
    refused(load, "labels.csv and old/labels.csv both name 1.jpg", "--labels", source=dict(PAIR, **tables))
    assert list(load(tmp_path / "faces", labels=tmp_path / "faces/old/labels.csv").table["age"]) == [9, 5]


BAD = {
    "no file": ("name of it,age\nx,3\n", ["no column for the file (it has name of it, age)", "--labels"]),
    "no age": ("file,years old\n1.jpg,3\n", ["no column for the age (it has file, years old)"]),
    "empty": ("file,age\n", ["has no rows"]),
    "below 0": ("file,age\n1.jpg,30\n2.jpg,-3\n", ["1 of the 2 rows", "the age is below 0 or above 120 (row 3)"]),
    "above 120": ("file,age\n1.jpg,121\n2.jpg,3\n", ["the age is below 0 or above 120 (row 2)"]),
    "no number": ("file,age\n1.jpg,old\n2.jpg,3\n", ["the age is no number and no range (row 2)"]),
    "backwards": ("file,age\n1.jpg,9-3\n2.jpg,3\n", ["a range that ends before it begins (row 2)"]),
    "gender": ("file,age,sex\n1.jpg,4,male\n2.jpg,5,x\n", ["the gender is unknown (row 3)", "--allow-rejected"]),
    "twice": ("file,age\n1.jpg,4\n2.jpg,5\n1.jpg,6\n", ["the file is named twice (row 2, row 4)"]),
    "missing": ("file,age\n1.jpg,4\n2.jpg,5\n3.jpg,6\n", ["the file is not there (row 4)", "--allow-rejected"]),
    "another set": ("file,age\na/7.jpg,4\na/8.jpg,5\n", ["none of the 2 files", "a/7.jpg", "1.jpg", "another set"]),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_wrong_with_a_table_is_said_with_its_rows(load, kind):
    text, words = BAD[kind]
    files = {"1.jpg": jpeg(1), "2.jpg": jpeg(2), "labels.csv": text.encode()}
    said = refused(load, *words, source=files)
    assert len(said) < 600 and "\n" not in said
    if "--allow-rejected" in said:
        faces = load({}, allow_rejected=True)
        assert 0 < len(faces) < 3
        where = [place for place in reasons(faces) if "row" in place or place.endswith(".jpg")]
        assert where, faces.rejected


def test_a_few_rows_that_cannot_be_used_are_listed(load):
    """One in twenty-one; and a picture that no row names."""
    names = [f"{n}.jpg" for n in range(21)]
    table = "file,age\n" + "".join(f"{name},{n if n else 'unknown'}\n" for n, name in enumerate(names))
    faces = load({**{name: jpeg(n) for n, name in enumerate(names)}, "x.jpg": jpeg(99), "l.csv": table.encode()})
    assert len(faces) == 20
    assert reasons(faces) == {
        "0.jpg": "the age is no number and no range (l.csv, row 2)",
        "x.jpg": "the table of labels does not name it",
    }


def test_hugging_face_s_parts_hold_pictures_and_names_of_classes(load, tmp_path):
    """Classes are numbers whose names stand in the file's notes: an age of 3 is the fourth range, not three years."""
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    names = {"age": ["0-2", "3-9", "10-19", "20-29"], "gender": ["Male", "Female"], "race": ["East Asian", "Indian"]}
    features = {column: {"names": each, "_type": "ClassLabel"} for column, each in names.items()}
    notes = {"huggingface": json.dumps({"info": {"features": features | {"image": {"_type": "Image"}}}})}
    for part in (0, 1):
        rows = {
            "image": [{"bytes": jpeg(picture(2 * part + n, 224)), "path": None} for n in (0, 1)],
            **{"age": [3, 1], "gender": [1, 0], "race": [0, 1]},
        }
        file = tmp_path / f"hf/data/train-0000{part}-of-00002.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(arrow.table(rows).replace_schema_metadata(notes), file)
    others = {"README.md": b"x", "data/train-bad.parquet": b"PAR1" + bytes(9) + b"PAR1"}
    faces = load(write_folder(tmp_path / "hf", others))
    assert list(faces.table["file"]) == [f"train-0000{part}-of-00002-{n}" for part in (0, 1) for n in (0, 1)]
    assert faces.table[["age_low", "age_high", "gender"]].values.tolist() == [[20, 29, 1], [3, 9, 0]] * 2
    assert list(faces.table["race"]) == ["East Asian", "Indian"] * 2
    for n in range(4):
        similar = np.asarray(picture(n), int) - faces.images[n]
        assert np.abs(similar).mean() < 8
    assert "damaged" in reasons(faces)["data/train-bad.parquet"] and set(reasons(faces)) == set(others)
