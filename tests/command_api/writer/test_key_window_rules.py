"""The window against the simplest one that could be: a dictionary, of which the oldest commands are taken away."""

import time

from hypothesis import given
from hypothesis import strategies as st

from command_api.writer.key_segment import ROWS, Remembered, pack
from command_api.writer.key_window import KeyWindow

PLACES = [("orders", 0), ("orders", 1), ("stock", 0)]
NOW_MS = int(time.time() * 1000)
DAY_MS = 24 * 3_600_000


class Simplest:
    def __init__(self, most: int) -> None:
        self.most = most
        self.known: dict[str, Remembered] = {}

    def add(self, command_id: str, it: Remembered) -> None:
        known = self.known.get(command_id)
        if known is not None and (known.topic, known.partition) == (it.topic, it.partition):
            it = known.extended(it)
        self.known[command_id] = it
        for _, oldest in sorted((each.appended_ms, name) for name, each in self.known.items())[: -self.most]:
            del self.known[oldest]

    def drop(self, place: tuple[str, int]) -> None:
        self.known = {name: it for name, it in self.known.items() if (it.topic, it.partition) != place}


@st.composite
def steps(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    """What happens, to which command, in which place; each at another time."""
    kind = st.sampled_from(["add", "add", "add", "pack", "drop"])
    return draw(st.lists(st.tuples(kind, st.integers(0, 12), st.integers(0, 2)), max_size=60))


@given(steps=steps(), most=st.integers(1, 8), order=st.randoms(use_true_random=False))
def test_it_remembers_what_a_dictionary_of_the_newest_would(steps: list, most: int, order) -> None:  # type: ignore[no-untyped-def,type-arg]
    window, simplest = KeyWindow(24, most), Simplest(most)
    minutes = order.sample(range(1, 1000), len(steps))
    for offset, ((kind, number, at), minute) in enumerate(zip(steps, minutes, strict=True)):
        topic, partition = PLACES[at]
        it = Remembered("print", f"s{number}", offset, topic, partition, offset, offset, NOW_MS - minute * 60_000)
        name = f"c{number}"
        if kind == "drop":
            window.drop({PLACES[at]})
            simplest.drop(PLACES[at])
        elif kind == "add" or name in simplest.known:
            window.add(name, it)
            simplest.add(name, it)
        else:
            keys = pack({name: it})
            assert keys is not None
            window.extend(keys.packed, topic, partition)
            simplest.add(name, it)
        assert {f"c{n}": window.get(f"c{n}") for n in range(13) if window.get(f"c{n}")} == simplest.known


def test_what_a_snapshot_brings_is_remembered_besides_what_is_there() -> None:
    window = KeyWindow(24, 3 * ROWS)
    for part in range(3):
        rows = {
            f"c{part}.{n}": Remembered("print", "s", n, "orders", part, n, n, NOW_MS - n * 10) for n in range(2 * ROWS)
        }
        if part < 2:
            keys = pack(rows)
            assert keys is not None
            window.extend(keys.packed, "orders", part)
        else:
            for command_id, it in rows.items():
                window.add(command_id, it)
    assert len(window) == 3 * ROWS
    newest = [window.get(f"c{part}.{n}") for part in range(3) for n in range(ROWS - 100)]
    assert None not in newest
    window.drop({("orders", part) for part in range(3)})
    assert len(window) == 0


def test_what_is_too_old_in_a_snapshot_is_not_remembered() -> None:
    window = KeyWindow(24, 10)
    ages = {"old": DAY_MS + 60_000, "young": DAY_MS // 2}
    keys = pack({name: Remembered("print", "s", 1, "orders", 0, 1, 1, NOW_MS - age) for name, age in ages.items()})
    assert keys is not None
    window.extend(keys.packed, "orders", 0)
    assert [name for name in ages if window.get(name) is not None] == ["young"]
    assert len(window) == 1


def test_a_full_window_whose_newest_were_dropped_makes_room_for_what_a_snapshot_brings() -> None:
    window = KeyWindow(24, 1)
    window.add("dropped", Remembered("print", "s", 0, "orders", 0, 0, 0, NOW_MS - 30_000))
    window.drop({("orders", 0)})
    for number in range(2):
        keys = pack({f"c{number}": Remembered("print", "s", 1, "orders", 0, 1, 1, NOW_MS - 20_000 + number * 10_000)})
        assert keys is not None
        window.extend(keys.packed, "orders", 0)  # must return
    assert window.get("c1") is not None
    assert len(window) == 1


def test_where_many_are_forgotten_at_once_none_of_them_is_newer_than_one_that_is_not_packed_yet() -> None:
    window = KeyWindow(24, 1000)

    def aged(topic: str, seconds: int) -> Remembered:
        return Remembered("print", "s", 1, topic, 0, 1, 1, NOW_MS - seconds * 1000)

    packed = {f"packed {seconds}": aged("orders", seconds) for seconds in range(10, 8000, 10)}
    for topic, several in (("orders", packed), ("stock", {"last": aged("stock", 1)})):
        keys = pack(several)
        assert keys is not None
        window.extend(keys.packed, topic, 0)
    for seconds in range(7905, 5895, -10):
        window.add(f"added {seconds}", aged("catalog", seconds))
    oldest_added = window.get("added 7905")
    forgotten = [it.appended_ms for name, it in packed.items() if window.get(name) is None]
    assert oldest_added is None or max(forgotten) < oldest_added.appended_ms
    assert len(window) == 990
