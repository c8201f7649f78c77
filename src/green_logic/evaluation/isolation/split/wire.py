"""Messages between the solution's process and the tests': a 4-byte big-endian length, then one JSON object.

One end is hostile. Nothing here is executed or unpickled; a frame that is too large, too deep or no JSON object is the
end of the connection, never an exception of the parser's.
"""

from __future__ import annotations

import array
import json
import socket
from collections.abc import Sequence
from typing import Any, NoReturn

MAX_FRAME_BYTES = 8 << 20
SIZE_BYTES = 4  # of the number before a message
READ_BYTES = 8 << 10  # holds almost every message
READ_MOST_BYTES = 1 << 20
DESCRIPTOR_BYTES = 4

Message = dict[str, Any]


class LostError(Exception):
    """The other side is gone, or what it says makes no sense."""


class OversizeError(ValueError):
    """A value is larger than a frame."""


class Receiver:
    """Takes messages off one connection: a small one with one call."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._ahead = b""  # what came with the last message and is not of it

    @property
    def has_more(self) -> bool:
        """Whether something of the next message is here, of which the connection says nothing any more."""
        return bool(self._ahead)

    def receive(self) -> Message:
        """The next message. Raises LostError for anything that is none."""
        size = int.from_bytes(self._read(SIZE_BYTES), "big")
        if size > MAX_FRAME_BYTES:
            raise LostError(f"a frame of {size} bytes, expected at most {MAX_FRAME_BYTES}")
        payload = self._read(size)
        try:
            message = _decode(payload.decode())
        except (ValueError, RecursionError) as error:
            raise LostError("a frame that is no JSON") from error
        if type(message) is not dict:
            raise LostError("a frame that is no object")
        return message

    def _read(self, size: int) -> bytes:
        here = self._ahead or self._take(size)
        if len(here) < size:
            grown = bytearray(here)
            while len(grown) < size:
                grown += self._take(size - len(grown))
            here = bytes(grown)
        self._ahead = here[size:]
        return here[:size]

    def _take(self, wanted: int) -> bytes:
        try:
            if wanted < READ_BYTES:
                part = self._connection.recv(READ_BYTES)
            else:
                part = self._connection.recv(min(wanted, READ_MOST_BYTES), socket.MSG_WAITALL)
        except OSError as error:
            raise LostError("the other side closed") from error
        if not part:
            raise LostError("the other side closed")
        return part


def to_json(value: object) -> str:
    """The text of a value, as frames have it: ASCII."""
    return _encode(value)


def add_news(text: str, first: int, news: Sequence[str]) -> str:
    """The text of a message with `news`, JSON each, from the serial `first` on."""
    return f'{text[:-1]}{"," if len(text) > 2 else ""}"u":[{first},{",".join(news)}]}}'


def frame(text: str) -> bytes:
    """The bytes of one message. Raises OversizeError."""
    payload = text.encode()
    if len(payload) > MAX_FRAME_BYTES:
        raise OversizeError(f"a value of {len(payload)} bytes, expected at most {MAX_FRAME_BYTES}")
    return len(payload).to_bytes(SIZE_BYTES, "big") + payload


def send(connection: socket.socket, frame: bytes) -> None:
    """Send one frame. Raises LostError when nobody reads."""
    try:
        connection.sendall(frame)
    except OSError as error:
        raise LostError("the other side closed") from error


def send_descriptor(connection: socket.socket, tag: bytes, descriptor: int) -> None:
    """Hand over an open file with one byte that says what for. Raises LostError when nobody reads."""
    rights = array.array("i", [descriptor])
    try:
        connection.sendmsg([tag], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    except OSError as error:
        raise LostError("the other side closed") from error


def receive_descriptor(connection: socket.socket) -> tuple[bytes, socket.socket]:
    """A tag and the socket that came with it. Only the solution's side may call this: it trusts the sender."""
    try:
        tag, ancillary, _, _ = connection.recvmsg(1, socket.CMSG_SPACE(DESCRIPTOR_BYTES))
    except OSError as error:
        raise LostError("the other side closed") from error
    if not tag or not ancillary:
        raise LostError("the other side closed")
    descriptors = array.array("i", ancillary[0][2][:DESCRIPTOR_BYTES])
    return tag, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, descriptors[0])


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


# made once: json.dumps and json.loads would make them for each message
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_decode = json.JSONDecoder(parse_constant=_refuse_constant).decode
