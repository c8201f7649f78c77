"""Messages arrive whole, however the kernel and a hostile sender cut them."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator

import pytest

from green_logic.evaluation.isolation.split.wire import MAX_FRAME_BYTES, LostError, Receiver, frame, send, to_json

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def message(size: int) -> dict[str, object]:
    return {"v": "x" * size}


@pytest.mark.parametrize("piece", [1, 3, 4, 5, 1000])
def test_pieces_of_any_size_are_put_together(pair: Pair, piece: int) -> None:
    ours, theirs = pair
    wanted = [message(size) for size in (0, 1, 50, 9000)]
    data = b"".join(frame(to_json(one)) for one in wanted)

    def dribble() -> None:
        for start in range(0, len(data), piece):
            theirs.sendall(data[start : start + piece])

    sender = threading.Thread(target=dribble)
    sender.start()
    receiver = Receiver(ours)
    assert [receiver.receive() for _ in wanted] == wanted
    sender.join()
    assert not receiver.has_more


def test_what_comes_together_is_told_apart(pair: Pair) -> None:
    ours, theirs = pair
    theirs.sendall(b"".join(frame(to_json(message(size))) for size in (3, 2, 1)))
    receiver = Receiver(ours)
    for left in (True, True, False):
        receiver.receive()
        assert receiver.has_more == left


def test_a_frame_of_the_largest_size_is_whole(pair: Pair) -> None:
    ours, theirs = pair
    size = MAX_FRAME_BYTES - len(json.dumps(message(0), separators=(",", ":")))
    sender = threading.Thread(target=lambda: send(theirs, frame(to_json(message(size)))))
    sender.start()
    assert Receiver(ours).receive() == message(size)
    sender.join()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0",
        b"\0\0\0\5{}",
        (MAX_FRAME_BYTES + 1).to_bytes(4, "big") + b"{}",
        b"\0\0\0\2[]",
        b"\0\0\0\3NaN",
        b"\0\0\0\1\xff",
    ],
)
def test_what_is_no_message_is_the_end(pair: Pair, data: bytes) -> None:
    ours, theirs = pair
    theirs.sendall(data)
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(LostError):
        Receiver(ours).receive()
