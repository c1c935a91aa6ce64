"""Hyper-parameter search with Optuna, shared by any number of workers. Imported where it is used: Optuna is slow."""

from .objective import VALUE_MEANING
from .run import load_search, run_search, search_table
from .space import SPACE, read_space, space_file
from .tables import Search, search_or_kept
