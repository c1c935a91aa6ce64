"""A file from the network, known by its checksum and never half there."""

from pathlib import Path

from agegender_lib.errors import InputError


def fetch(url: str, path: str | Path, sha256: str) -> Path:
    """Bring a file to `path`, unless it is there already.

    Raises
    ------
    InputError
        No connection, an error status, another checksum, or a disk that cannot be written; nothing is left behind.
    """
    import pooch

    path = Path(path)
    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(progressbar=True, chunk_size=2**16)
    try:
        pooch.retrieve(url, f"sha256:{sha256}", path.name, path.parent, downloader=downloader)
    except KeyboardInterrupt as stop:
        stop.args = (f"the download of {path.name} was interrupted; the same command starts it again",)
        raise
    except OSError as error:  # requests' errors are among them
        answer = getattr(error, "response", None)
        if answer is not None:
            reason = f"it answered {answer.status_code} {answer.reason}; it has moved or is not public"
        elif error.strerror:
            reason = f"{path} cannot be written ({error.strerror}); make room or give another folder"
        else:
            reason = f"no connection, or it was cut ({type(error).__name__}); check the network and the address"
        raise InputError(f"{url} could not be downloaded: {reason}") from error
    except ValueError as error:  # of pooch, about the checksum
        raise InputError(f"{url} sent another file than expected ({error}); try again, or elsewhere") from error
    return path
