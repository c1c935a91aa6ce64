"""Many independent pieces of work on a Dask cluster; its workers compute as one process does."""

from agegender_lib.cluster.child import THREADS
from agegender_lib.cluster.connection import Client, connected, everywhere, is_marked, marked
from agegender_lib.cluster.tasks import results
