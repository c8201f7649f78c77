"""The pack format: any files come back, by name and in order, and tar programs agree about every header."""

from __future__ import annotations

import gzip
import io
import os
import random
import tarfile
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from green_logic.errors import VerificationError
from green_logic.publish import blocks as blocks_module
from green_logic.publish import pack as pack_module
from green_logic.publish.pack import Layout, Pack, compress_block, names_in, unpack_places, write_pack
from green_logic.publish.tarblocks import BLOCK, END, Member, find_member, parse_member, tar_blocks

NAMES = st.from_regex(r"dbom_[A-Za-z0-9][A-Za-z0-9._-]{0,127}\.json", fullmatch=True)
MEMBERS = st.builds(Member, NAMES, st.binary(max_size=1500), st.integers(min_value=0, max_value=0o77777777777))
FILES = st.lists(MEMBERS, max_size=40, unique_by=lambda member: member.name)


def write(path, members, log=None):
    with path.open("wb") as file:
        return write_pack(file, members, log or [member.name for member in members])


@settings(max_examples=60, deadline=None)
@given(members=FILES, block_bytes=st.sampled_from([512, 3000, 1 << 20]), other=NAMES, seed=st.integers(0, 9))
def test_any_files_come_back_by_name_and_in_order(tmp_path_factory, members, block_bytes, other, seed):
    path = tmp_path_factory.mktemp("pack") / "a.tar.gz"
    log = [member.name for member in members]
    random.Random(seed).shuffle(log)
    whole, pack_module.BLOCK_BYTES = pack_module.BLOCK_BYTES, block_bytes
    try:
        size = write(path, members, log)
        again = io.BytesIO()
        assert write_pack(again, members, log) == size
    finally:
        pack_module.BLOCK_BYTES = whole
    assert again.getvalue() == path.read_bytes()
    with Pack(path, size.layout) as pack:
        assert len(size.layout.places) == len(members) == size.files
        assert list(pack.members()) == members
        assert names_in(pack.sums()) == log
        for member in members:
            assert pack.read(member.name, log.index(member.name)) == member.data
        if members and other not in log:
            assert pack.read(other, 0) is None
    with Pack(path) as pack:
        assert list(pack.members()) == members, "without its layout too"
    assert unpack_places(size.layout.pack_places()) == size.layout.places


@settings(max_examples=60, deadline=None)
@given(members=FILES)
def test_python_reads_the_same_tar(members):
    out = io.BytesIO()
    write_pack(out, members, [member.name for member in members])
    with tarfile.open(fileobj=io.BytesIO(out.getvalue()), mode="r:gz") as tar:
        found = [(one.name, tar.extractfile(one).read(), one.mtime, one.mode, one.uid) for one in tar]
    assert found[:-1] == [(one.name, one.data, one.modified_s, 0o644, 0) for one in members]
    assert found[-1][0] == "SHA256SUMS"


@settings(max_examples=200)
@given(member=MEMBERS, place=st.integers(min_value=0), change=st.integers(1, 255))
def test_a_changed_tar_block_never_gives_the_same_member(member, place, change):
    blocks = bytearray(tar_blocks(member))
    place %= len(blocks)
    blocks[place] ^= change
    try:
        found, _ = parse_member(bytes(blocks), 0)
    except VerificationError:
        return
    assert found != member


@pytest.mark.parametrize("length", [99, 100, 101, 128 + 10])
def test_names_around_the_limit_of_a_header_survive(length):
    member = Member("n" * length, b"data", 7)
    blocks = tar_blocks(member)
    assert parse_member(b"x" * 512 + blocks, 512) == (member, 512 + len(blocks))
    assert len(blocks) == (2 if length <= 100 else 4) * BLOCK


@pytest.mark.parametrize("blocks", [b"", b"\0" * 512, b"x" * 512, b"\0" * 2048])
def test_what_is_no_header_is_refused(blocks):
    with pytest.raises(VerificationError):
        parse_member(blocks, 0)


@pytest.mark.parametrize(("field", "text"), [(124, b"-0000000001"), (136, b"-0000000001"), (124, b"0000_000000")])
def test_numbers_that_python_alone_reads_are_refused(field, text):
    blocks = bytearray(tar_blocks(Member("a", b"", 0)))
    blocks[field : field + 11] = text
    blocks[148:156] = b" " * 8
    blocks[148:156] = b"%06o\0 " % sum(blocks[:512])
    with pytest.raises(VerificationError):
        parse_member(bytes(blocks), 0)


def test_a_member_is_found_behind_others_and_none_where_there_is_none():
    members = [Member("n" * length, bytes(length), 7) for length in (1, 99, 100, 101, 130)]
    tar = b"".join(map(tar_blocks, members))
    for member in members:
        assert find_member(tar, member.name) == member
    assert find_member(tar, "m") is None
    with pytest.raises(VerificationError):
        find_member(b"x" * 512, "m")


@pytest.mark.parametrize("content", [b"", b"x", b"x" * 9, b"\0" * 100, b"\xff" * 100, gzip.compress(b"", mtime=0)])
def test_a_file_that_is_no_pack_is_refused(tmp_path, content):
    path = tmp_path / "a.tar.gz"
    path.write_bytes(content)
    for layout in (Layout((len(content) or 1,), ()), Layout((), ()), None):
        with pytest.raises(VerificationError), Pack(path, layout) as pack:
            list(pack.members())


@pytest.fixture
def two(tmp_path):
    path = tmp_path / "a.tar.gz"
    members = [Member(f"dbom_{number}.json", bytes([number]) * 900, 0) for number in range(4)]
    return path, members, write(path, members)


def build(path, *blocks):
    """A pack out of whole blocks, and the layout that it would have by their sizes."""
    parts = [compress_block(block) for block in blocks]
    path.write_bytes(b"".join(parts))
    return tuple(map(len, parts))


@pytest.mark.parametrize(
    "wrong",
    ["a member twice", "a member that is not listed", "a listed one is missing", "an empty block", "behind the end"],
)
def test_what_the_writer_would_not_have_written_is_refused(two, wrong):
    path, members, size = two
    with Pack(path) as pack:
        sums = tar_blocks(Member("SHA256SUMS", pack.sums(), 0)) + END
    good = b"".join(map(tar_blocks, members))
    blocks = {
        "a member twice": (good, tar_blocks(members[0]), sums),
        "a member that is not listed": (good + tar_blocks(Member("dbom_x.json", b"", 0)), sums),
        "a listed one is missing": (b"".join(map(tar_blocks, members[1:])), sums),
        "an empty block": (good, b"", sums),
        "behind the end": (good, sums + bytes(512)),
    }
    for layout in (None, Layout(build(path, *blocks[wrong]), size.layout.places)):
        with pytest.raises(VerificationError), Pack(path, layout) as pack:
            list(pack.members())
    assert build(path, good, sums) == size.layout.blocks, "the same parts without it are the pack"
    with Pack(path, size.layout) as pack:
        assert list(pack.members()) == members


def test_a_header_that_carries_anything_is_refused(two):
    path, _, size = two
    data = path.read_bytes()
    for place in range(10):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(VerificationError), Pack(path, size.layout) as pack:
            list(pack.members())


def test_places_and_blocks_that_lie_are_refused(two):
    path, members, size = two
    first, last = size.layout.blocks
    for blocks in ((first + 1, last - 1), (first, last, 1), (first,), (0, first, last), (-1, first + 1, last)):
        with pytest.raises(VerificationError), Pack(path, replace(size.layout, blocks=blocks)) as pack:
            list(pack.members())
    wrong = replace(size.layout, places=(0, 0, 1, 0))
    with Pack(path, wrong) as pack:
        with pytest.raises(VerificationError):  # it is looked for where it is said to be
            pack.read(members[2].name, 2)
        with pytest.raises(VerificationError, match="another block"):
            list(pack.members())


def test_a_block_that_unpacks_to_more_than_it_may_is_refused_before_memory_is_taken(tmp_path, monkeypatch):
    path = tmp_path / "a.tar.gz"
    size = write(path, [Member("dbom_b.json", b"\0" * 5000, 0)])
    monkeypatch.setattr(pack_module, "BLOCK_LIMIT", 4000)
    monkeypatch.setattr(blocks_module, "BLOCK_LIMIT", 4000)
    with Pack(path, size.layout) as pack, pytest.raises(VerificationError, match="block 0"):
        pack.read("dbom_b.json", 0)
    with pytest.raises(VerificationError, match="block 0"):
        Pack(path)


def test_every_block_is_a_gzip_member_of_its_own(two):
    path, _, size = two
    data, start, contents = path.read_bytes(), 0, []
    for length in size.layout.blocks:
        contents.append(gzip.decompress(data[start : start + length]))
        start += length
    assert start == len(data)
    assert b"".join(contents) == gzip.decompress(data)
    assert contents[-1].endswith(END)


def test_a_block_without_end_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a.tar.gz"
    path.write_bytes(b"")
    os.truncate(path, 1 << 40)
    with Pack(path, Layout((1 << 40,), ())) as pack:
        with pytest.raises(VerificationError, match="block 0 is of"):
            pack.sums()
        assert pack.bytes_read == 0
