"""A dataset from Kaggle, with the reason in plain words when it does not come."""

import errno
from pathlib import Path

import requests

from agegender_lib.errors import InputError


def kaggle_dataset(handle: str) -> Path:
    """Folder in kagglehub's own cache that holds a dataset, downloaded if it is not there yet.

    The cache, and not kagglehub's `output_dir`: only in the cache does kagglehub resume, and inside a Kaggle
    notebook it is a read-only mount. The environment variable KAGGLEHUB_CACHE moves it.

    Parameters
    ----------
    handle : "owner/dataset".

    Raises
    ------
    InputError
        No kagglehub, no network, no credentials where Kaggle wants some, or whatever else kagglehub reports.
    """
    try:
        import kagglehub
    except ImportError as error:
        raise InputError(
            "kagglehub is not installed; run pip install kagglehub or choose source 'huggingface'"
        ) from error
    try:
        return Path(kagglehub.dataset_download(handle))
    except KeyboardInterrupt as stop:
        stop.args = (f"the download of {handle} was interrupted; run the same again to go on",)
        raise
    except Exception as error:  # a dozen types without a common ancestor
        raise InputError(f"Kaggle did not send {handle}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """What went wrong inside kagglehub and what to do about it, as the end of a sentence."""
    from kagglehub.exceptions import CredentialError, UnauthenticatedError

    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, (CredentialError, UnauthenticatedError)) or status in (401, 403):
        return (
            "it wants credentials; put a token from https://www.kaggle.com/settings/api into the environment "
            "variable KAGGLE_API_TOKEN or choose source 'huggingface'"
        )
    if status == 404:
        return "it is not there any more (404); choose source 'huggingface'"
    lost = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    if isinstance(error, lost):
        return "there is no connection, or it was cut; check the network and run the same again"
    if getattr(error, "errno", None) == errno.ENOSPC:
        return "the disk of its cache is full; make room or let KAGGLEHUB_CACHE name another folder"
    first_line = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {first_line}; run the same again or choose source 'huggingface'"
