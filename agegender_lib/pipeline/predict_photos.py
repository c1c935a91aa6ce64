"""What ``predict`` does: photographs are read, and what was found of each face is printed or written."""

import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import pandas as pd

from agegender_lib.data.filenames import printable
from agegender_lib.errors import InputError
from agegender_lib.files import sha256_of, shortened
from agegender_lib.photos.pictures import SUFFIXES
from agegender_lib.pipeline.options import print_table
from agegender_lib.pipeline.photo_sources import Listed, contents, list_photos
from agegender_lib.pipeline.prediction_files import CsvFile, JsonFile, JsonOutput, PredictionFile, Record

if TYPE_CHECKING:
    from agegender_lib.photos import PhotoReader
    from agegender_lib.photos.pictures import Source

_DIGITS = {"confidence": 3, "age": 1, "age_low": 1, "age_high": 1, "p_female": 3}


def predict_photos(options: Namespace) -> None:
    """Print or write what is read of each face of each photo."""
    photos = list_photos(options.photos)
    _check_places(options, photos)
    from agegender_lib import cluster
    from agegender_lib.photos import OUT_OF_SCOPE_USES, PhotoReader

    with cluster.connected(options.scheduler, options.workers) as client:
        reader = PhotoReader(options.model)
        outputs = _outputs(options, reader.interval_note)
        pictures = _annotated(photos, options.annotate) if options.annotate else [None] * len(photos)
        model = _identity(Path(options.model), options.aligned)
        known = [_about(photo, model) for photo in photos]
        left = [
            number
            for number, picture in enumerate(pictures)
            if not outputs
            or not all(output.has(known[number]) for output in outputs)
            or (picture and not picture.is_file())
        ]
        chosen = [photos[number] for number in left]
        pictures = [pictures[number] for number in left]
        if client:
            from agegender_lib.pipeline.remote_photos import read_remotely

            read = read_remotely(client, options.model, chosen, options.aligned, pictures)
        else:
            read = read_records(reader, contents(chosen), options.aligned, pictures, len(chosen))
        failed = _write(read, [known[number] for number in left], outputs, options)
    # what a program reads on standard output is JSON and nothing else
    said = sys.stderr if options.json == "-" else sys.stdout
    print(reader.interval_note, OUT_OF_SCOPE_USES, sep="\n", file=said)
    if there := len(photos) - len(left):
        print(f"{there:,} of {len(photos):,} photos were read before: --again reads them anew", file=sys.stderr)
    if len(failed) == len(photos) == 1:
        raise InputError(failed[0])
    for error in failed:
        print(f"not read: {error}", file=sys.stderr)
    if len(failed) == len(photos):
        raise InputError(f"none of {len(photos):,} files could be read: the reasons stand above")


def _check_places(options: Namespace, photos: list[Listed]) -> None:
    """Refuse places for results where they could not be written, or would take a photo's or each other's."""
    if options.csv == "-":
        raise InputError("--csv grows a file: give its name, or --json - for standard output")
    meant = {photo.path.resolve() for photo in photos}
    files = [path for path in (options.csv, options.json) if path and path != "-"]
    for path in files:
        if os.path.isdir(path):
            raise InputError(f"{path} is a folder: give the name of a file in it")
        if Path(path).resolve() in meant or Path(path).suffix.lower() in SUFFIXES:
            raise InputError(f"{path} is the name of a photo, which results must not replace: give another name")
        if path.endswith(".gz") or (os.path.exists(path) and not os.path.isfile(path)):
            raise InputError(f"{path} cannot grow photo by photo: give the name of a plain file")
    if len({Path(path).resolve() for path in files}) < len(files):
        raise InputError(f"--csv and --json are both {options.csv}: give two names")
    if not options.annotate:
        return
    if os.path.isfile(options.annotate):
        raise InputError(f"{options.annotate} is a file: --annotate takes a folder")
    folder = Path(options.annotate).resolve()
    if any(path.parent == folder for path in meant):
        raise InputError(f"pictures in {options.annotate} could replace the photos there: give another folder")
    if any(Path(given).resolve() in (folder, *folder.parents) for given in options.photos):
        raise InputError(f"pictures in {options.annotate} would be read as photos the next time: give another folder")


def read_records(
    reader: "PhotoReader",
    sources: "Iterable[Source | InputError]",
    aligned: bool,
    pictures: list[Path | None],
    progress: int = 0,
) -> Iterator[Record]:
    """Of each source what JSON tells of it: its notes and faces, or the error; ``pictures`` says where it is drawn."""
    many = progress if progress > 1 else 0
    for picture, (_, found) in zip(pictures, reader.read_all(sources, aligned, progress=many), strict=True):
        if isinstance(found, InputError):
            yield {"error": str(found)}
            continue
        if picture:
            _annotate(found, picture)
        # what is not a number becomes null
        faces = json.loads(found.faces.to_json(orient="records", double_precision=4))
        yield {"notes": list(found.notes), "faces": faces}


def _outputs(options: Namespace, interval_note: str) -> list[PredictionFile]:
    from agegender_lib.photos import OUT_OF_SCOPE_USES
    from agegender_lib.photos.reader import COLUMNS

    outputs: list[PredictionFile] = []
    if options.csv:
        outputs.append(CsvFile(options.csv, COLUMNS, options.again))
    if options.json:
        kind = JsonOutput if options.json == "-" else JsonFile
        about = {"intervals": interval_note, "out_of_scope_uses": OUT_OF_SCOPE_USES}
        outputs.append(kind(options.json, about, options.again))
    return outputs


def _write(read: Iterator[Record], known: list[Record], outputs: list[PredictionFile], options: Namespace) -> list[str]:
    """Write each photo when it is read, or print all at the end; the errors are returned."""
    done: list[Record] = []
    files = [path for path in (options.csv, options.json) if path and path != "-"]
    for output in outputs:
        output.open([about["file"] for about in known])
    try:
        for about, found in zip(known, read, strict=True):
            if error := found.get("error"):
                name = printable(about["file"])  # which the reader does not know of what lies in an archive
                record = {"file": about["file"], "error": error if name in error else f"{name}: {error}"}
            else:
                record = about | found
            for output in outputs:
                output.write(record)
            # of thousands of photos what is written does not stay in memory
            done.append({**record, "faces": len(record.get("faces", ()))} if outputs else record)
    except KeyboardInterrupt as stop:
        goes_on = "with --csv FILE the same command would go on after them"
        if files:
            goes_on = f"they stand in {' and '.join(files)}, and the same command goes on after them"
        raise type(stop)(f"interrupted after {len(done):,} photos: {goes_on}") from None
    finally:
        for output in outputs:
            output.close()
        for record in done:
            for note in record.get("notes", ()):
                print(f"{printable(record['file'])}: {note}", file=sys.stderr)
        if not outputs:
            _print(done)
        for path in files:
            print(f"{path}: {sum('error' not in record for record in done):,} photos written", file=sys.stderr)
    return [record["error"] for record in done if "error" in record]


def _print(done: list[Record]) -> None:
    rows = [
        {"file": printable(record["file"]), "face": number, **face}
        for record in done
        for number, face in enumerate(record.get("faces", ()), 1)
    ]
    if rows:
        print_table(pd.DataFrame(rows).drop(columns=["left", "top", "width", "height"]).round(_DIGITS))
    for record in done:
        if record.get("faces") == []:
            print(f"{printable(record['file'])}: no face found")


def _identity(model: Path, aligned: bool) -> str:
    """What tells answers of one model from another's."""
    from agegender_lib.photos.intervals import corrections_file

    hashes = [sha256_of(file)[:8] for file in (model, corrections_file(model)) if file.is_file()]
    return " ".join([model.name, *hashes, *["aligned"] * aligned])


def _about(photo: Listed, model: str) -> Record:
    return {"file": photo.name, "bytes": photo.bytes, "modified": photo.modified, "model": model}


def _annotated(photos: list[Listed], folder: str) -> list[Path | None]:
    """Where each annotated photo goes: its own name, with a number where several photos share one."""
    names: list[Path | None] = []
    taken: set[str] = set()
    for photo in photos:
        stem = shortened(PurePath(photo.name).stem)
        name, number = f"{stem}.png", 1
        while name.lower() in taken:
            number += 1
            name = f"{stem}-{number}.png"
        taken.add(name.lower())
        names.append(Path(folder) / name)
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
