"""Hyper-parameter search with Optuna, shared by any number of workers. Imported where it is used: Optuna is slow."""

from agegender_lib.training.search.space import SPACE, read_space, space_file
from agegender_lib.training.search.study import load_search, run_search, search_or_stored
from agegender_lib.training.search.tables import VALUE_MEANING, Search, search_table
