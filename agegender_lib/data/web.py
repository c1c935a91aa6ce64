"""One GET, patient with a weak line and clear about everything else.

`requests` and not `urllib`: it brings its own certificates (Python on macOS has none until a script is run)
and tells a refused connection from one that was cut. `kagglehub` and Jupyter install it in any case.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import requests
import urllib3

from agegender_lib.errors import InputError

ATTEMPTS = 4
PAUSE = 1.0  # seconds before the second attempt; twice as long before each further one
TIMEOUT = 30  # seconds without a byte
_PASSING = {408, 425, 429, 500, 502, 503, 504}

T = TypeVar("T")


class Transient(Exception):
    """What may pass when it is tried again; the message is the reason."""


def patiently(action: Callable[[], T], url: str) -> T:
    """Result of `action`, which is called again, after a pause, while it raises `Transient`.

    Raises
    ------
    InputError
        It did so `ATTEMPTS` times.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        try:
            return action()
        except Transient as error:
            reason = error
    raise InputError(
        f"{url} was tried {ATTEMPTS} times, the last time: {reason}; check the network and run the same again"
    )


@contextmanager
def get(url: str, start: int = 0) -> Iterator[requests.Response]:
    """The answer to a GET, redirects followed, its body still to be read inside the `with`.

    Parameters
    ----------
    url : address, http or https.
    start : first byte wanted. Look at the status: 206 is what was asked for, 200 is the whole file all the
        same, 416 says that there is nothing beyond.

    Raises
    ------
    Transient
        No connection, a cut one, silence, or a status that asks to come back.
    InputError
        Any other error status, an untrusted certificate, or no usable address.
    """
    # identity: size and checksum are those of the stored bytes, so nothing may be packed on the way
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            status = f"{response.status_code} {response.reason}"
            if response.status_code in _PASSING:
                raise Transient(f"it answered {status}")
            if not response.ok and not (start and response.status_code == 416):
                raise InputError(
                    f"{url} answered {status}: it has moved or is not public; try another source"
                )
            yield response
    except requests.exceptions.SSLError as error:
        raise InputError(
            f"{url} has no certificate this machine trusts; check its clock and proxy"
        ) from error
    except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise Transient(f"no answer for {TIMEOUT} s") from error
    except (requests.exceptions.ChunkedEncodingError, urllib3.exceptions.HTTPError) as error:
        raise Transient("the connection was cut") from error
    except requests.ConnectionError as error:
        raise Transient("no connection") from error
    except requests.RequestException as error:
        raise InputError(f"{url} cannot be read ({error}); check the address") from error


def fetch_json(url: str) -> Any:
    """The JSON document at `url`.

    Raises
    ------
    InputError
        No network, an error status, or an answer that is no JSON.
    """

    def read() -> bytes:
        with get(url) as response:
            return response.content

    try:
        return json.loads(patiently(read, url))
    except KeyboardInterrupt as stop:
        stop.args = (f"interrupted while reading {url}; run the same again",)
        raise
    except json.JSONDecodeError as error:
        raise InputError(f"{url} did not answer with JSON; is there a login page in between?") from error
