"""Folders, tars and zips of good and bad members, and archives made to hurt."""

import gzip
import io
import os
import struct
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from tiny_faces import FACES, NAME, write_tar, write_zip

from .names import a_name
from .pictures import a_picture, faces, mutated


@dataclass(frozen=True)
class Source:
    """Something to import, and the paths of the files in it where its maker knows them all."""

    path: Path
    members: list[str] | None


def a_source(rng: Random, folder: Path) -> Source:
    """A folder or an archive in ``folder``, honest, mutated or malicious."""
    kind = rng.choice(
        ("folder", "tar", "tar", "tar.gz", "zip", "zip", "damaged", "damaged", "reaching", "named")
    )
    if kind == "damaged":
        honest = a_tree(rng, folder, rng.choice(("tar", "tar.gz", "zip"))).path
        honest.write_bytes(mutated(honest.read_bytes(), rng))
        return Source(honest, None)
    if kind == "reaching":
        return Source(_reaching(rng, folder), None)
    if kind == "named":
        path = a_tree(rng, folder, "zip").path
        return Source(
            path.rename(folder / rng.choice(("a.tar", "a.tar.gz", "a.ZIP", "a.rar", "a", "a.zip "))), None
        )
    return a_tree(rng, folder, kind)


def a_tree(rng: Random, folder: Path, kind: str) -> Source:
    """An archive or folder of members good and bad, all of them known; none leads outside."""
    count = rng.choice((0, 1, 2, 3, 5, 8, 12))
    files = [(_placed(a_name(rng), rng), _content(rng)) for _ in range(count)]
    if files and rng.random() < 0.3:  # the same name again, with the same content or another
        path, data = rng.choice(files)
        files.append((path, data if rng.random() < 0.5 else _content(rng)))
    if kind == "folder":
        return _folder(rng, folder / "faces", files)
    if kind == "zip":
        return _zip(rng, folder / "faces.zip", files)
    return _tar(rng, folder / f"faces.{kind}", files)


def _placed(name: str, rng: Random) -> str:
    """A name in a folder of the source, which it does not leave."""
    name = name.replace("\0", "").replace("/", "").strip(".") or "x"
    if name[1:2] == ":":
        name = "x" + name
    place = rng.choice(("", "", "", "a", "a/b", "UTKFace", "__MACOSX", ".hidden", "d/" * 60 + "e", "é"))
    return f"{place}/{name}" if place else name


def _content(rng: Random) -> bytes:
    if rng.random() < 0.04:
        return rng.choice((_nested(), bytes(1_200_000), b"<html>"))
    return rng.choice(faces()) if rng.random() < 0.5 else a_picture(rng)


@cache
def _nested() -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("inner.zip", zip_bytes(FACES))
    return memory.getvalue()


def zip_bytes(files: dict[str, bytes], compression=zipfile.ZIP_DEFLATED) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return memory.getvalue()


def _folder(rng, folder, files) -> Source:
    folder.mkdir()
    members = set()
    for path, data in files:
        path = "".join(char for char in path if char == "\udcff" or not 0xD800 <= ord(char) <= 0xDFFF)
        place = folder / path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        except (OSError, ValueError):  # not every name can lie on a disk
            continue
        members.add(path)
    for name, make in (
        ("fifo.jpg", os.mkfifo),
        (NAME, lambda place: os.symlink("nowhere", place)),
        (
            "7" + NAME,
            lambda place: os.symlink(rng.choice((folder, folder.parent, Path("/etc/passwd"))), place),
        ),
        ("empty", os.mkdir),
    ):
        if rng.random() < 0.15 and not os.path.lexists(folder / name):
            make(folder / name)
            if name != "empty":
                members.add(name)
    return Source(folder, sorted(members))


def _tar(rng, path, files) -> Source:
    form = rng.choice((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
    members = []
    mode = "w:gz" if path.name.endswith("gz") else "w"
    encoding = "utf-8" if form == tarfile.PAX_FORMAT else rng.choice(("utf-8", "latin-1", "cp1251"))
    with tarfile.open(path, mode, format=form, encoding=encoding, errors="replace") as archive:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            member.mode = rng.choice((0o644, 0, 0o7777))
            member.type = rng.choice((tarfile.REGTYPE,) * 8 + (tarfile.AREGTYPE, tarfile.CONTTYPE))
            if len(name) > 90:  # tarfile takes the old type for a folder where a long name is cut at a slash
                member.type = tarfile.REGTYPE
            if form == tarfile.PAX_FORMAT and rng.random() < 0.1:
                member.pax_headers = {"comment": "x" * rng.choice((1, 1000, 70_000)), "odd": "\n=1"}
            archive.addfile(member, io.BytesIO(data))
            members.append(name)
        for kind in (
            tarfile.SYMTYPE,
            tarfile.LNKTYPE,
            tarfile.CHRTYPE,
            tarfile.BLKTYPE,
            tarfile.FIFOTYPE,
            b"Z",
            b"S",
        ):
            if rng.random() < 0.08:
                member = tarfile.TarInfo(f"{rng.randint(0, 116)}_0_0_1.jpg")
                member.type, member.linkname = kind, rng.choice(("x", members[0] if members else "y"))
                archive.addfile(member)
                members.append(member.name)
        if rng.random() < 0.2:
            member = tarfile.TarInfo("a folder")
            member.type = tarfile.DIRTYPE
            archive.addfile(member)
    # what the encoding could not say has another name afterwards, so only their number is sure
    return Source(path, members if encoding == "utf-8" else [""] * len(members))


def _zip(rng, path, files) -> Source:
    members = []
    methods = (zipfile.ZIP_DEFLATED,) * 6 + (zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files:
            name = "".join(char for char in name if not 0xD800 <= ord(char) <= 0xDFFF)
            member = zipfile.ZipInfo(name)
            member.compress_type = rng.choice(methods)
            member.external_attr = rng.choice((0o100644, 0, 0o100777)) << 16
            with archive.open(member, "w", force_zip64=rng.random() < 0.1) as file:
                file.write(data)
            members.append(name)
        if rng.random() < 0.1:
            link = zipfile.ZipInfo("a link.jpg")
            link.external_attr = 0o120777 << 16
            archive.writestr(link, rng.choice(("x", "a/b", "y" * 5000)))
            members.append(link.filename)
        if rng.random() < 0.15:
            archive.writestr(zipfile.ZipInfo("a folder/"), b"")
        if rng.random() < 0.15:
            archive.writestr(zipfile.ZipInfo("a folder with content/"), b"lost?")
            members.append("a folder with content/")
        if rng.random() < 0.1:
            archive.comment = rng.randbytes(rng.choice((1, 60_000)))
    if members and rng.random() < 0.1:  # say that one is encrypted
        data = bytearray(path.read_bytes())
        data[data.rindex(b"PK\x01\x02") + 8] |= 1
        path.write_bytes(data)
    return Source(path, members)


_OUTSIDE = (
    "../x.jpg",
    "/tmp/x.jpg",
    "a/../../x.jpg",
    "..\\x.jpg",
    "C:\\x.jpg",
    "c:x.jpg",
    "\\\\host\\x.jpg",
    "..",
)


def _reaching(rng, folder):
    name = rng.choice((*_OUTSIDE, "../" * 50 + "etc/passwd", "/etc/cron.d/x", "//x.jpg"))
    kind = rng.choice(("plain", "symbolic", "hard", "zip", "zip link"))
    if kind == "zip":
        return write_zip(folder / "f.zip", {**FACES, name: b"x"})
    if kind == "zip link":
        path = write_zip(folder / "f.zip", FACES)
        with zipfile.ZipFile(path, "a") as archive:
            link = zipfile.ZipInfo("26_0_0_1.jpg")
            link.external_attr = 0o120777 << 16
            archive.writestr(link, name)
        return path
    if kind == "plain":
        return write_tar(folder / "f.tar", {**FACES, name: b"x"})
    path = write_tar(folder / "f.tar", FACES)
    with tarfile.open(path, "a") as archive:
        link = tarfile.TarInfo("26_0_0_1.jpg")
        link.type = tarfile.SYMTYPE if kind == "symbolic" else tarfile.LNKTYPE
        link.linkname = name
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("26_0_0_1.jpg/x.jpg"))
    return path


# Made to hurt. Each writes one small file and returns its path.

_MEGABYTE = gzip.compress(bytes(1_000_000), mtime=0)
_NAMES = [f"{number % 117}_0_0_{number}.jpg" for number in range(3000)]


def zip_of_zeros(folder: Path) -> Path:
    """3 MB that unpack to 3 GB, each member small enough to be read."""
    return _raw_zip(folder / "bomb.zip", [(name, _deflated(1_000_000), 1_000_000) for name in _NAMES])


def zip_of_one_giant(folder: Path) -> Path:
    """A member of 10 GB: one piece of deflated zeros again and again."""
    piece = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = piece.compress(bytes(10_000_000)) + piece.flush(zlib.Z_FULL_FLUSH)
    return _raw_zip(folder / "bomb.zip", [(NAME, block * 1000 + b"\3\0", 10**10)])


def zip_of_overlapping_members(folder: Path) -> Path:
    """Thousands of entries that all point to the same compressed megabyte."""
    data = _deflated(1_000_000)
    return _raw_zip(folder / "bomb.zip", [(name, data, 1_000_000) for name in _NAMES], shared=True)


def zip_of_many_entries(folder: Path) -> Path:
    """Some 5 MB of directory: 100,000 empty entries."""
    return _raw_zip(folder / "bomb.zip", [(f"{number}", b"", 0) for number in range(100_000)], shared=True)


def zip_bzip2(folder: Path) -> Path:
    """200 MB in a few hundred bytes; Python's zipfile unpacks all of it at the first read."""
    (folder / "bomb.zip").write_bytes(zip_bytes({NAME: bytes(200_000_000)}, zipfile.ZIP_BZIP2))
    data = bytearray((folder / "bomb.zip").read_bytes())
    claimed = data.rindex(b"PK\x01\x02") + 24
    data[claimed : claimed + 4] = (1000).to_bytes(4, "little")
    (folder / "bomb.zip").write_bytes(data)
    return folder / "bomb.zip"


def zip_link_bzip2(folder: Path) -> Path:
    """The same as the target of a symbolic link."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        link = zipfile.ZipInfo(NAME)
        link.compress_type = zipfile.ZIP_BZIP2
        link.external_attr = 0o120777 << 16
        archive.writestr(link, bytes(200_000_000))
    (folder / "bomb.zip").write_bytes(memory.getvalue())
    return folder / "bomb.zip"


def tar_of_one_giant(folder: Path) -> Path:
    """A member of 4 GB of zeros in 4 MB."""
    return _raw_tar_gz(folder, _header(b"0", 4000 * 10**6), _MEGABYTE * 4000)


def tar_with_a_giant_name(folder: Path) -> Path:
    """A name of 2 GB, as GNU's tar writes long ones."""
    return _raw_tar_gz(folder, _header(b"L", 2000 * 10**6, "././@LongLink"), _MEGABYTE * 2000)


def tar_with_giant_pax(folder: Path) -> Path:
    """2 GB of extended headers."""
    return _raw_tar_gz(folder, _header(b"x", 2000 * 10**6), _MEGABYTE * 2000)


def tar_of_many_members(folder: Path) -> Path:
    """Four million empty members in a few megabytes."""
    block = gzip.compress(_header(b"0", 0, "x") * 2000, mtime=0)
    return _raw_tar_gz(folder, b"", block * 2000)


def tar_backwards(folder: Path) -> Path:
    """A size below zero: its next member is the one before (CVE-2025-8194)."""
    path = folder / "bomb.tar"
    path.write_bytes(_header(b"0", 0, "x") + _header(b"0", -1024) + bytes(1024))
    return path


def tar_of_names_backwards(folder: Path) -> Path:
    """A long name of a size below zero means: read everything."""
    return _raw_tar_gz(folder, _header(b"L", -512, "././@LongLink"), _MEGABYTE * 2000)


def tar_in_depth(folder: Path) -> Path:
    """Long names of long names of long names."""
    path = folder / "bomb.tar"
    path.write_bytes(_header(b"L", 0, "././@LongLink") * 20_000 + bytes(1024))
    return path


def tar_of_deep_folders(folder: Path) -> Path:
    """A member 100,000 folders down."""
    return write_tar(folder / "bomb.tar", {"d/" * 100_000 + NAME: b"x"})


def tar_of_a_dotted_name(folder: Path) -> Path:
    """A name of half a million dots: no pattern may go over it again and again."""
    return write_tar(folder / "bomb.tar", {"." * 500_000 + "jpg": b"x"})


def tar_sparse(folder: Path) -> Path:
    """A sparse member that claims 8 GB and stores nothing."""
    path = folder / "bomb.tar"
    header = bytearray(_header(b"S", 0))
    header[386:410] = b"00000000000\000000000000\0"
    header[483:495] = b"77777777777\0"
    path.write_bytes(_summed(header) + bytes(1024))
    return path


def tar_sparse_cut(folder: Path) -> Path:
    """An old sparse member whose map goes on after the end of the file."""
    path = folder / "bomb.tar"
    header = bytearray(_header(b"S", 0))
    header[482] = 1
    path.write_bytes(_summed(header))
    return path


def tar_xz(folder: Path) -> Path:
    """Gigabytes behind an xz dictionary, under the name of a plain tar."""
    import lzma

    path = folder / "bomb.tar"
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 4096, "nice_len": 64}]
    path.write_bytes(
        lzma.compress(_header(b"L", 10**9, "././@LongLink") + bytes(30_000_000), filters=filters)
    )
    return path


BOMBS = (
    zip_of_zeros, zip_of_one_giant, zip_of_overlapping_members, zip_of_many_entries, zip_bzip2, zip_link_bzip2,
    tar_of_one_giant, tar_with_a_giant_name, tar_with_giant_pax, tar_of_many_members, tar_backwards,
    tar_of_names_backwards, tar_in_depth, tar_of_deep_folders, tar_of_a_dotted_name, tar_sparse, tar_sparse_cut, tar_xz,
)  # fmt: skip


@cache
def _deflated(size: int) -> bytes:
    piece = zlib.compressobj(9, zlib.DEFLATED, -15)
    return piece.compress(bytes(size)) + piece.flush()


def _raw_zip(path: Path, members, shared=False) -> Path:
    """A zip written by hand: name, deflated data and claimed size of each; ``shared``: all use the first's data."""
    places = []
    with open(path, "wb") as file:
        for name, data, size in members:
            if not (shared and places):
                places.append(file.tell())
                file.write(_local(name, data, size) + data)
            else:
                places.append(places[0])
        start = file.tell()
        for place, (name, data, size) in zip(places, members, strict=True):
            file.write(_central(name, data, size, place))
        length = file.tell() - start
        file.write(struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, *[len(members)] * 2, length, start))
        file.write(struct.pack("<4sLQL", b"PK\6\7", 0, start + length, 1))
        file.write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65535, 65535, 0xFFFFFFFF, 0xFFFFFFFF, 0))
    return path


def _local(name, data, size):
    extra = struct.pack("<2H2Q", 1, 16, size, len(data))
    fields = (45, 0, 8, 0, 33, 0, 0xFFFFFFFF, 0xFFFFFFFF, len(name), len(extra))
    return struct.pack("<4s5H3L2H", b"PK\3\4", *fields) + name.encode() + extra


def _central(name, data, size, place):
    extra = struct.pack("<2H3Q", 1, 24, size, len(data), place)
    fields = (45, 45, 0, 8, 0, 33, 0, 0xFFFFFFFF, 0xFFFFFFFF, len(name), len(extra), 0, 0, 0, 0, 0xFFFFFFFF)
    return struct.pack("<4s6H3L5H2L", b"PK\1\2", *fields) + name.encode() + extra


def _header(kind: bytes, size: int, name: str = NAME) -> bytes:
    member = tarfile.TarInfo(name)
    member.type = kind
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = tarfile.itn(size, 12, tarfile.GNU_FORMAT)
    return _summed(header)


def _summed(header: bytearray) -> bytes:
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def _raw_tar_gz(folder: Path, header: bytes, packed: bytes) -> Path:
    path = folder / "bomb.tar.gz"
    path.write_bytes(gzip.compress(header, mtime=0) + packed + gzip.compress(bytes(1024), mtime=0))
    return path
