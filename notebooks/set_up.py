"""What every notebook imports first: nothing where the library is installed, the way to it where it is not.

On Google Colab and Kaggle it installs the library from the repository's archive or folder.
"""

import importlib.util
import os
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

NAME = "agegender_lib"
HERE = Path(__file__).resolve().parent.parent


class NotSetUp(ImportError):
    """The library is not there, and the message says what to do: all that a notebook then shows."""

    def _render_traceback_(self):
        return [f"{type(self).__name__}: {self}"]


def repository() -> Path:
    """The checkout that this file lies in; else that of an archive which lies here, or is uploaded."""
    if (HERE / NAME).is_dir():
        # inputs of Kaggle are read-only
        return HERE if os.access(HERE, os.W_OK) else Path(shutil.copytree(HERE, Path.home() / "agegender"))
    lying_here = [*Path().glob("*"), *Path("/kaggle/input").rglob("*")]
    archive = next((file for file in sorted(lying_here) if holds_it(file)), None) or uploaded()
    shutil.unpack_archive(archive, "agegender")
    return next(Path("agegender").resolve().rglob(f"{NAME}/__init__.py")).parent.parent


def holds_it(file: Path) -> bool:
    """Whether a file is an archive of the repository."""
    try:
        if file.suffix == ".zip":
            with zipfile.ZipFile(file) as archive:
                names = archive.namelist()
        elif file.name.endswith((".tar", ".tar.gz", ".tgz")):
            with tarfile.open(file) as archive:
                names = archive.getnames()
        else:
            return False
    except (OSError, zipfile.BadZipFile, tarfile.TarError):
        return False
    return any(name.endswith(f"{NAME}/__init__.py") for name in names)


def uploaded() -> str:
    """The archive that a visitor of Colab chooses."""
    try:
        from google.colab import files

        return next(iter(files.upload()))
    except Exception as error:  # nothing chosen, a browser that blocks the dialogue, or another host
        raise NotSetUp(
            "no archive of the repository was found: put its .zip or .tar.gz beside this notebook with the file "
            "browser (on Kaggle: add it as an input) and run this cell again"
        ) from error


if not (importlib.util.find_spec(NAME) and importlib.util.find_spec("keras")):
    if "google.colab" not in sys.modules and "KAGGLE_KERNEL_RUN_TYPE" not in os.environ:
        raise NotSetUp(
            f"{NAME} is not installed for {sys.executable}, which runs this notebook: choose the kernel of .venv "
            f"(`make lab` opens JupyterLab with it), or run `%pip install -e {HERE}`"
        )
    _home = repository()
    get_ipython().run_line_magic("pip", f"install --quiet --editable '{_home}'")  # noqa: F821
    sys.path.insert(0, str(_home))
