"""The Python that runs notebooks: always the one that runs this, whatever else is installed on the machine."""

import os
import weakref
from typing import ClassVar

from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from traitlets import Integer, default

from agegender_lib.cluster import THREADS

#: The name under which Jupyter knows it.
NAME = "python3"


class OnlyThisPython(KernelSpecManager):
    """Knows no kernel of another environment, not even one that was registered under the same name."""

    @default("kernel_dirs")
    def _no_folders(self) -> list[str]:
        return []


class ThisPython(AsyncKernelManager):
    """Starts the Python that runs this."""

    threads = Integer(0, help="threads of the kernel where the user's environment names none; 0: all cores").tag(
        config=True
    )

    @default("kernel_spec_manager")
    def _only_this(self) -> KernelSpecManager:
        return OnlyThisPython(parent=self)

    _started: ClassVar[weakref.WeakSet] = weakref.WeakSet()

    async def start_kernel(self, **options) -> None:
        """Start it, and remember it for :meth:`kill_all`."""
        self._started.add(self)
        chosen = dict.fromkeys(THREADS, str(self.threads)) if self.threads else {}
        await super().start_kernel(env=chosen | dict(os.environ), **options)

    @classmethod
    def kill_all(cls) -> None:
        """End every kernel at once: what waits for one, in whichever thread, fails then."""
        for manager in list(cls._started):
            process = getattr(manager.provisioner, "process", None)
            if process is not None:
                process.kill()
