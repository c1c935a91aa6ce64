"""Tables of faces as Hugging Face keeps them: Parquet files whose rows hold the pictures beside their labels."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from agegender_lib.errors import InputError

_ROWS = 256  # pictures in memory at a time


def read_parquet(
    name: str, content: bytes | Path
) -> tuple[pd.DataFrame, Callable[[], Iterator[tuple[int, bytes | str]]] | None]:
    """All columns but the pictures, as text, and the pictures by row, where there are any.

    Where Hugging Face keeps classes as numbers, the cells hold their names; where pictures have paths, the column
    ``file`` holds them.
    """
    file = _opened(name, content)
    schema = file.schema_arrow
    picture = next((field.name for field in schema if _holds_pictures(field)), None)
    cells = file.read(columns=[column for column in schema.names if column != picture]).to_pandas()
    for column, names in _classes(schema.metadata or {}).items():
        if column in cells:
            cells[column] = cells[column].map(dict(enumerate(names)))
    cells = cells.astype(object).where(cells.notna(), "").astype(str)
    if picture is None:
        return cells, None
    if f"{picture}.path" in {column.path for column in file.schema}:
        paths = [row["path"] for row in file.read(columns=[f"{picture}.path"])[picture].to_pylist()]
        if all(paths) and len({*paths}) == len(paths):
            cells["file"] = paths
    return cells, lambda: _pictures(_opened(name, content), picture)


def _pictures(file, picture: str) -> Iterator[tuple[int, bytes | str]]:
    number = 0
    for batch in file.iter_batches(_ROWS, columns=[picture]):
        for cell in batch.column(0).to_pylist():
            data = cell.get("bytes") if isinstance(cell, dict) else cell
            yield number, data or "its row holds no picture"
            number += 1


def _opened(name: str, content: bytes | Path):
    try:
        from pyarrow import parquet
    except ImportError:
        raise InputError(
            f"{name} is a Parquet table, which pyarrow reads: pip install 'agegender[parquet]', or save it as .csv"
        ) from None
    try:
        return parquet.ParquetFile(io.BytesIO(content) if isinstance(content, bytes) else content)
    except Exception as error:  # pyarrow's own kinds
        raise InputError(f"{name} is damaged or no Parquet table ({error}): copy or download it again") from None


def _holds_pictures(field) -> bool:
    from pyarrow import types

    if types.is_struct(field.type):
        return any(inner.name == "bytes" for inner in field.type)
    return types.is_binary(field.type) or types.is_large_binary(field.type)


def _classes(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """By column, the names of classes that are kept as numbers."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {column: kind["names"] for column, kind in features.items() if kind.get("_type") == "ClassLabel"}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}
