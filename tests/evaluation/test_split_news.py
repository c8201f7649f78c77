"""What both sides hold is told once, in order, on whatever channel comes first."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from green_logic.evaluation.isolation.split.news import News
from green_logic.evaluation.isolation.split.wire import MAX_FRAME_BYTES, LostError, OversizeError

Entry = list[Any]


def read(frames: bytes) -> list[dict[str, Any]]:
    """The messages of some frames."""
    messages = []
    while frames:
        size = int.from_bytes(frames[:4], "big")
        messages.append(json.loads(frames[4 : 4 + size]))
        frames = frames[4 + size :]
    return messages


def hear(news: News, frames: bytes) -> list[Entry]:
    """What is new in some frames."""
    used: list[Entry] = []
    for message in read(frames):
        if "h" in message:
            news.confirm(message["h"])
        if "u" in message:
            use(news, message["u"], used.append)
    return used


def use(news: News, told: object, apply: Callable[[Entry], None]) -> None:
    """Take what is told, and all that is new is for `apply`."""
    news.take(told, lambda _: None)
    news.use(lambda _: None, lambda entry, _: apply(entry), may_wait=True)


def test_an_entry_rides_with_every_message_until_it_is_confirmed() -> None:
    ours, theirs = News(), News()
    ours.add(["u", 1, []])
    first, _ = ours.pack({"r": 1}, 0)
    second, _ = ours.pack({"r": 1}, 0)
    assert hear(theirs, second) == [["u", 1, []]]
    assert hear(theirs, first) == []
    answer, _ = theirs.pack({"r": 2}, 0)
    assert read(answer) == [{"r": 2, "h": 1}]
    assert hear(ours, answer) == []
    assert read(ours.pack({"r": 3}, 0)[0]) == [{"r": 3}]


def test_a_channel_brings_nothing_twice() -> None:
    ours = News()
    ours.add(["x", 1])
    _, brought = ours.pack({}, 0)
    ours.add(["x", 3])
    frames, brought = ours.pack({"r": 1}, brought)
    assert read(frames) == [{"r": 1, "u": [2, ["x", 3]]}]
    assert read(ours.pack({"r": 2}, brought)[0]) == [{"r": 2}]


@given(st.data())
def test_whatever_order_channels_are_read_in_the_news_are_in_theirs(data: st.DataObject) -> None:
    """Two sides, three channels, each in order by itself: every entry arrives once, and before what it came with."""
    sides = (News(), News())
    channels: list[dict[tuple[int, int], Any]] = [{}, {}, {}]
    added, used = ([], []), ([], [])  # type: tuple[list[int], list[int]], tuple[list[int], list[int]]
    flights: dict[tuple[int, int], list[tuple[bytes, int]]] = {(way, n): [] for way in (0, 1) for n in range(3)}
    for _ in range(data.draw(st.integers(1, 40))):
        way, number = data.draw(st.tuples(st.integers(0, 1), st.integers(0, 2)))
        if data.draw(st.booleans()):
            added[way].append(len(added[way]))
            sides[way].add(["u", added[way][-1]])
        if data.draw(st.booleans()):
            key = (way, number)
            frames, channels[number][key] = sides[way].pack({"r": 1}, channels[number].get(key, 0))
            flights[key].append((frames, len(added[way])))
        elif flights[way, number]:
            frames, known = flights[way, number].pop(0)
            used[way].extend(entry[1] for entry in hear(sides[1 - way], frames))
            assert len(used[way]) >= known
    for way in (0, 1):
        assert used[way] == added[way][: len(used[way])]


def test_what_was_never_sent_can_be_taken_back_and_its_serial_is_used_again() -> None:
    ours = News()
    ours.add(["x", 1])
    mark = ours.next
    ours.add(["x", 3])
    ours.forget_since(mark)
    assert ours.next == mark
    ours.add(["x", 5])
    assert read(ours.pack({}, 0)[0]) == [{"u": [1, ["x", 1], ["x", 5]]}]


def test_what_was_sent_cannot_be_taken_back() -> None:
    ours = News()
    mark = ours.next
    ours.add(["x", 1])
    ours.pack({}, 0)
    ours.add(["x", 3])
    ours.forget_since(mark)
    assert read(ours.pack({}, 0)[0]) == [{"u": [1, ["x", 1]]}]


def test_an_answer_within_an_entry_comes_after_it() -> None:
    """Using an entry may need the other side, whose answer brings more: the order stays."""
    theirs = News()
    used: list[Entry] = []

    def read(entry: Entry) -> None:
        if entry == ["x", 1]:
            use(theirs, [3, ["x", 5]], used.append)
            assert used == []

    theirs.take([1, ["x", 1], ["x", 3]], lambda _: None)
    theirs.use(read, lambda entry, _: used.append(entry), may_wait=True)
    assert used == [["x", 1], ["x", 3], ["x", 5]]


@pytest.mark.parametrize("fails", ["read", "apply"])
def test_an_entry_that_fails_does_not_keep_the_next_ones(fails: str) -> None:
    theirs = News()
    used: list[Entry] = []

    def fail(entry: Entry, step: str) -> None:
        if entry == ["x", 1] and step == fails:
            raise KeyError(1)

    def apply(entry: Entry, _: object) -> None:
        fail(entry, "apply")
        used.append(entry)

    theirs.take([1, ["x", 1], ["x", 3]], lambda _: None)
    with pytest.raises(KeyError):
        theirs.use(lambda entry: fail(entry, "read"), apply, may_wait=True)
    use(theirs, [3, ["x", 5]], used.append)
    assert used == [["x", 3], ["x", 5]]


def test_all_entries_are_announced_before_any_is_used() -> None:
    news, said = News(), list[str]()
    news.take([1, ["a"], ["b"]], lambda entry: said.append(f"announced {entry[0]}"))
    news.use(lambda entry: entry[0], lambda _, name: said.append(f"used {name}"), may_wait=True)
    assert said == ["announced a", "announced b", "used a", "used b"]


class SlowReader:
    """A thread that waits for the other side in the middle of an entry."""

    def __init__(self, news: News, used: list[tuple[str, Entry]], error: Exception | None = None) -> None:
        self.answered, self.failed = threading.Event(), list[BaseException]()
        asked = threading.Event()

        def read(_: Entry) -> str:
            asked.set()
            assert self.answered.wait(10)
            if error and not self.failed:
                raise error
            return "slow"

        def run() -> None:
            try:
                news.use(read, lambda entry, by: used.append((by, entry)), may_wait=False)
            except Exception as failure:  # noqa: BLE001  shown to the test
                self.failed.append(failure)

        self.thread = threading.Thread(target=run)
        self.thread.start()
        assert asked.wait(10)

    def answer(self) -> None:
        self.answered.set()
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.mark.parametrize("error", [None, LostError("over")])
def test_no_entry_waits_for_a_thread_that_waits_for_the_other_side(error: Exception | None) -> None:
    """Whoever else needs it reads it; what the late one makes of it, an error too, is of no use any more."""
    news = News()
    used: list[tuple[str, Entry]] = []
    news.take([1, ["x", 1], ["x", 3]], lambda _: None)
    slow = SlowReader(news, used, error)
    news.use(lambda _: "quick", lambda entry, by: used.append((by, entry)), may_wait=False)
    assert used == [("quick", ["x", 1]), ("quick", ["x", 3])]
    slow.answer()
    assert used == [("quick", ["x", 1]), ("quick", ["x", 3])]
    assert slow.failed == []


def test_a_thread_that_may_wait_leaves_an_entry_to_the_one_that_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("green_logic.evaluation.isolation.split.news.PATIENCE_S", 10)
    news = News()
    used: list[tuple[str, Entry]] = []
    news.take([1, ["x", 1]], lambda _: None)
    slow = SlowReader(news, used)
    threading.Timer(0.01, slow.answered.set).start()
    news.use(lambda _: "quick", lambda entry, by: used.append((by, entry)), may_wait=True)
    assert used == [("slow", ["x", 1])]
    slow.answer()


def test_a_thread_that_may_wait_does_not_do_so_for_ever() -> None:
    news = News()
    used: list[tuple[str, Entry]] = []
    news.take([1, ["x", 1]], lambda _: None)
    slow = SlowReader(news, used)
    news.use(lambda _: "quick", lambda entry, by: used.append((by, entry)), may_wait=True)
    assert used == [("quick", ["x", 1])]
    slow.answer()


@pytest.mark.parametrize("told", [[2, ["x", 1]], [0, ["x", 1]], [-1], [], ["1"], [True], {}, None, [1, "x"], [1, 5]])
def test_news_that_cannot_be_are_refused(told: object) -> None:
    theirs = News()
    with pytest.raises(LostError):
        use(theirs, told, lambda _: None)
    used: list[Entry] = []
    use(theirs, [1, ["x", 1]], used.append)
    assert used == [["x", 1]]


@pytest.mark.parametrize("heard", [1, 10**9, "0", None, True, 0.0])
def test_a_confirmation_of_what_was_never_sent_is_refused(heard: object) -> None:
    ours = News()
    ours.add(["x", 1])
    with pytest.raises(LostError):
        ours.confirm(heard)
    assert read(ours.pack({}, 0)[0]) == [{"u": [1, ["x", 1]]}]


def test_an_old_confirmation_changes_nothing() -> None:
    ours = News()
    for number in (1, 3):
        ours.add(["x", number])
    ours.pack({}, 0)
    ours.confirm(2)
    ours.confirm(1)
    ours.confirm(-3)
    ours.add(["x", 5])
    assert read(ours.pack({}, 0)[0]) == [{"u": [3, ["x", 5]]}]


def test_more_than_a_frame_holds_comes_in_several() -> None:
    ours, theirs = News(), News()
    big = "x" * (MAX_FRAME_BYTES // 2)
    for number in range(3):
        ours.add(["u", number, big])
    frames, brought = ours.pack({"r": 1}, 0)
    assert brought == 3
    assert [sorted(message) for message in read(frames)] == [["u"], ["u"], ["u"], ["r"]]
    assert [entry[1] for entry in hear(theirs, frames)] == [0, 1, 2]


def test_what_no_frame_can_bring_is_refused_and_nothing_of_it_stays() -> None:
    ours = News()
    with pytest.raises(OversizeError):
        ours.add(["u", 1, "x" * MAX_FRAME_BYTES])
    with pytest.raises(OversizeError):
        ours.pack({"v": "x" * MAX_FRAME_BYTES}, 0)
    ours.add(["x", 1])
    assert read(ours.pack({}, 0)[0]) == [{"u": [1, ["x", 1]]}]
