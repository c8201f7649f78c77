"""Members of a tar in one canonical form (GNU's, which every tar reads): the same file always gives the same bytes.

The standard library's headers may change between Python versions; an archive has to be byte-identical when rebuilt.
"""

from __future__ import annotations

from dataclasses import dataclass

from green_logic.errors import VerificationError

BLOCK = 512  # bytes; the unit of a tar
END = bytes(2 * BLOCK)  # two empty blocks end a tar
NAME_LIMIT = 100  # bytes of a name in a header; longer ones stand in a member of their own before it
LONG_NAME = b"././@LongLink"
REGULAR, LONG = b"0", b"L"


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a pack. `modified_s` is Unix time."""

    name: str
    data: bytes
    modified_s: int


def tar_blocks(member: Member) -> bytes:
    """The member as it stands in a tar: header, content, padding."""
    name = member.name.encode("ascii")
    before = b""
    if len(name) > NAME_LIMIT:
        before = _header(LONG_NAME, len(name) + 1, 0, LONG) + _padded(name + b"\0")
    header = _header(name[:NAME_LIMIT], len(member.data), member.modified_s, REGULAR)
    return before + header + _padded(member.data)


def parse_member(tar: bytes, offset: int) -> tuple[Member, int]:
    """The member that starts at `offset`, and where the next one starts.

    Raises VerificationError for anything that `tar_blocks` would not have written.
    """
    start = offset
    try:
        name, offset, size = _parse_header(tar, offset)
        member = Member(name.decode("ascii"), tar[offset + BLOCK : offset + BLOCK + size], _octal(tar, offset + 136))
    except ValueError as error:
        raise VerificationError(f"no tar header at byte {start} of its block", kind="archive") from error
    blocks = tar_blocks(member)
    if not name or member.modified_s < 0 or tar[start : start + len(blocks)] != blocks:
        raise VerificationError(f"the tar header at byte {start} of its block is not ours", kind="archive")
    return member, start + len(blocks)


def find_member(tar: bytes, name: str) -> Member | None:
    """The member of that name, None when there is none. What lies before it is stepped over, not checked."""
    wanted, offset = name.encode("ascii"), 0
    try:
        while offset < len(tar):
            found, header, size = _parse_header(tar, offset)
            if found == wanted:
                return parse_member(tar, offset)[0]
            offset = header + BLOCK + max(0, size) + -size % BLOCK
    except ValueError as error:
        raise VerificationError(f"no tar header at byte {offset} of its block", kind="archive") from error
    return None


def _parse_header(tar: bytes, offset: int) -> tuple[bytes, int, int]:
    """Name of the member at `offset`, where the header with its size stands, and that size. Raises ValueError."""
    name = tar[offset : offset + NAME_LIMIT].rstrip(b"\0")
    if tar[offset + 156 : offset + 157] == LONG:
        size = _octal(tar, offset + 124)
        name = tar[offset + BLOCK : offset + BLOCK + size - 1]
        offset += BLOCK + max(0, size) + -size % BLOCK
    return name, offset, _octal(tar, offset + 124)


def _header(name: bytes, size: int, modified_s: int, kind: bytes) -> bytes:
    header = bytearray(BLOCK)
    header[: len(name)] = name
    header[100:124] = b"0000644\0" + b"0000000\0" * 2  # mode, user and group: nobody's in particular
    header[124:148] = b"%011o\0%011o\0" % (size, modified_s)
    header[148:157] = b" " * 8 + kind  # the checksum is taken with spaces in its own place
    header[257:265] = b"ustar  \0"
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def _octal(tar: bytes, offset: int) -> int:
    return int(tar[offset : offset + 11], 8)
