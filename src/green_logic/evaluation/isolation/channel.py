"""Frames between the judge and a sandbox worker: a 4-byte big-endian length, then that many bytes.

Both ends are ours; what hostile code wrote travels inside a frame as bytes that only `testrun.parse_run` reads.
"""

from __future__ import annotations

import json
import socket
from typing import Any

MAX_FRAME_BYTES = 64 << 20  # far above source, tests and results; a larger length means that the stream is broken


class ChannelClosedError(Exception):
    """The other end is gone."""


def send_frame(channel: socket.socket, payload: bytes) -> None:
    """Send one frame. Raises ChannelClosedError when nobody reads any more."""
    try:
        channel.sendall(len(payload).to_bytes(4, "big") + payload)
    except ConnectionError as error:
        raise ChannelClosedError("the other end closed") from error


def read_frame(channel: socket.socket) -> bytes:
    """The next frame. Raises ChannelClosedError at the end of the stream, TimeoutError if the socket has a timeout."""
    size = int.from_bytes(_read_exactly(channel, 4), "big")
    if size > MAX_FRAME_BYTES:
        raise ChannelClosedError(f"frame of {size} bytes, expected at most {MAX_FRAME_BYTES}")
    return _read_exactly(channel, size)


def send_record(channel: socket.socket, record: dict[str, object]) -> None:
    """Send a JSON object as one frame."""
    send_frame(channel, json.dumps(record).encode())


def read_record(channel: socket.socket) -> dict[str, Any]:
    """The next frame, a JSON object written by `send_record`."""
    record = json.loads(read_frame(channel))
    if not isinstance(record, dict):
        raise ChannelClosedError(f"expected a JSON object, got {type(record).__name__}")
    return record


def _read_exactly(channel: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        try:
            part = channel.recv(min(size - len(parts), 1 << 20))
        except ConnectionError as error:
            raise ChannelClosedError("the other end closed") from error
        if not part:
            raise ChannelClosedError("the other end closed")
        parts += part
    return bytes(parts)
