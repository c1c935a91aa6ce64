"""Downloads, from a server on this machine that can misbehave; nothing here needs the internet."""

import errno
import hashlib
import http.server
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import threading
from pathlib import Path
from types import SimpleNamespace

import kagglehub
import pytest
import requests
from kagglehub import exceptions as kaggle_errors

from agegender_lib import folders
from agegender_lib.data import download, web
from agegender_lib.data.download import ARCHIVE, HUGGING_FACE, KAGGLE, download_faces
from agegender_lib.data.fetch import fetch, part_path
from agegender_lib.errors import InputError
from agegender_lib.pipeline import cli

FACES = 12
JPEG = b"\xff\xd8\xff"  # how every JPEG begins
FEWEST = download.FEWEST  # before a fixture makes it as small as the archives of these tests
LISTING = f"/hub/api/datasets/{HUGGING_FACE}/tree/main"
RESOLVE = f"/hub/datasets/{HUGGING_FACE}/resolve/main/UTKFace.tar.gz"
STORE = "/store/blob"
NOISE = random.Random(0).randbytes(300_000)  # several chunks
NOISE_SHA = hashlib.sha256(NOISE).hexdigest()


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


class Home(http.server.ThreadingHTTPServer):
    """A server with the addresses of Hugging Face: listing, redirect, store."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.base = f"http://127.0.0.1:{self.server_address[1]}"
        self.log = []  # (path, Range header) of every request
        self.files = {}
        self.cuts = []  # for each coming answer from the store, after how many bytes the connection breaks
        self.statuses = []  # for each coming request, an error status to answer with
        self.ranges = True
        self.lengths = True

    def offer(self, blob: bytes, sha256: str | None = None) -> str:
        """Put an archive online as Hugging Face does; its checksum is returned."""
        sha256 = sha256 or hashlib.sha256(blob).hexdigest()
        entry = {"type": "file", "path": "UTKFace.tar.gz", "oid": "f" * 40, "size": len(blob)}
        entry["lfs"] = {"oid": sha256, "size": len(blob), "pointerSize": 134}
        readme = {"type": "file", "path": "README.md", "oid": "e" * 40, "size": 795}
        self.files = {LISTING: json.dumps([readme, entry]).encode(), STORE: blob}
        return sha256

    def asked(self, path: str) -> list[str | None]:
        """Range headers of the requests for a path, in their order."""
        return [wanted for requested, wanted in self.log if requested == path]


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        home = self.server
        wanted = self.headers.get("Range")
        home.log.append((self.path, wanted))
        if home.statuses:
            return self.send_error(home.statuses.pop(0))
        if self.path == RESOLVE:
            self.send_response(302)
            self.send_header("Location", STORE)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if self.path not in home.files:
            return self.send_error(404)
        body = home.files[self.path]
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and home.ranges else 0
        if start >= len(body):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if home.lengths:
            self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        cut = home.cuts.pop(0) if self.path == STORE and home.cuts else None
        self.wfile.write(body[start:] if cut is None else body[start : start + cut])

    def log_message(self, *args):
        pass


@pytest.fixture
def home(monkeypatch):
    server = Home()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", server.base + "/hub/")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(web, "PAUSE", 0)
    monkeypatch.setattr(download, "FEWEST", FACES)


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


# --- Hugging Face ---------------------------------------------------------------------------------


def test_whole_download(home, tmp_path, capsys):
    blob = tar_gz(face_files())
    home.offer(blob)
    path = download_faces("huggingface", tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / ARCHIVE
    assert path.read_bytes() == blob
    assert left_in(path.parent) == [ARCHIVE]
    assert home.log == [(LISTING, None), (RESOLVE, None), (STORE, None)]
    shown = capsys.readouterr()
    assert "non-commercial research only" in shown.out
    assert "do not redistribute" in shown.out
    assert "Zhang, Song and Qi" in shown.out and "CVPR 2017" in shown.out
    assert f"{FACES} faces" in shown.out
    assert "100%" in shown.err and ARCHIVE in shown.err  # the progress bar came to its end


def test_licence_comes_before_the_first_request(home, tmp_path, monkeypatch, capsys):
    home.offer(tar_gz(face_files()))
    printed = []
    monkeypatch.setattr(download, "fetch_json", lambda url: printed.append(capsys.readouterr().out) or [])
    with pytest.raises(InputError):
        download_faces("huggingface", tmp_path)
    assert printed == [download.LICENCE + "\n"]


def test_what_is_there_is_not_fetched_again(home, tmp_path, capsys):
    home.offer(tar_gz(face_files()))
    path = download_faces("huggingface", tmp_path)
    home.log.clear()
    capsys.readouterr()
    assert download_faces("huggingface", tmp_path) == path
    assert home.log == []
    assert f"{FACES} faces" in capsys.readouterr().out


def test_damage_to_what_is_there_is_noticed(home, tmp_path):
    home.offer(tar_gz(face_files()))
    path = download_faces("huggingface", tmp_path)
    content = bytearray(path.read_bytes())
    content[-6] ^= 1  # in the checksum that ends a gzip file, where no tar member is
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be read to its end .*remove it"):
        download_faces("huggingface", tmp_path)
    assert path.exists()  # a user's file is for the user to remove


def test_connection_cut_is_resumed(home, tmp_path, capsys):
    blob = tar_gz(face_files())
    home.offer(blob)
    home.cuts = [100_000, 50_000]
    path = download_faces("huggingface", tmp_path)
    assert path.read_bytes() == blob
    assert home.asked(STORE) == [None, "bytes=100000-", "bytes=150000-"]
    assert "100%" in capsys.readouterr().err


def test_connection_cut_again_and_again_keeps_what_came(home, tmp_path):
    blob = tar_gz(face_files())
    sha256 = home.offer(blob)
    home.cuts = [10_000] * web.ATTEMPTS
    with pytest.raises(InputError, match=r"tried 4 times.*connection was cut.*run the same again"):
        download_faces("huggingface", tmp_path)
    part = part_path(tmp_path / ARCHIVE, sha256)
    assert left_in(tmp_path) == [part.name]
    assert part.read_bytes() == blob[: 10_000 * web.ATTEMPTS]
    home.log.clear()
    assert download_faces("huggingface", tmp_path).read_bytes() == blob
    assert home.asked(STORE) == [f"bytes={10_000 * web.ATTEMPTS}-"]
    assert left_in(tmp_path) == [ARCHIVE]


def test_wrong_checksum_is_refused(home, tmp_path):
    home.offer(tar_gz(face_files()), sha256="0" * 64)
    with pytest.raises(InputError, match=r"another file than the one announced: its sha256 is"):
        download_faces("huggingface", tmp_path)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize(
    "blob, said",
    [
        (tar_gz({"1_0_0_20170109150557335.jpg.chip.jpg": JPEG}), "holds 1 JPEGs"),
        (tar_gz({f"portrait{i}.jpg": JPEG for i in range(FACES)}), "holds 0 JPEGs"),
        (tar_gz(dict.fromkeys(face_files(), b"<html>")), "holds 0 JPEGs"),
        (b"no archive at all", "cannot be read to its end"),
        (tar_gz(face_files())[:-2000], "cannot be read to its end"),
    ],
    ids=["too few", "other names", "no JPEGs", "no archive", "cut short"],
)
def test_archive_that_is_no_utkface(home, tmp_path, blob, said):
    home.offer(blob)
    with pytest.raises(InputError, match=said):
        download_faces("huggingface", tmp_path)
    assert left_in(tmp_path) == []


def test_a_part_of_utkface_is_refused(home, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "FEWEST", FEWEST)
    home.offer(tar_gz(face_files()))
    with pytest.raises(InputError, match=f"holds {FACES} JPEGs .* where about 23,708 are expected"):
        download_faces("huggingface", tmp_path)


@pytest.mark.parametrize(
    "listing",
    [
        b"[]",
        b'{"error": "Repository not found"}',
        b'[{"path": "UTKFace.tar.gz", "size": 5}]',
        b'[{"path": "UTKFace.tar.gz", "lfs": {"oid": "abc", "size": 5}}]',
        json.dumps([{"path": f"{i}.tar.gz", "lfs": {"oid": "0" * 64, "size": 5}} for i in range(2)]).encode(),
    ],
    ids=["empty", "error", "no checksum", "odd checksum", "two archives"],
)
def test_listing_that_announces_no_archive(home, tmp_path, listing):
    home.files = {LISTING: listing}
    with pytest.raises(InputError, match=r"does not announce one \.tar\.gz.*kaggle"):
        download_faces("huggingface", tmp_path)
    assert [path for path, _ in home.log] == [LISTING]


def test_listing_that_is_a_login_page(home, tmp_path):
    home.files = {LISTING: b"<html>Please log in</html>"}
    with pytest.raises(InputError, match="did not answer with JSON"):
        download_faces("huggingface", tmp_path)


def test_dataset_that_is_gone(home, tmp_path):
    with pytest.raises(InputError, match="answered 404 Not Found"):
        download_faces("huggingface", tmp_path)
    assert len(home.log) == 1  # what is not there does not come by asking again


def test_no_server(tmp_path, monkeypatch):
    closed = Home()
    closed.server_close()
    monkeypatch.setenv("HF_ENDPOINT", closed.base)
    with pytest.raises(InputError, match=r"tried 4 times.*no connection; check the network"):
        download_faces("huggingface", tmp_path)
    assert left_in(tmp_path) == []


def test_endpoint_without_scheme(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "mirror.invalid")
    with pytest.raises(InputError, match="check the address"):
        download_faces("huggingface", tmp_path)


def test_unknown_source(tmp_path):
    with pytest.raises(InputError, match="'ftp'; choose one of huggingface, kaggle"):
        download_faces("ftp", tmp_path)


# --- any file -------------------------------------------------------------------------------------


@pytest.fixture
def noise(home):
    home.files = {STORE: NOISE}
    return home.base + STORE


def test_passing_errors_are_tried_again(home, noise, tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr(web.time, "sleep", pauses.append)
    monkeypatch.setattr(web, "PAUSE", 0.5)
    home.statuses = [503, 429]
    assert fetch(noise, tmp_path / "weights.h5", NOISE_SHA).read_bytes() == NOISE
    assert pauses == [0.5, 1.0]


def test_silence_is_tried_again(noise, tmp_path, monkeypatch):
    real, calls = requests.get, []

    def once_silent(url, **options):
        calls.append(options["timeout"])
        if len(calls) == 1:
            raise requests.exceptions.ReadTimeout
        return real(url, **options)

    monkeypatch.setattr(web.requests, "get", once_silent)
    assert fetch(noise, tmp_path / "weights.h5", NOISE_SHA).read_bytes() == NOISE
    assert calls == [web.TIMEOUT, web.TIMEOUT]


def test_server_without_ranges_sends_all_again(home, noise, tmp_path):
    home.cuts, home.ranges = [100_000], False
    assert fetch(noise, tmp_path / "weights.h5", NOISE_SHA).read_bytes() == NOISE
    assert home.asked(STORE) == [None, "bytes=100000-"]


def test_cut_without_an_announced_length_is_noticed(home, noise, tmp_path):
    home.cuts, home.lengths = [100_000], False
    assert fetch(noise, tmp_path / "weights.h5", NOISE_SHA, len(NOISE)).read_bytes() == NOISE
    assert home.asked(STORE) == [None, "bytes=100000-"]


@pytest.mark.parametrize("size, ranges", [(len(NOISE), []), (None, [f"bytes={len(NOISE)}-"])])
def test_whole_part_is_only_verified(home, noise, tmp_path, size, ranges):
    path = tmp_path / "weights.h5"
    part_path(path, NOISE_SHA).write_bytes(NOISE)
    assert fetch(noise, path, NOISE_SHA, size).read_bytes() == NOISE
    assert home.asked(STORE) == ranges


def test_part_of_another_version_is_not_continued(home, noise, tmp_path):
    path = tmp_path / "weights.h5"
    part_path(path, "0" * 64).write_bytes(b"older")
    assert fetch(noise, path, NOISE_SHA).read_bytes() == NOISE
    assert home.asked(STORE) == [None]


def test_without_checksum_no_part_is_continued(home, noise, tmp_path):
    path = tmp_path / "weights.h5"
    part_path(path).write_bytes(b"older")
    assert fetch(noise, path).read_bytes() == NOISE
    assert home.asked(STORE) == [None]


def test_spoiled_part_is_removed(noise, tmp_path):
    path = tmp_path / "weights.h5"
    part_path(path, NOISE_SHA).write_bytes(b"spoiled")
    with pytest.raises(InputError, match="its sha256 is"):
        fetch(noise, path, NOISE_SHA)
    assert left_in(tmp_path) == []
    assert fetch(noise, path, NOISE_SHA).read_bytes() == NOISE


def test_wrong_size_is_refused(noise, tmp_path):
    with pytest.raises(InputError, match="it has 300,000 bytes where 300,001 are announced"):
        fetch(noise, tmp_path / "weights.h5", size=300_001)
    assert left_in(tmp_path) == []


def test_matching_file_is_not_fetched(home, noise, tmp_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(NOISE)
    assert fetch(noise, path, NOISE_SHA.upper(), len(NOISE)) == path
    assert home.log == []


def test_another_file_under_the_name_is_not_overwritten(home, noise, tmp_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(b"mine")
    with pytest.raises(InputError, match=r"weights\.h5 is another file .*move it away"):
        fetch(noise, path, NOISE_SHA)
    assert path.read_bytes() == b"mine"
    assert home.log == []


def test_check_sees_the_file_before_it_has_its_name(noise, tmp_path):
    path = tmp_path / "weights.h5"
    seen = []
    fetch(noise, path, NOISE_SHA, check=lambda part: seen.append((part.read_bytes() == NOISE, path.exists())))
    assert seen == [(True, False)]


def test_interruption_keeps_what_came(home, noise, tmp_path, monkeypatch):
    path = tmp_path / "weights.h5"
    with monkeypatch.context() as patch:
        patch.setattr(
            "agegender_lib.data.fetch.tqdm.update", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt, match=r"interrupted.*weights\.h5.*goes on from there"):
            fetch(noise, path, NOISE_SHA)
    part = part_path(path, NOISE_SHA)
    assert left_in(tmp_path) == [part.name]
    came = part.stat().st_size
    assert 0 < came < len(NOISE)
    assert fetch(noise, path, NOISE_SHA).read_bytes() == NOISE
    assert home.asked(STORE)[-1] == f"bytes={came}-"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_disk_full(noise, tmp_path):
    path = tmp_path / "weights.h5"
    part_path(path, NOISE_SHA).symlink_to("/dev/full")
    with pytest.raises(InputError, match=r"cannot be written: No space left on device; make room"):
        fetch(noise, path, NOISE_SHA)
    assert not path.exists()


def test_folder_that_is_a_file(noise, tmp_path):
    (tmp_path / "models").write_text("not a folder")
    with pytest.raises(InputError, match="cannot be written"):
        fetch(noise, tmp_path / "models" / "weights.h5", NOISE_SHA)


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
    assert path == tmp_path / "new" / "data" / "UTKFace"
    assert {file.name: file.read_bytes() for file in path.iterdir()} == face_files()
    assert left_in(path.parent) == ["UTKFace"]
    assert kaggle.asked == [KAGGLE]
    shown = capsys.readouterr().out
    assert download.LICENCE in shown and f"{FACES} faces" in shown


def test_kaggle_is_not_asked_twice(kaggle, tmp_path):
    assert download_faces("kaggle", tmp_path / "data") == download_faces("kaggle", tmp_path / "data")
    assert len(kaggle.asked) == 1


def test_kaggle_copy_that_was_interrupted(kaggle, tmp_path, monkeypatch):
    def stop(source, target):
        target.write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(download.shutil, "copyfile", stop)
        with pytest.raises(KeyboardInterrupt, match="interrupted; run the same again"):
            download_faces("kaggle", tmp_path / "data")
    assert left_in(tmp_path / "data") == ["UTKFace.part"]
    path = download_faces("kaggle", tmp_path / "data")
    assert {file.name: file.read_bytes() for file in path.iterdir()} == face_files()
    assert left_in(tmp_path / "data") == ["UTKFace"]


def test_kaggle_copy_onto_a_full_disk(kaggle, tmp_path, monkeypatch):
    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download.shutil, "copyfile", full)
    with pytest.raises(InputError, match="No space left on device; make room"):
        download_faces("kaggle", tmp_path / "data")
    assert not (tmp_path / "data" / "UTKFace").exists()


def test_kaggle_sends_something_else(kaggle, tmp_path):
    for file in list((kaggle.cached / "UTKFace").iterdir())[1:]:
        file.unlink()
    with pytest.raises(InputError, match="holds 1 JPEGs"):
        download_faces("kaggle", tmp_path / "data")
    shutil.rmtree(kaggle.cached / "UTKFace")
    with pytest.raises(InputError, match="holds no folder UTKFace"):
        download_faces("kaggle", tmp_path / "data")
    assert left_in(tmp_path / "data") == []


def refusal(status: int) -> kaggle_errors.KaggleApiHTTPError:
    response = requests.Response()
    response.status_code = status
    return kaggle_errors.KaggleApiHTTPError(f"{status} Client Error.\n\nMore lines", response=response)


@pytest.mark.parametrize(
    "error, said",
    [
        (kaggle_errors.UnauthenticatedError(), "wants credentials; .*KAGGLE_API_TOKEN"),
        (kaggle_errors.CredentialError("no token"), "wants credentials"),
        (refusal(401), "wants credentials"),
        (refusal(403), "wants credentials"),
        (refusal(404), "not there any more"),
        (refusal(500), "KaggleApiHTTPError: 500 Client Error.; run the same again"),
        (requests.ConnectionError("long story"), "no connection, or it was cut; check the network"),
        (requests.exceptions.ChunkedEncodingError("long story"), "it was cut; check the network"),
        (requests.Timeout("long story"), "no connection, or it was cut; check the network"),
        (kaggle_errors.DataCorruptionError("checksum"), "DataCorruptionError: checksum; run the same again"),
        (OSError(errno.ENOSPC, "No space left on device"), "make room or let KAGGLEHUB_CACHE"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_kaggle_errors(kaggle, tmp_path, error, said):
    kaggle.error = error
    with pytest.raises(InputError, match=said) as caught:
        download_faces("kaggle", tmp_path / "data")
    assert "\n" not in str(caught.value)
    assert left_in(tmp_path / "data") == []


@pytest.mark.parametrize(("kind", "code"), [(KeyboardInterrupt, 130), (cli.Terminated, 143)])
def test_the_command_says_how_an_interrupted_download_goes_on(kaggle, tmp_path, capsys, kind, code):
    kaggle.error = kind()
    arguments = ["data", "download", "--source", "kaggle", "--folder", str(tmp_path / "data")]
    assert cli.main(arguments) == code
    said = f"\nagegender: the download of {download.KAGGLE} was interrupted; run the same again to go on\n"
    assert capsys.readouterr().err == said


def test_without_kagglehub(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(InputError, match="kagglehub is not installed"):
        download_faces("kaggle", tmp_path)


def test_kagglehub_is_imported_only_when_used():
    code = "import agegender_lib.data.download, sys; sys.exit('kagglehub' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=folders.ROOT).returncode == 0
