"""What an import gives back."""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class FaceSet:
    """Labelled faces: a table, their pixels in the same order, and what could not be used.

    Attributes
    ----------
    table : pandas.DataFrame
        A row per face, sorted by file name: file (str), age (int, years), gender (int; 0 male, 1 female),
        race (int, index into ``RACES``), timestamp (str), duplicate_group (int; -1 = none).
    images : uint8 [n, 128, 128, 3]
        RGB, a read-only memory map.
    rejected : pandas.DataFrame
        A row per file of the source that is not in the table: file (its path in the source) and reason.
    fingerprint : str
        64 hex digits that name this very set of faces, wherever it was read from.
    name : str
        The source's name without folders and endings, e.g. ``train_val``.
    synthetic : bool
        Whether at least one face is drawn rather than photographed.
    """

    table: pd.DataFrame
    images: np.ndarray
    rejected: pd.DataFrame
    fingerprint: str
    name: str
    synthetic: bool

    def __len__(self) -> int:
        return len(self.table)
