"""A bad line is refused by number and reason, the good ones beside it are taken, nothing else is done."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zstandard

from green_logic.errors import ConfigurationError, InvalidBattleError
from green_logic.intake import BattleFile, Line, Refusals, Warnings
from green_logic.settings import Settings

LIMIT = 4096  # max_line_bytes in these tests


def good(number: int, **more: object) -> bytes:
    battle = {"battle_id": f"g{number}", "task": {"description": "d"}, "purple_response": {"sourceCode": "x = 1"}}
    return json.dumps(battle | more).encode()


def with_extra(text: str | bytes) -> bytes:
    """A good line with one more key, whose value is `text` as it stands."""
    return good(9)[:-1] + b', "extra": ' + (text.encode() if isinstance(text, str) else text) + b"}"


def padded(size: int) -> bytes:
    """A good line of exactly `size` bytes."""
    return good(9, pad="x" * (size - len(good(9, pad=""))))


HOSTILE = {
    "a truncated line": (good(9)[:-20], "not JSON: .* at column"),
    "two objects": (good(9) + good(8), "not JSON: Extra data"),
    "text": (b"hello", "not JSON: Expecting value at column 1"),
    "a comment": (b"# battles", "not JSON"),
    "single quotes": (b"{'battle_id': 'x'}", "not JSON"),
    "a trailing comma": (good(9)[:-1] + b",}", "not JSON"),
    "an empty list": (b"[]", "expected a JSON object, got a list"),
    "a string": (b'"x"', "expected a JSON object, got a string"),
    "a number": (b"1", "expected a JSON object, got a number"),
    "true": (b"true", "expected a JSON object, got true or false"),
    "null": (b"null", "expected a JSON object, got null"),
    "an empty object": (b"{}", "battle_id: .* got nothing"),
    "NaN": (with_extra("NaN"), "NaN is not a JSON number"),
    "Infinity": (with_extra("[Infinity]"), "Infinity is not a JSON number"),
    "-Infinity": (with_extra("-Infinity"), "-Infinity is not a JSON number"),
    "1e400": (with_extra("1e400"), "number out of range: '1e400'"),
    "-1e400": (with_extra("-1e400"), "number out of range: '-1e400'"),
    "10**400": (with_extra("1" + "0" * 400), "integer beyond 64 bits: '1000"),
    "2**70": (with_extra(str(2**70)), "integer beyond 64 bits: '1180591620717411303424'"),
    "2**64": (with_extra(str(2**64)), "integer beyond 64 bits"),
    "-2**63-1": (with_extra(str(-(2**63) - 1)), "integer beyond 64 bits"),
    "a leading zero": (with_extra("007"), "not JSON"),
    "a hexadecimal number": (with_extra("0xff"), "not JSON"),
    "a key twice": (good(9)[:-1] + b', "battle_id": "other"}', "duplicate key 'battle_id'"),
    "a nested key twice": (with_extra('{"a": {"b": 1, "b": 1}}'), "duplicate key 'b'"),
    "a key twice, once escaped": (with_extra('{"a": 1, "\\u0061": 2}'), "duplicate key 'a'"),
    "a lone surrogate": (with_extra('"\\ud800"'), "a lone surrogate"),
    "a low surrogate first": (with_extra('"\\udc00\\ud800"'), "a lone surrogate"),
    "a lone surrogate as key": (with_extra('{"\\udfff": 1}'), "a lone surrogate"),
    "a raw surrogate": (with_extra(b'"\xed\xa0\x80"'), "not UTF-8: byte 0xed"),
    "an overlong slash": (with_extra(b'"\xc0\xaf"'), "not UTF-8: byte 0xc0"),
    "a raw NUL": (with_extra(b'"a\0b"'), "not JSON: Invalid control character"),
    "a NUL between": (good(9) + b"\0", "not JSON"),
    "an escaped NUL": (good(9).replace(b"x = 1", b"x\\u0000"), "sourceCode: expected text without NUL"),
    "a raw escape character": (with_extra(b'"\x1b[2J"'), "not JSON: Invalid control character"),
    "latin-1": (with_extra('"é"'.encode("latin-1")), "not UTF-8: byte 0xe9"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "not UTF-8: byte 0xff at offset 0"),
    "UTF-16 without a mark": ('{"a": 1}'.encode("utf-16-be"), "not JSON"),
    "a BOM in the middle of the file": (b"\xef\xbb\xbf" + good(9), "not JSON: .*BOM"),
    "300 lists deep": (with_extra("[" * 300 + "]" * 300), "cannot be stored as JSON: nested deeper than 254"),
    "300 objects deep": (with_extra('{"a":' * 300 + "1" + "}" * 300), "nested deeper than 254"),
    "254 lists deep": (with_extra("[" * 254 + "]" * 254), "nested deeper than 254"),
    "one byte too long": (padded(LIMIT + 1), f"expected at most {LIMIT} bytes .*, got {LIMIT + 1}$"),
    "three times too long": (padded(3 * LIMIT), f"expected at most {LIMIT} bytes .*, got {3 * LIMIT}$"),
    "long blanks": (b" " * (2 * LIMIT), f"expected at most {LIMIT} bytes .*, got {2 * LIMIT}$"),
    "terminal escapes in the id": (good(9).replace(b"g9", b"\\u001b[2J\\u0007"), r"battle_id: .*got '\\x1b\[2J\\x07'"),
}
DEEP = {
    "lists": b"[" * 100_000,
    "closed lists": b"[" * 100_000 + b"]" * 100_000,
    "objects": b'{"a":' * 100_000,
    "both": b'[{"a":' * 50_000,
}


@pytest.fixture
def limits(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", max_line_bytes=LIMIT)


def put(directory: Path, data: bytes, name: str = "in.jsonl") -> str:
    (directory / name).write_bytes(data)
    return str(directory / name)


def read(source: str, settings: Settings) -> list[Line]:
    with BattleFile(source, settings) as battles:
        return list(battles.lines())


def taken(lines: list[Line]) -> list[str]:
    return [line.battle.battle_id for line in lines if line.battle]


def everything(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_bad_line_is_refused_by_number_and_the_good_ones_around_it_are_taken(
    kind: str, tmp_path: Path, limits: Settings
):
    data, reason = HOSTILE[kind]
    source = put(tmp_path, b"\n".join([good(1), b"", data, good(2)]))
    before = everything(tmp_path)
    lines = read(source, limits)
    assert taken(lines) == ["g1", "g2"]
    assert [line.number for line in lines] == [1, 3, 4]
    assert re.search(reason, lines[1].reason), lines[1].reason
    assert lines[1].reason.isprintable()
    assert len(lines[1].text) <= 200
    assert everything(tmp_path) == before


@pytest.mark.parametrize("kind", DEEP)
def test_deep_nesting_is_refused_and_the_next_line_taken(kind: str, tmp_path: Path):
    lines = read(put(tmp_path, DEEP[kind] + b"\n" + good(1)), Settings())
    assert [line.reason for line in lines] == ["nested too deep", ""]
    assert taken(lines) == ["g1"]


@pytest.mark.parametrize("depth", range(250, 260))
def test_a_line_is_nested_as_deep_as_the_encoder_goes_or_refused(depth: int, tmp_path: Path, limits: Settings):
    line = read(put(tmp_path, with_extra("[" * depth + "]" * depth)), limits)[0]
    assert (line.battle is not None) == (depth < 254)


def test_a_line_of_exactly_the_limit_is_taken_whatever_its_end(tmp_path: Path, limits: Settings):
    whole = padded(LIMIT)
    for end in (b"", b"\n", b"\r\n"):
        assert taken(read(put(tmp_path, whole + end), limits)) == ["g9"]
    assert taken(read(put(tmp_path, b"\xef\xbb\xbf" + whole + b"\r\n" + good(1)), limits)) == ["g9", "g1"]
    lines = read(put(tmp_path, b"\xef\xbb\xbf" + padded(LIMIT + 1) + b"\r\n" + good(1)), limits)
    assert lines[0].reason.endswith(f"got {LIMIT + 1}")
    assert taken(lines) == ["g1"]


def test_a_line_of_50_mb_is_refused_with_its_size(tmp_path: Path):
    lines = read(put(tmp_path, good(1) + b"\n" + b"x" * 50_000_000 + b"\n" + good(2)), Settings())
    assert [line.reason for line in lines] == ["", "expected at most 8388608 bytes (max_line_bytes), got 50000000", ""]


@pytest.mark.parametrize("data", [b"", b"\n", b"\r\n\r\n \t\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n\n"])
def test_a_file_without_a_line_yields_nothing(data: bytes, tmp_path: Path, limits: Settings):
    assert read(put(tmp_path, data), limits) == []


def test_bom_blank_lines_windows_ends_and_a_missing_last_end_are_harmless(tmp_path: Path, limits: Settings):
    data = b"\xef\xbb\xbf" + good(1) + b"\r\n\r\n  \n\t" + good(2) + b" \r\n" + good(3)
    lines = read(put(tmp_path, data), limits)
    assert taken(lines) == ["g1", "g2", "g3"]
    assert [line.number for line in lines] == [1, 4, 5]


def test_a_file_in_utf_16_is_refused_line_by_line(tmp_path: Path, limits: Settings):
    lines = read(put(tmp_path, (good(1) + b"\n" + good(2) + b"\n").decode().encode("utf-16")), limits)
    assert taken(lines) == []
    assert len(lines) >= 2


# --- compressed


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


PACKED = {"gzip": gzip.compress, "zstd": zstd}
LINES = b"".join(good(number, noise=os.urandom(40).hex()) + b"\n" for number in range(2400))


@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
def test_a_compressed_file_is_read_whatever_its_name_says(pack, tmp_path: Path, limits: Settings):
    assert len(taken(read(put(tmp_path, pack(LINES), "x.jsonl"), limits))) == 2400


@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
def test_concatenated_members_are_one_file(pack, tmp_path: Path, limits: Settings):
    parts = [pack(good(1) + b"\n"), pack(b""), pack(good(2)[:10]), pack(good(2)[10:] + b"\n" + good(3))]
    assert taken(read(put(tmp_path, b"".join(parts)), limits)) == ["g1", "g2", "g3"]


@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
@pytest.mark.parametrize("share", [0.5, 0.9, 0.999])
def test_a_file_that_was_cut_short_counts_up_to_there_and_says_so(pack, share: float, tmp_path: Path, limits: Settings):
    packed = pack(LINES)
    lines = read(put(tmp_path, packed[: int(len(packed) * share)]), limits)
    found = taken(lines)
    assert found == [f"g{number}" for number in range(len(found))]
    assert len(found) > 2400 * (share - 0.4)
    assert lines[-1].reason.startswith("the file is damaged from here on: ")
    assert lines[-1].number == len(found) + 1


@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
@pytest.mark.parametrize("rest", [b"garbage", b"\x1f\x8bgarbage", b"\x28\xb5\x2f\xfdgarbage"])
def test_garbage_behind_the_end_is_told_and_loses_nothing(pack, rest: bytes, tmp_path: Path, limits: Settings):
    lines = read(put(tmp_path, pack(good(1) + b"\n" + good(2) + b"\n") + rest), limits)
    assert taken(lines) == ["g1", "g2"]
    assert lines[-1].reason.startswith("the file is damaged from here on: ")


@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
@pytest.mark.parametrize("position", [12, 1000, -5, -1])
def test_a_damaged_byte_is_told(pack, position: int, tmp_path: Path, limits: Settings):
    packed = bytearray(pack(LINES))
    packed[position] ^= 0xFF
    lines = read(put(tmp_path, bytes(packed)), limits)
    assert lines[-1].battle is None
    assert lines[-1].reason.startswith("the file is damaged from here on: ")


PEAK = """
import sys
from green_logic.intake import BattleFile
from green_logic.settings import Settings
taken = refused = 0
with BattleFile("-", Settings()) as battles:
    for line in battles.lines():
        taken += line.battle is not None
        refused += line.battle is None
# not getrusage: it remembers the memory of the process that this one was forked from
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(taken, refused, int(peak) // 1024)
"""


def peak_of(pieces: Iterator[bytes]) -> tuple[int, int, int]:
    """Lines taken, lines refused and peak MB of a process that reads `pieces` from its standard input."""
    with subprocess.Popen([sys.executable, "-c", PEAK], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        for piece in pieces:
            process.stdin.write(piece)
        process.stdin.close()
        taken, refused, peak = map(int, process.stdout.read().split())
    return taken, refused, peak


@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
def test_a_bomb_of_1_gb_is_refused_as_one_line_in_little_memory(pack):
    zeros = pack(bytes(64 << 20))
    lines, refused, peak = peak_of(iter([pack(good(1) + b"\n"), *[zeros] * 16, pack(b"\n" + good(2))]))
    assert (lines, refused) == (2, 1)
    assert peak < 150


def test_200_mb_of_battles_need_little_memory():
    block = b"".join(good(number, pad="x" * 2500) + b"\n" for number in range(400))
    times = (200 << 20) // len(block) + 1
    lines, refused, peak = peak_of(block for _ in range(times))
    assert (lines, refused) == (400 * times, 0)
    assert peak < 150


# --- what is no file


def test_a_directory_and_a_missing_file_are_refused_by_name(tmp_path: Path, limits: Settings):
    source = put(tmp_path, b"")
    before = everything(tmp_path)
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        BattleFile(str(tmp_path), limits)
    with pytest.raises(ConfigurationError, match=r"none\.jsonl: no such file"):
        BattleFile(str(tmp_path / "none.jsonl"), limits)
    with pytest.raises(ConfigurationError, match="Not a directory"):
        BattleFile(source + "/x", limits)
    assert everything(tmp_path) == before


def test_a_device_that_fails_when_read_is_refused(limits: Settings):
    with pytest.raises(ConfigurationError, match="/proc/self/mem: cannot be read: Input/output error"):
        BattleFile("/proc/self/mem", limits)


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every file")
def test_an_unreadable_file_is_refused(tmp_path: Path, limits: Settings):
    source = put(tmp_path, good(1))
    Path(source).chmod(0)
    with pytest.raises(ConfigurationError, match="Permission denied"):
        BattleFile(source, limits)


def test_dev_null_is_an_empty_file(limits: Settings):
    assert read("/dev/null", limits) == []


@pytest.mark.parametrize("pack", [bytes, *PACKED.values()], ids=["plain", *PACKED])
def test_a_fifo_is_read_to_its_end(pack, tmp_path: Path, limits: Settings):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=[pack(good(1) + b"\n" + good(2))])
    writer.start()
    lines = read(str(fifo), limits)
    writer.join()
    assert taken(lines) == ["g1", "g2"]


def test_closed_standard_input_is_refused(monkeypatch: pytest.MonkeyPatch, limits: Settings):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(ConfigurationError, match="standard input is closed"):
        BattleFile("-", limits)


def test_progress_ends_at_the_size_of_the_file(tmp_path: Path, limits: Settings):
    with BattleFile(put(tmp_path, gzip.compress(LINES)), limits) as battles:
        offsets = [line.offset for line in battles.lines()]
        assert offsets == sorted(offsets)
        assert offsets[-1] == battles.size_bytes


# --- the list of refused lines


def kept(refusals: Refusals) -> list[dict[str, object]]:
    return [json.loads(line) for line in refusals.path.read_bytes().splitlines()]


def refuse(source: str, settings: Settings, reasons: list[str]) -> Refusals:
    refusals = Refusals(source, settings)
    for number, reason in enumerate(reasons, start=1):
        refusals.add(Line(number, None, reason, "text"), reason)
    refusals.close(complete=True)
    return refusals


def test_a_refused_line_is_kept_with_file_number_reason_and_text(tmp_path: Path, limits: Settings):
    source = put(tmp_path, b"{}\n")
    refusals = refuse(source, limits, ["why"])
    assert kept(refusals) == [{"file": source, "line": 1, "reason": "why", "text": "text"}]
    assert everything(limits.data_dir) == {"rejected", f"rejected/{refusals.path.name}"}


def test_the_next_run_of_the_same_file_replaces_its_list_and_no_other(tmp_path: Path, limits: Settings):
    other = refuse(put(tmp_path, b"", "other.jsonl"), limits, ["stays"])
    source = put(tmp_path, b"")
    refuse(source, limits, ["a", "b"])
    assert [entry["reason"] for entry in kept(refuse(source, limits, ["c"]))] == ["c"]
    gone = refuse(source, limits, [])
    assert not gone.path.exists()
    assert [entry["reason"] for entry in kept(other)] == ["stays"]


def test_a_run_that_is_killed_leaves_the_list_of_the_run_before_and_no_other_file(tmp_path: Path, limits: Settings):
    source = put(tmp_path, b"")
    before = refuse(source, limits, ["stays"])
    refusals = Refusals(source, limits)
    for number in range(1, 2000):
        refusals.add(Line(number, None), "lost")
    assert everything(limits.data_dir) == {"rejected", f"rejected/{before.path.name}"}
    assert [entry["reason"] for entry in kept(before)] == ["stays"]
    refusals.close(complete=False)
    assert len(kept(before)) == 1999


def test_files_of_one_name_in_two_folders_have_two_lists(tmp_path: Path, limits: Settings):
    (tmp_path / "b").mkdir()
    assert Refusals(put(tmp_path, b""), limits).path != Refusals(put(tmp_path / "b", b""), limits).path


def test_runs_of_one_file_that_end_at_once_publish_whole_lists(tmp_path: Path, limits: Settings):
    source = put(tmp_path, b"")
    lists = [Refusals(source, limits) for _ in range(16)]
    for number in range(1, 500):
        for refusals in lists:
            refusals.add(Line(number, None), str(id(refusals)))
    with ThreadPoolExecutor(len(lists)) as pool:
        list(pool.map(lambda refusals: refusals.close(complete=True), lists))
    assert [entry["line"] for entry in kept(lists[0])] == list(range(1, 500))
    assert len({entry["reason"] for entry in kept(lists[0])}) == 1
    assert everything(limits.data_dir) == {"rejected", f"rejected/{lists[0].path.name}"}


@pytest.mark.parametrize(
    "name", ["x" * 249 + ".jsonl", "é" * 120 + ".jsonl", b"caf\xe9.jsonl", ".jsonl", "..x", "a\nb"]
)
def test_any_name_of_an_input_makes_a_name_for_its_list(name: str | bytes, tmp_path: Path, limits: Settings):
    source = os.fsdecode(os.fsencode(tmp_path) + b"/" + os.fsencode(name))
    Path(source).write_bytes(good(1) + b"\n{}")
    assert taken(read(source, limits)) == ["g1"]
    refusals = refuse(source, limits, ["why"])
    assert refusals.path.parent == limits.rejected
    assert kept(refusals)[0]["reason"] == "why"


def test_stdin_has_a_list_of_its_own(limits: Settings):
    refusals = refuse("-", limits, ["why"])
    assert refusals.path.name.startswith("stdin-")
    assert kept(refusals)[0]["file"] == "<stdin>"


def test_a_line_from_stdin_is_a_line(monkeypatch: pytest.MonkeyPatch, limits: Settings, tmp_path: Path):
    with Path(put(tmp_path, good(1))).open("rb") as stream:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
        assert taken(read("-", limits)) == ["g1"]


@pytest.mark.parametrize(
    ("text", "found", "fix"),
    [
        ('[{"battle_id": "a"}, {"battle_id": "b"}]', "a JSON array", "jq -c '.[]' in.jsonl > battles.jsonl"),
        ('[\n  {"battle_id": "a"},\n  {"battle_id": "b"}\n]\n', "a JSON array", "jq -c '.[]' in.jsonl > battles.jsonl"),
        ('\n\n[{"battle_id": "a"},\n{"battle_id": "b"}]\n', "a JSON array", "jq -c '.[]' in.jsonl > battles.jsonl"),
        ('{\n  "battle_id": "a"\n}\n', "an object spread over lines", "jq -c . in.jsonl > battles.jsonl"),
        ('{"battle_id": "a",\n "task": {}}\n', "an object spread over lines", "jq -c . in.jsonl > battles.jsonl"),
        ("{\n}\n{\n}\n", "an object spread over lines", "jq -c . in.jsonl > battles.jsonl"),
    ],
)
def test_json_of_another_layout_is_one_error_with_the_command_that_mends_it(tmp_path, monkeypatch, text, found, fix):
    monkeypatch.chdir(tmp_path)
    Path("in.jsonl").write_text(text)
    with BattleFile("in.jsonl", Settings()) as battles, pytest.raises(InvalidBattleError) as caught:
        next(battles.lines())
    assert caught.value.message == f"in.jsonl: expected one battle a line, got {found}"
    assert caught.value.hint == fix


def test_the_command_that_mends_a_packed_file_unpacks_it_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a b.gz").write_bytes(gzip.compress(b"[\n{}\n]"))
    with BattleFile("a b.gz", Settings()) as battles, pytest.raises(InvalidBattleError) as caught:
        next(battles.lines())
    assert caught.value.hint == "zcat 'a b.gz' | jq -c '.[]' > battles.jsonl"


@pytest.mark.parametrize("first", ["[1, 2]", "[]", '["x"]', '{"battle_id": "x"', "{", "[{broken", "[{}]"])
def test_one_bad_line_before_good_ones_is_a_bad_line_not_another_layout(tmp_path, first):
    good = json.dumps({"battle_id": "a", "task": {"description": "d"}, "purple_response": {"sourceCode": "x"}})
    path = tmp_path / "in.jsonl"
    path.write_text(f"{first}\n{good}\n{good}\n")
    with BattleFile(str(path), Settings()) as battles:
        assert [line.battle is None for line in battles.lines()] == [True, False, False]


def test_odd_keys_are_kept_and_told_once_with_the_first_line_and_how_many(tmp_path):
    value = {"battle_id": "a", "task": {"description": "d", "hiddenTests": "x"}, "purple_response": {"sourceCode": "x"}}
    path = tmp_path / "in.jsonl"
    path.write_text("\n".join([json.dumps({**value, "battle_id": f"b-{n}", f"task{n}": 1}) for n in range(100)]))
    warnings = Warnings()
    with BattleFile(str(path), Settings()) as battles:
        for line in battles.lines():
            assert line.battle is not None
            assert line.battle.value["task"] == value["task"]
            warnings.add(line)
    assert warnings.as_json()[0] == {
        "message": "task.hiddenTests: kept but not read; did you mean hidden_tests?",
        "line": 1,
        "lines": 100,
    }
    assert warnings.texts("in.jsonl")[0].startswith("in.jsonl:1: task.hiddenTests: ")
    assert len(warnings.as_json()) <= 20
