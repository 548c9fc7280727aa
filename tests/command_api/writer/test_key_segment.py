import pytest

from command_api.snapshots.snapshot import Keys
from command_api.writer.key_segment import FEW, ROWS, Remembered, Unreadable, joined, merged, pack, segments


def remembered(offset: int, appended_ms: int) -> Remembered:
    return Remembered(f"print {offset}", f"subject {offset}", offset + 1, "orders", 2, offset, offset + 1, appended_ms)


def test_packed_commands_come_back_as_they_were_the_oldest_first() -> None:
    commands = {"c1": remembered(7, 30), "c2": remembered(8, 10), "Größe 尺寸": remembered(9, 20)}
    keys = pack(commands)
    assert keys is not None
    assert (keys.count, keys.newest_ms) == (3, 30)
    (segment,) = segments(keys.packed, "orders", 2)
    assert list(segment.ages) == [10, 20, 30]
    assert [segment.row(number) for number in range(3)] == [
        (name, commands[name]) for name in ("c2", "Größe 尺寸", "c1")
    ]


def test_parts_that_are_joined_are_as_many_segments() -> None:
    parts = [pack({f"c{number}": remembered(number, 100 - number)}) for number in range(3)]
    keys = joined([part for part in parts if part is not None])
    assert keys is not None
    assert (keys.count, keys.newest_ms) == (3, 100)
    assert [segment.row(0)[0] for segment in segments(keys.packed, "orders", 2)] == ["c0", "c1", "c2"]


def test_nothing_is_packed_as_nothing() -> None:
    assert pack({}) is None
    assert joined([]) is None
    assert list(segments(b"", "orders", 2)) == []
    assert list(merged([])) == []


def test_saves_of_few_commands_are_merged_and_what_came_later_stays_later() -> None:
    sizes = [1] * ROWS + [FEW - 2] * 12 + [FEW, 2, 1]
    saves: list[Keys] = []
    rows: list[tuple[str, Remembered]] = []
    for number, size in enumerate(sizes):
        commands = {f"c{number}.{n}": remembered(n, 1000 + number) for n in range(size)}
        commands["again"] = remembered(number, 1000 + number)
        keys = pack(commands)
        assert keys is not None
        saves.append(keys)
        rows += commands.items()
    held = [segment for keys in merged(saves) for segment in segments(keys.packed, "orders", 2)]
    assert [segment.row(n) for segment in held for n in range(len(segment))] == rows
    assert max(map(len, held)) <= ROWS
    assert len(held) < 7


def test_saves_that_are_merged_are_the_oldest_first_whatever_their_order() -> None:
    saves = [keys for age in (30, 10, 20) if (keys := pack({f"c{age}": remembered(age, age)})) is not None]
    (keys,) = merged(saves)
    (segment,) = segments(keys.packed, "orders", 2)
    assert list(segment.ages) == [10, 20, 30]
    assert [segment.row(n)[0] for n in range(3)] == ["c10", "c20", "c30"]
    assert (keys.count, keys.newest_ms) == (3, 30)


@pytest.mark.parametrize("cut", [1, 10, 30])
def test_keys_that_are_cut_off_are_unreadable(cut: int) -> None:
    keys = pack({"c1": remembered(7, 30)})
    assert keys is not None
    with pytest.raises(Unreadable):
        list(segments(keys.packed[:-cut], "orders", 2))
    with pytest.raises(Unreadable):
        list(segments(keys.packed[:cut], "orders", 2))
    with pytest.raises(Unreadable):
        list(merged([keys._replace(packed=keys.packed[:-cut])]))


def test_keys_of_another_format_are_unreadable() -> None:
    with pytest.raises(Unreadable):
        list(segments(b'[["c1","print","subject",1,2,2,30]]', "orders", 2))
