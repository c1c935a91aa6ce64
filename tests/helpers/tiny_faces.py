"""Tiny labelled JPEGs, made on the fly, as folder, tar and zip."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

STAMP = "2017011618403976"


def picture(seed: int, size: int = 128) -> Image.Image:
    """A smooth pattern, unlike that of any other seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)


def jpeg(image: Image.Image | int, **options) -> bytes:
    return encoded(picture(image) if isinstance(image, int) else image, "JPEG", **options)


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def write_folder(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return folder


def write_tar(file: Path, files: dict[str, bytes], mode: str = "w", top: str = "") -> Path:
    with tarfile.open(file, mode) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(top + name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file


def write_zip(file: Path, files: dict[str, bytes], top: str = "") -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(top + name, data)
    return file


def everything_below(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def reasons(faces) -> dict[str, str]:
    return dict(zip(faces.rejected["file"], faces.rejected["reason"], strict=True))


def truncated() -> bytes:
    data = jpeg(3)
    return data[: len(data) * 2 // 3]


def bomb(side: int = 30000) -> bytes:
    """A JPEG whose header claims ``side`` x ``side`` pixels; only the header would have to be believed."""
    data = bytearray(jpeg(3))
    start = data.index(b"\xff\xc0") + 5
    data[start : start + 4] = side.to_bytes(2, "big") * 2
    return bytes(data)


def encoded(image: Image.Image, form: str, **options) -> bytes:
    memory = io.BytesIO()
    image.save(memory, form, **options)
    return memory.getvalue()


FACES = {f"{age}_{age % 2}_{age % 5}_{STAMP}{age % 10}.jpg.chip.jpg": jpeg(age) for age in (30, 4, 116, 77, 9)}
NAME = f"26_1_2_{STAMP}.jpg.chip.jpg"
WRITE = {"folder": write_folder, "tar": write_tar, "zip": write_zip}
