"""Refuses what would leave this machine: in the tests' process, and by PYTHONPATH in every Python they start.

Each attempt is also noted in a file, because much code is content without a network and says nothing.
"""

import ipaddress
import os
import socket
import sys

NOTES = "AGEGENDER_NETWORK_NOTES"
_OWN = {"", "localhost", "localhost.localdomain", socket.gethostname()}


def outside(host) -> bool:
    """Whether a host's name or address is another machine."""
    if host is None:
        return False
    name = host.decode() if isinstance(host, bytes) else str(host)
    if name in _OWN:
        return False
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return True
    return not (address.is_loopback or address.is_unspecified)


def _refuse(event: str, arguments: tuple) -> None:
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None  # a path is a socket of this machine
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    if outside(host):
        with open(os.environ[NOTES], "a", encoding="utf-8") as notes:
            notes.write(f"{host} from {' '.join(sys.orig_argv)[:300]}\n")
        raise ConnectionRefusedError(f"tests stay on this machine, and {host} is another")


if NOTES in os.environ:
    sys.addaudithook(_refuse)
