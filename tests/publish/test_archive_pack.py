"""The pack format: any files come back, by name and in order, and tar programs agree about every header."""

from __future__ import annotations

import io
import tarfile

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from green_logic.errors import VerificationError
from green_logic.publish import pack as pack_module
from green_logic.publish.pack import Pack, write_pack
from green_logic.publish.tarblocks import BLOCK, Member, parse_member, tar_blocks

NAMES = st.from_regex(r"dbom_[A-Za-z0-9][A-Za-z0-9._-]{0,127}\.json", fullmatch=True)
MEMBERS = st.builds(Member, NAMES, st.binary(max_size=1500), st.integers(min_value=0, max_value=0o77777777777))
FILES = st.lists(MEMBERS, max_size=40, unique_by=lambda member: member.name)


def write(path, members):
    with path.open("wb") as file:
        return write_pack(file, members)


@settings(max_examples=60, deadline=None)
@given(members=FILES, frame_bytes=st.sampled_from([512, 3000, 1 << 20]), other=NAMES)
def test_any_files_come_back_by_name_and_in_order(tmp_path_factory, members, frame_bytes, other):
    path = tmp_path_factory.mktemp("pack") / "a.tar.zst"
    whole, pack_module.FRAME_BYTES = pack_module.FRAME_BYTES, frame_bytes
    try:
        size = write(path, members)
        again = io.BytesIO()
        assert write_pack(again, members) == size
    finally:
        pack_module.FRAME_BYTES = whole
    assert again.getvalue() == path.read_bytes()
    with Pack(path) as pack:
        assert len(pack) == len(members) == size.files
        assert list(pack.members()) == members
        for member in members:
            assert pack.read(member.name) == member.data
        if other not in {member.name for member in members}:
            assert pack.read(other) is None


@settings(max_examples=60, deadline=None)
@given(members=FILES)
def test_python_reads_the_same_tar(members):
    out = io.BytesIO()
    write_pack(out, members)
    reader = zstandard.ZstdDecompressor().stream_reader(out.getvalue(), read_across_frames=True)
    with tarfile.open(fileobj=io.BytesIO(reader.read()), mode="r:") as tar:
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


def test_names_with_the_same_key_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(pack_module, "_key", lambda _name: b"8 bytes!")
    members = [Member(f"dbom_{number}.json", str(number).encode(), 0) for number in range(20)]
    write(tmp_path / "a.tar.zst", members)
    with Pack(tmp_path / "a.tar.zst") as pack:
        assert [pack.read(member.name) for member in members] == [member.data for member in members]
        assert pack.read("dbom_21.json") is None


@pytest.mark.parametrize("content", [b"", b"x", b"x" * 9, b"\0" * 100, b"\xff" * 100])
def test_a_file_that_is_no_pack_is_refused(tmp_path, content):
    path = tmp_path / "a.tar.zst"
    path.write_bytes(content)
    with pytest.raises(VerificationError):
        Pack(path)


def test_a_frame_that_claims_to_be_huge_is_refused_before_memory_is_taken(tmp_path, monkeypatch):
    path = tmp_path / "a.tar.zst"
    write(path, [Member("dbom_b.json", b"\0" * 5000, 0)])
    monkeypatch.setattr(pack_module, "FRAME_LIMIT", 4000)
    with Pack(path) as pack, pytest.raises(VerificationError, match="frame 0"):
        pack.read("dbom_b.json")


def test_the_seek_table_is_that_of_the_zstd_seekable_format(tmp_path):
    members = [Member(f"dbom_{number}.json", bytes([number]) * 400_000, 0) for number in range(5)]
    path = tmp_path / "a.tar.zst"
    write(path, members)
    data = path.read_bytes()
    count = int.from_bytes(data[-9:-5], "little")
    table = data[-9 - 8 * count : -9]
    assert (data[-4:], data[-5]) == ((0x8F92EAB1).to_bytes(4, "little"), 0)
    start = 0
    for number in range(count):
        size, content = (int.from_bytes(table[8 * number + at : 8 * number + at + 4], "little") for at in (0, 4))
        frame = data[start : start + size]
        if content:
            assert len(zstandard.decompress(frame)) == content
        start += size
    assert data[start : start + 4] == (0x184D2A5E).to_bytes(4, "little")
