"""Downloads, from a server on this machine that can misbehave; nothing here needs the internet."""

import hashlib
import io
import random
import tarfile
from pathlib import Path
from types import SimpleNamespace

import kagglehub
import pooch
import pytest
from served import served

from agegender_lib.data import download
from agegender_lib.data.download import ARCHIVE, HUGGING_FACE, KAGGLE, download_faces
from agegender_lib.errors import InputError
from agegender_lib.pipeline import cli

FACES = 12
JPEG = b"\xff\xd8\xff"  # how every JPEG begins
NOISE = random.Random(0).randbytes(300_000)  # several chunks


def face_files() -> dict[str, bytes]:
    # Noise does not compress, so that the archive is several chunks long.
    names = [f"{20 + i}_{i % 2}_{i % 5}_2017011617421952{i}.jpg.chip.jpg" for i in range(FACES)]
    return {name: JPEG + NOISE[20_000 * i : 20_000 * (i + 1)] for i, name in enumerate(names)}


def tar_gz(files: dict[str, bytes]) -> bytes:
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"UTKFace/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return memory.getvalue()


@pytest.fixture
def offer(monkeypatch, tmp_path_factory):
    """Puts an archive where Hugging Face would have it, announced by its checksum or by another's."""
    online = tmp_path_factory.mktemp("online")
    file = online / HUGGING_FACE
    file.parent.mkdir(parents=True)

    def put(content, announced=None):
        file.write_bytes(content)
        announced = content if announced is None else announced
        monkeypatch.setattr(download, "SHA256", hashlib.sha256(announced).hexdigest())
        return file

    with served(online) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield put


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "FEWEST", FACES)


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


# --- Hugging Face ---------------------------------------------------------------------------------


def test_whole_download(offer, tmp_path, capsys):
    blob = tar_gz(face_files())
    online = offer(blob)
    path = download_faces("huggingface", tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / ARCHIVE
    assert path.read_bytes() == blob
    assert left_in(path.parent) == [ARCHIVE]
    shown = capsys.readouterr()
    assert "non-commercial research only" in shown.out and "do not redistribute" in shown.out
    assert "Zhang, Song and Qi" in shown.out and "CVPR 2017" in shown.out
    assert f"{FACES} faces" in shown.out
    assert "100%" in shown.err  # the progress bar came to its end
    # what is there is counted, not fetched
    online.unlink()
    assert download_faces("huggingface", tmp_path / "new" / "folder") == path
    assert f"{FACES} faces" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"1_0_0_20170109150557335.jpg.chip.jpg": JPEG}, "holds 1 JPEGs"),
        (dict.fromkeys(face_files(), b"<html>"), "holds 0 JPEGs .* where about 23,708 are expected"),
    ],
)
def test_an_archive_put_there_that_is_no_utkface(tmp_path, files, said):
    (tmp_path / ARCHIVE).write_bytes(tar_gz(files))
    with pytest.raises(InputError, match=said):
        download_faces("huggingface", tmp_path)


def test_another_file_is_refused(offer, tmp_path):
    offer(tar_gz(face_files())[:-100], announced=tar_gz(face_files()))
    with pytest.raises(InputError, match=r"another file than expected .*SHA256"):
        download_faces("huggingface", tmp_path)
    assert left_in(tmp_path) == []


def test_what_is_gone_is_told_by_its_status(offer, tmp_path):
    offer(b"").unlink()
    with pytest.raises(InputError, match="answered 404"):
        download_faces("huggingface", tmp_path)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "mirror.invalid"])
def test_no_server(tmp_path, monkeypatch, capsys, endpoint):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    assert cli.main(["data", "download", "--folder", str(tmp_path)]) == 2
    assert "no connection, or it was cut" in capsys.readouterr().err.splitlines()[-1]
    assert left_in(tmp_path) == []


# --- any file -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "code"), [(KeyboardInterrupt, 130), (cli.Terminated, 143)])
def test_an_interruption_leaves_nothing_and_says_how_it_goes_on(offer, tmp_path, monkeypatch, capsys, kind, code):
    offer(tar_gz(face_files()))

    def half(self, url, output_file, pooch):
        Path(output_file).write_bytes(b"half")
        raise kind

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", half)
    assert cli.main(["data", "download", "--folder", str(tmp_path)]) == code
    assert f"the download of {ARCHIVE} was interrupted; the same command" in capsys.readouterr().err
    assert left_in(tmp_path) == []


# --- Kaggle ---------------------------------------------------------------------------------------


@pytest.fixture
def kaggle(tmp_path, monkeypatch):
    """kagglehub with the dataset in its cache, which holds each face three times."""
    cached = tmp_path / "cached"
    for folder in ("UTKFace", "crop_part1", "utkface_aligned_cropped/UTKFace"):
        (cached / folder).mkdir(parents=True)
        for name, content in face_files().items():
            (cached / folder / name).write_bytes(content)
    hub = SimpleNamespace(cached=cached, asked=[], error=None)

    def dataset_download(handle):
        hub.asked.append(handle)
        if hub.error is not None:
            raise hub.error
        return str(cached)

    monkeypatch.setattr(kagglehub, "dataset_download", dataset_download)
    return hub


def test_kaggle(kaggle, tmp_path, capsys):
    path = download_faces("kaggle", tmp_path / "new" / "data")
    assert download_faces("kaggle", tmp_path / "new" / "data") == path  # and is not asked twice
    assert path == tmp_path / "new" / "data" / "UTKFace"
    assert {file.name: file.read_bytes() for file in path.iterdir()} == face_files()
    assert left_in(path.parent) == ["UTKFace"]
    assert kaggle.asked == [KAGGLE]
    shown = capsys.readouterr().out
    assert download.LICENCE in shown and f"{FACES} faces" in shown
