import pytest

from command_api.writer.key_segment import Remembered, Unreadable, joined, pack, segments


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


@pytest.mark.parametrize("cut", [1, 10, 30])
def test_keys_that_are_cut_off_are_unreadable(cut: int) -> None:
    keys = pack({"c1": remembered(7, 30)})
    assert keys is not None
    with pytest.raises(Unreadable):
        list(segments(keys.packed[:-cut], "orders", 2))
    with pytest.raises(Unreadable):
        list(segments(keys.packed[:cut], "orders", 2))


def test_keys_of_another_format_are_unreadable() -> None:
    with pytest.raises(Unreadable):
        list(segments(b'[["c1","print","subject",1,2,2,30]]', "orders", 2))
