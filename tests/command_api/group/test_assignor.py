"""How shards are dealt out: completely, evenly, with few moves, and how Kafka carries the answer."""

from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from hypothesis import given
from hypothesis import strategies as st

from command_api.group.assignor import ShardAssignor, assign_shards, routing_of
from command_api.group.routing import NOWHERE, Routing

Members = dict[str, frozenset[int]]
NAMES = st.sampled_from([f"instance-{number}" for number in range(9)])


@st.composite
def any_members(draw: st.DrawFn) -> tuple[Members, int]:
    """Members with whatever they claim to hold: contradictory, incomplete, out of range."""
    partitions = draw(st.integers(0, 40))
    claims = st.frozensets(st.integers(0, partitions + 3))
    return draw(st.dictionaries(NAMES, claims, min_size=1)), partitions


@st.composite
def settled_members(draw: st.DrawFn) -> tuple[Members, int]:
    """Members as a history of joins and leaves has left them."""
    partitions = draw(st.integers(1, 40))
    members: Members = {}
    for name in draw(st.lists(NAMES, min_size=1, max_size=15)):
        if name in members and len(members) > 1:
            del members[name]
        else:
            members[name] = members.get(name, frozenset())
        members = assign_shards(members, partitions)
    return members, partitions


def moved(before: Members, after: Members) -> int:
    return sum(len(shards - before.get(name, frozenset())) for name, shards in after.items())


@given(any_members())
def test_every_shard_goes_to_exactly_one_member_and_the_counts_differ_by_one_at_most(case: tuple[Members, int]) -> None:
    members, partitions = case
    shares = assign_shards(members, partitions)
    assert shares.keys() == members.keys()
    assert sorted(shard for share in shares.values() for shard in share) == list(range(partitions))
    assert max(map(len, shares.values())) - min(map(len, shares.values())) <= 1


@given(settled_members())
def test_nothing_moves_while_nobody_comes_or_goes(case: tuple[Members, int]) -> None:
    members, partitions = case
    assert assign_shards(members, partitions) == members


@given(settled_members())
def test_a_newcomer_gets_its_share_and_nothing_else_moves(case: tuple[Members, int]) -> None:
    members, partitions = case
    after = assign_shards({**members, "newcomer": frozenset()}, partitions)
    assert moved(members, after) == len(after["newcomer"]) == partitions // (len(members) + 1)


@given(settled_members(), st.data())
def test_only_the_shards_of_one_that_leaves_move(case: tuple[Members, int], data: st.DataObject) -> None:
    members, partitions = case
    leaver = data.draw(st.sampled_from(sorted(members)))
    rest = {name: shards for name, shards in members.items() if name != leaver}
    if rest:
        assert moved(members, assign_shards(rest, partitions)) == len(members[leaver])


@given(any_members())
def test_no_even_assignment_would_leave_more_shards_where_they_are(case: tuple[Members, int]) -> None:
    members, partitions = case
    taken: set[int] = set()
    held: list[int] = []
    for name in sorted(members):
        own = {shard for shard in members[name] if shard < partitions} - taken
        taken |= own
        held.append(len(own))
    least, larger = divmod(partitions, len(members))
    most_kept = sum(min(count, least) for count in held) + min(larger, sum(count > least for count in held))
    kept = partitions - moved(members, assign_shards(members, partitions))
    assert kept >= most_kept


def test_nobody_to_deal_to_is_no_error() -> None:
    assert assign_shards({}, 12) == {}


def metadata(address: str, last: Routing = NOWHERE) -> ConsumerProtocolMemberMetadata:
    made = ShardAssignor(address, address, 4, lambda: last).metadata({"orders", "stock"})
    return ConsumerProtocolMemberMetadata.decode(made.encode())


def test_the_assignment_of_each_member_carries_the_whole_table_and_the_same_shards_of_every_topic() -> None:
    leader = ShardAssignor("http://a", "a", 4, lambda: NOWHERE)
    dealt = leader.assign(None, {"a-1": metadata("http://a"), "b-1": metadata("http://b")})
    told = {member: routing_of(7, assignment.encode()) for member, assignment in dealt.items()}
    owners = {0: "http://a", 1: "http://a", 2: "http://b", 3: "http://b"}
    assert told == {"a-1": Routing(7, owners, frozenset({0, 1})), "b-1": Routing(7, owners, frozenset({2, 3}))}
    assert dealt["b-1"].assignment == [("orders", [2, 3]), ("stock", [2, 3])]


def test_a_member_that_was_away_does_not_take_back_what_others_have_got_since() -> None:
    leader = ShardAssignor("http://a", "a", 4, lambda: NOWHERE)
    was_away = Routing(5, {}, frozenset({0, 1}))
    stayed = Routing(6, {}, frozenset({0, 1, 2, 3}))
    dealt = leader.assign(None, {"a-1": metadata("http://a", was_away), "b-1": metadata("http://b", stayed)})
    assert routing_of(7, dealt["b-1"].encode()).mine == {0, 1}
    assert routing_of(7, dealt["a-1"].encode()).mine == {2, 3}
