"""Commands on sets of faces: check, render, download; see ``commands``."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from agegender_lib import folders
from agegender_lib.pipeline.options import ALLOW_REJECTED, DATA_HELP, LABELS, command, data_of, option, print_table

if TYPE_CHECKING:
    import pandas as pd


@command(
    "what is in a set of faces, and what was rejected and why",
    option("data", metavar="DATA", nargs="+", help=f"{DATA_HELP.split(';')[0]}; several as one set"),
    LABELS,
    ALLOW_REJECTED,
    option("--rejected", metavar="FILE", help="write the table of rejected files there, as CSV"),
)
def data_check(options: Namespace) -> None:
    """Import a set of faces into the cache and print what was found: where the labels come from and how they were read,
    which pictures were resized, how many faces there are of whom. Every file, and every row of a table, is either used
    or listed with the reason why not.
    """
    import pandas as pd

    from agegender_lib import data

    faces = data.load_sources(data_of(options))
    table = faces.table
    in_groups = table.loc[table["duplicate_group"] >= 0, "duplicate_group"]
    print(f"{faces.name}: {len(faces):,} faces used, {len(faces.rejected):,} files rejected")
    if faces.synthetic:
        print("  drawn stand-in faces, not photographs")
    for note in faces.notes:
        print(f"  {note}")
    youngest, oldest = (table.get(end, table["age"]) for end in ("age_low", "age_high"))
    print(f"  ages {youngest.min()} to {oldest.max()} years, median {table['age'].median():.0f}")
    genders = pd.Categorical.from_codes(table["gender"], data.GENDERS).add_categories(data.UNLABELLED)
    genders[table["gender"] < 0] = data.UNLABELLED
    genders = genders.remove_unused_categories()
    counted = {"gender": genders, "race": data.race_names(table["race"])}
    for column, names in (counted | {name: table.get(name) for name in ("split", "source")}).items():
        if names is not None:
            counts = pd.Series(names).value_counts(sort=column not in counted)
            print(f"  {column}: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))
    if said := data.given_split(table)[1]:
        print(f"  {said}")
    print(f"  near-duplicates: {len(in_groups):,} faces in {in_groups.nunique():,} groups")
    print(f"  fingerprint {faces.fingerprint}")
    _show_rejected(faces.rejected, options.rejected)


def _show_rejected(rejected: "pd.DataFrame", file: str | None) -> None:
    if file:
        from agegender_lib.files import write_csv

        write_csv(Path(file), rejected)
        print(f"rejected files with their reasons: {file}")
    elif len(rejected):
        print_table(rejected.head(20))
        if len(rejected) > 20:
            print(f"... and {len(rejected) - 20:,} more: give --rejected FILE to keep all of them")


@command(
    "find the faces of labelled photographs, and frame them like UTKFace's",
    option("data", metavar="DATA", help="labelled photographs: a folder or an archive of them, see data check"),
    option("folder", metavar="FOLDER", help="the new folder"),
    LABELS,
    option("--rejected", metavar="FILE", help="write the table of what was left out there, as CSV"),
)
def data_align(options: Namespace) -> None:
    """Find the largest face of each photograph by the detector that predict uses, bring it to where UTKFace's
    faces lie, and write it with its labels into a new folder for --data. What has no face is listed.
    """
    from agegender_lib.photos.align_faces import align_faces

    count, left_out = align_faces(options.data, options.folder, options.labels)
    print(f"{options.folder}: {count:,} faces, {len(left_out):,} files left out")
    _show_rejected(left_out, options.rejected)


@command(
    "draw labelled stand-in faces",
    option("folder", metavar="FOLDER"),
    option("--count", type=int, help="how many (default: as many as a report without data draws)"),
    option("--seed", type=int, default=0, help="another seed, other faces (default: %(default)s)"),
)
def data_render(options: Namespace) -> None:
    """Draw faces with UTKFace names into a new folder. They are for trying things out: numbers measured on them say
    nothing about people.
    """
    from agegender_lib import data

    count = data.SYNTHETIC_FACES if options.count is None else options.count
    folder = data.render_faces(options.folder, count, options.seed)
    print(f"{folder}: {count:,} drawn faces")


@command(
    "fetch UTKFace (23,708 faces; non-commercial research only)",
    option("--source", choices=("huggingface", "kaggle"), default="huggingface", help="(default: %(default)s)"),
    option("--folder", default=folders.CACHE / "utkface", metavar="FOLDER", help="where to (default: cache/utkface)"),
)
def data_download(options: Namespace) -> None:
    """Fetch UTKFace from one of its public homes, verify it, and say which licence applies."""
    from agegender_lib.data.download import download_faces

    path = download_faces(options.source, options.folder)
    print(f"use it with --data {path}")
