"""Frames between the judge and a sandbox worker: a 4-byte big-endian length, then that many bytes.

Both ends are ours; what hostile code wrote travels inside a frame as bytes that only `testrun.parse_run` reads.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from typing import Any

MAX_DESCRIPTORS = 3
MAX_FRAME_BYTES = 64 << 20  # far above source, tests and results; a larger length means that the stream is broken


class ChannelClosedError(Exception):
    """The other end is gone."""


def send_frame(channel: socket.socket, payload: bytes, descriptors: Sequence[int] = ()) -> None:
    """Send one frame, and copies of file descriptors with it. Raises ChannelClosedError when nobody reads any more."""
    frame = len(payload).to_bytes(4, "big") + payload
    try:
        sent = socket.send_fds(channel, [frame], descriptors) if descriptors else 0
        channel.sendall(frame[sent:])
    except ConnectionError as error:
        raise ChannelClosedError("the other end closed") from error


def read_frame(channel: socket.socket, begun: bytes = b"") -> bytes:
    """The next frame, whose first bytes `begun` were read already.

    Raises ChannelClosedError at the end of the stream, TimeoutError if the socket has a timeout.
    """
    size = int.from_bytes(begun + _read_exactly(channel, 4 - len(begun)), "big")
    if size > MAX_FRAME_BYTES:
        raise ChannelClosedError(f"frame of {size} bytes, expected at most {MAX_FRAME_BYTES}")
    return _read_exactly(channel, size)


def send_record(channel: socket.socket, record: dict[str, object], descriptors: Sequence[int] = ()) -> None:
    """Send a JSON object as one frame, with `descriptors`."""
    send_frame(channel, json.dumps(record).encode(), descriptors)


def read_record(channel: socket.socket, begun: bytes = b"") -> dict[str, Any]:
    """The next frame, a JSON object written by `send_record`; `begun` as for `read_frame`."""
    record = json.loads(read_frame(channel, begun))
    if not isinstance(record, dict):
        raise ChannelClosedError(f"expected a JSON object, got {type(record).__name__}")
    return record


def read_record_with_descriptors(channel: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """As `read_record`, and the descriptors that were sent with it, at most MAX_DESCRIPTORS."""
    try:
        first, descriptors, _, _ = socket.recv_fds(channel, 1, MAX_DESCRIPTORS)
    except ConnectionError as error:
        raise ChannelClosedError("the other end closed") from error
    if not first:
        raise ChannelClosedError("the other end closed")
    return read_record(channel, first), descriptors


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
