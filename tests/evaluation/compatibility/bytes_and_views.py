"""Bytes, bytearrays and memoryviews: parsing, packing, buffers that are filled in place."""
# ruff: noqa

import io
import struct
import zlib


def pack(records):
    return b"".join(struct.pack(">HI", kind, value) for kind, value in records)


def unpack(data):
    return list(struct.iter_unpack(">HI", data))


def window(data, start, stop):
    return memoryview(data)[start:stop]


def xor(buffer, key):
    for index in range(len(buffer)):
        buffer[index] ^= key[index % len(key)]


def read_into(stream, buffer):
    view = memoryview(buffer)
    count = stream.readinto(view)
    return count


class Framer:
    def __init__(self):
        self._buffer = bytearray()

    def feed(self, data):
        self._buffer += data
        frames = []
        while len(self._buffer) >= 1 and len(self._buffer) > self._buffer[0]:
            size = self._buffer[0]
            frames.append(bytes(self._buffer[1 : size + 1]))
            del self._buffer[: size + 1]
        return frames

    @property
    def pending(self):
        return bytes(self._buffer)


class Blob:
    def __init__(self, data):
        self._data = data

    def __bytes__(self):
        return zlib.compress(self._data)

    def __len__(self):
        return len(self._data)


def source(text):
    return io.BytesIO(text.encode())


# ---- hidden tests ----

import io
import zlib

import pytest
from solution import Blob, Framer, pack, read_into, source, unpack, window, xor


def test_packed():
    data = pack([(1, 2), (3, 70000)])
    assert data == b"\x00\x01\x00\x00\x00\x02\x00\x03\x00\x01\x11\x70" and type(data) is bytes
    assert unpack(data) == [(1, 2), (3, 70000)] and unpack(bytearray(data))[0] == (1, 2)


def test_wrong_size():
    with pytest.raises(Exception, match="multiple of 6"):
        unpack(b"123")


def test_window():
    view = window(b"abcdef", 1, 4)
    assert bytes(view) == b"bcd" and len(view) == 3 and view[0] == 98 and view.tobytes() == b"bcd"
    assert list(view) == [98, 99, 100] and view.tolist() == [98, 99, 100] and view.readonly


def test_changed_in_place():
    buffer = bytearray(b"hello")
    xor(buffer, b"\x01\x02")
    assert buffer == b"igmnn" and type(buffer) is bytearray
    xor(buffer, b"\x01\x02")
    assert buffer.decode() == "hello"
    with pytest.raises(TypeError):
        xor(b"hello", b"\x01")


def test_stream_of_the_solution():
    stream = source("line 1\nline 2\n")
    assert stream.readline() == b"line 1\n" and stream.read() == b"line 2\n" and stream.read() == b""
    assert stream.getvalue() == b"line 1\nline 2\n"


def test_frames():
    framer = Framer()
    assert framer.feed(b"\x03ab") == [] and framer.pending == b"\x03ab"
    assert framer.feed(b"c\x01d\x00\x02") == [b"abc", b"d", b""] and framer.pending == b"\x02"


def test_bytes_of_an_object():
    blob = Blob(b"x" * 100)
    assert zlib.decompress(bytes(blob)) == b"x" * 100 and len(blob) == 100
    assert b"".join([bytes(blob)])[:2] == b"x\x9c"
