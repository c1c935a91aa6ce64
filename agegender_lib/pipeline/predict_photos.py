"""What ``predict`` does: photographs are read, and what was found of each face is printed or written."""

import json
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from agegender_lib.data.filenames import printable
from agegender_lib.errors import InputError
from agegender_lib.files import write_csv, write_json
from agegender_lib.pipeline.options import print_table

if TYPE_CHECKING:
    from agegender_lib.photos import PhotoReader

_DIGITS = {"confidence": 3, "age": 1, "age_low": 1, "age_high": 1, "p_female": 3}


def predict_photos(options: Namespace) -> None:
    """Print or write what is read of each face of each photo."""
    files = _picture_files(options.photos)
    for path in (options.csv, options.json):
        if path and Path(path).is_dir():
            raise InputError(f"{path} is a folder: give the name of a file in it")
    from agegender_lib import cluster
    from agegender_lib.photos import OUT_OF_SCOPE_USES, PhotoReader

    with cluster.connected(options.scheduler, options.workers) as client:
        reader = PhotoReader(options.model)
        names = _annotated_names(files) if options.annotate else {}
        pictures = {file: Path(options.annotate) / name for file, name in names.items()}
        if client:
            from agegender_lib.pipeline.remote_photos import read_remotely

            read = read_remotely(client, options.model, files, options.aligned, pictures)
        else:
            read = read_tables(reader, files, options.aligned, pictures, progress=len(files) > 1)
    _write(read, reader.interval_note, options)
    # what a program reads on standard output is JSON and nothing else
    said = sys.stderr if options.json == "-" else sys.stdout
    print(reader.interval_note, OUT_OF_SCOPE_USES, sep="\n", file=said)
    failed = [error for _, error in read if isinstance(error, InputError)]
    if len(failed) == len(read) == 1:
        raise failed[0]
    for error in failed:
        print(f"not read: {error}", file=sys.stderr)
    if len(failed) == len(read):
        raise InputError(f"none of {len(read):,} files could be read: the reasons stand above")


def read_tables(
    reader: "PhotoReader", files: list[Path], aligned: bool, pictures: Mapping[Path, Path], progress: bool = False
) -> list[tuple[Path, "pd.DataFrame | InputError"]]:
    """Each file with its faces, or with the reason why there are none; ``pictures`` says where annotated ones go."""
    read: list[tuple[Path, pd.DataFrame | InputError]] = []
    for file, found in reader.read_all(files, aligned, progress=progress):
        if file in pictures and not isinstance(found, InputError):
            _annotate(found, pictures[file])
        # thousands of photos do not stay in memory, what is known of their faces does
        read.append((file, found if isinstance(found, InputError) else found.faces))
    return read


def _write(read: list, interval_note: str, options: Namespace) -> None:
    tables = [
        table.assign(file=str(file), face=range(1, len(table) + 1))
        for file, table in read
        if isinstance(table, pd.DataFrame)
    ]
    if options.json:
        from agegender_lib.photos import OUT_OF_SCOPE_USES

        photos = []
        for file, found in read:
            if isinstance(found, InputError):
                told = {"error": str(found)}
            else:  # what is not a number becomes null
                told = {"faces": json.loads(found.to_json(orient="records", double_precision=4))}
            photos.append({"file": str(file)} | told)
        content = {"intervals": interval_note, "out_of_scope_uses": OUT_OF_SCOPE_USES, "photos": photos}
        if options.json == "-":
            print(json.dumps(content, indent=2, ensure_ascii=False))
        else:
            write_json(Path(options.json), content)
            print(f"{options.json}: {len(read):,} photos", file=sys.stderr)
    if not tables:
        return
    faces = pd.concat(tables, ignore_index=True)
    faces = faces[["file", "face", *faces.columns.drop(["file", "face"])]]
    if options.csv:
        write_csv(Path(options.csv), faces, float_format="%.4f")
        print(f"{options.csv}: {len(faces):,} faces", file=sys.stderr)
    if options.csv or options.json:
        return
    if len(faces):
        shown = faces.drop(columns=["left", "top", "width", "height"]).round(_DIGITS)
        print_table(shown.assign(file=shown["file"].map(printable)))
    for file, table in read:
        if isinstance(table, pd.DataFrame) and table.empty:
            print(f"{printable(str(file))}: no face found")


def _picture_files(given: list[str]) -> list[Path]:
    """The files that are meant, each once; a folder's pictures and those of the folders in it, sorted."""
    from agegender_lib.photos import SUFFIXES

    files: dict[Path, None] = {}
    for name in given:
        path = Path(name)
        if path.is_dir():
            there = [file for file in sorted(path.rglob("*")) if file.is_file()]
            inside = [file for file in there if file.suffix.lower() in SUFFIXES]
            if not inside:
                raise InputError(f"{printable(name)} holds no picture: give a folder with {', '.join(SUFFIXES)} files")
            files |= dict.fromkeys(inside)
            for other in sorted(set(there) - set(inside)):
                print(f"left out: {printable(str(other))} has no picture's ending", file=sys.stderr)
        else:
            files[path] = None
    return list(files)


def _annotated_names(files: list[Path]) -> dict[Path, str]:
    """A file name for each annotated photo: its own, with a number where several photos share one."""
    names: dict[Path, str] = {}
    taken: set[str] = set()
    for file in files:
        name, number = f"{file.stem}.png", 1
        while name.lower() in taken:
            number += 1
            name = f"{file.stem}-{number}.png"
        taken.add(name.lower())
        names[file] = name
    return names


def _annotate(found, file: Path) -> None:
    """Write a photo with boxes and predictions, at its own size."""
    from agegender_lib import plots
    from agegender_lib.files import replacing
    from agegender_lib.photos.pictures import LONGEST_SIDE

    figure = plots.photo(found, predictions=True)
    try:
        with replacing(file) as temporary:
            # small photos are enlarged, or their letters could not be read; a narrow one would become miles long
            height, width = found.pixels.shape[:2]
            enlarged = max(1.0, min(600 / width, LONGEST_SIDE / height))
            figure.savefig(temporary, format="png", dpi=enlarged * width / figure.get_figwidth())
    except OSError as error:
        raise InputError(
            f"{printable(str(file))} cannot be written ({error.strerror}): give another --annotate folder"
        ) from None
