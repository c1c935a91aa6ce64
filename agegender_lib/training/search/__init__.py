"""Hyper-parameter search with Optuna, shared by any number of workers. Imported where it is used: Optuna is slow."""

from .kept import read_search, search_or_kept, write_search
from .run import run_search, search_table
from .space import SPACE, read_space, space_file
from .study import load_search
from .trial import VALUE_MEANING

__all__ = [
    "SPACE",
    "VALUE_MEANING",
    "load_search",
    "read_search",
    "read_space",
    "run_search",
    "search_or_kept",
    "search_table",
    "space_file",
    "write_search",
]
