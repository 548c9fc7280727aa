"""One run of the model: three instances, four clients, many kinds of trouble; then all is mended and looked at."""

import asyncio
from collections import defaultdict
from functools import partial
from typing import Any, NamedTuple

from structlog.testing import capture_logs

from command_api.group.elsewhere import HeldElsewhere
from command_api.writer.aggregate import Versioned
from domain.decider import Decider
from event_schemas.topics import STOCK
from infra.http.problems import Problem
from tests.contract.memory_log import SharedLog
from tests.contract.model.client import LONGEST_DEADLINE_SECONDS, Attempt, Clients
from tests.contract.model.group import SESSION_SECONDS, Coordinator
from tests.contract.model.history import History, Violation, must
from tests.contract.model.instance import DECIDERS, Instance
from tests.contract.model.poison import poison
from tests.contract.model.store import Store
from tests.contract.model.world import World, simulated_time

RUNS = 60
"""Runs of the ordinary tests."""
INSTANCES = ("i1", "i2", "i3")
CLIENTS = 4
COMMANDS = 15
TROUBLE_SECONDS = 15.0
RECOVERY_SECONDS = 30.0


class Trace(NamedTuple):
    """What a run did: the records with their times, and what each client saw. Without the ids that writers draw."""

    records: list[tuple[object, ...]]
    attempts: list[tuple[object, ...]]

    @property
    def acknowledged(self) -> int:
        """How many commands were."""
        return len({key for key, *_, outcome in self.attempts if outcome == "Answer"})


class Run:
    """The world of one seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.world = World(seed)
        self.world.losses = self.world.rng.choice([0.0, 0.02, 0.05])
        self.logs = {decider.topic: SharedLog(decider.topic) for decider in DECIDERS}
        self.coordinator = Coordinator(self.world, wild=self.world.rng.random() < 0.3)
        self.store = Store(self.world)
        self.instances: dict[str, Instance] = {}
        self.lives: list[Instance] = []
        """All instances that ever were."""
        for name in INSTANCES:
            self._start(name)
        self.clients = Clients(self.world, self.coordinator, self.instances, self.logs)
        self._troubled = True

    def _start(self, name: str) -> None:
        self.instances[name] = Instance(self.world, name, self.coordinator, self.logs, self.store)
        self.lives.append(self.instances[name])

    def play(self) -> None:
        """Trouble, then recovery, then the checks. Raises ``Violation``."""
        rng = self.world.rng
        poison(self.logs[STOCK.name])
        living = [self.clients.begin(f"c{number}", COMMANDS, 0.3) for number in range(CLIENTS)]
        self.world.plan(rng.expovariate(1), self._trouble)
        self.world.plan(rng.expovariate(1), self.store.trouble)
        self.world.run_until(lambda: False, TROUBLE_SECONDS)
        self._mend()
        last = self.clients.begin("last", COMMANDS, 0.05)
        deadline = self.world.now + RECOVERY_SECONDS
        ended = self.world.run_until(lambda: all(task.done() for task in [*living, last]), deadline)
        for instance in self.lives:
            if (task := instance.running).done() and not task.cancelled() and (error := task.exception()) is not None:
                raise Violation(f"the writers of {instance.process.name} have ended: {error!r}") from error
        must(ended and not self.clients.gone, "commands are not carried out again after all was mended")
        for task in [*living, last]:
            task.result()
        for log in self.logs.values():
            while log.late:
                log.land_late(rng)
        self.world.run_until(lambda: False, self.world.now + LONGEST_DEADLINE_SECONDS + 2)
        self._check()

    @property
    def trace(self) -> Trace:
        """What has happened so far."""
        return Trace(
            [
                (
                    r.topic,
                    r.offset,
                    r.appended_ms,
                    r.value,
                    [h for h in r.headers if h[0] not in {"ce_id", "ce_writer"}],
                )
                for log in self.logs.values()
                for r in log.records
            ],
            [
                (a.intent.command_id, a.instance, a.since, a.until, type(a.outcome).__name__)
                for a in self.clients.attempts
            ],
        )

    def _trouble(self) -> None:
        if not self._troubled:
            return
        rng, name = self.world.rng, self.world.rng.choice(INSTANCES)
        match rng.choice([*["pause", "late", "rebalance"] * 2, "pause", "kill", "leave"]):
            case "pause":
                self.instances[name].process.paused_until = self.world.now + rng.choice([0.3, 1, 3, 5]) * rng.random()
            case "kill":
                self._restart(self.instances[name])
            case "leave":
                self.instances[name].leave()
                self.world.plan(rng.uniform(0.1, 2), partial(self._restart, self.instances[name]))
            case "late":
                self.logs[rng.choice(sorted(self.logs))].land_late(rng)
            case "rebalance":
                self.coordinator.process.call_soon(self.coordinator.rebalance)
        self.world.plan(rng.expovariate(2), self._trouble)

    def _restart(self, instance: Instance) -> None:
        if not instance.process.dead:
            instance.process.kill()
            self._start(instance.process.name)

    def _mend(self) -> None:
        self._troubled = self.coordinator.wild = False
        self.world.losses = 0.0
        self.store.mend()
        for instance in self.instances.values():
            instance.process.paused_until = 0.0

    def _check(self) -> None:
        intents = {(a.intent.command_id, a.intent.fingerprint): a.intent for a in self.clients.attempts}
        attempts: dict[tuple[str, str], list[Attempt]] = defaultdict(list)
        for attempt in self.clients.attempts:
            attempts[attempt.intent.command.topic, attempt.intent.command_id].append(attempt)
        for decider in DECIDERS:
            history = History(decider, self.logs[decider.topic].records, intents)
            if not self.store.rows_lost:  # with a row its deadline is lost, until somebody asks for the aggregate
                self._check_deadlines(decider, history)
            self._known(decider.topic, list(history.states))
        self.world.run_until(lambda: False, self.world.now + 2)
        for decider in DECIDERS:
            history = History(decider, self.logs[decider.topic].records, intents)
            self._check_deadlines(decider, history)
            for (topic, command_id), of_one in attempts.items():
                if topic == decider.topic:
                    history.check(command_id, of_one)
            for subject, found in self._known(decider.topic, list(history.states)).items():
                must(found[:2] == history.state(subject)[:2], f"the owner has another {subject} in mind")
        for instance in self.lives:
            _check_order(instance)

    def _check_deadlines(self, decider: Decider[Any], history: History) -> None:
        for subject in list(history.states):
            must(decider.due(history.state(subject).state) is None, f"a deadline of {subject} was missed")

    def _known(self, topic: str, subjects: list[str]) -> dict[str, Versioned]:
        """What the owner knows."""
        owner = self.instances[self.coordinator.assigned[1]]
        looking: asyncio.Task[dict[str, Versioned]]
        looking = owner.process.create_task(owner.knows(topic, subjects), name="look")
        must(self.world.run_until(looking.done, self.world.now + RECOVERY_SECONDS), "the owner does not find all")
        try:
            return looking.result()
        except HeldElsewhere:  # it has just been moved
            self.world.run_until(lambda: False, self.world.now + SESSION_SECONDS)
            return self._known(topic, subjects)
        except Problem as problem:
            raise Violation(f"the owner does not know all: {problem!r}") from problem


def _check_order(instance: Instance) -> None:
    """Commands on one aggregate that reached one instance one after the other are carried out in this order."""
    places: dict[str, int] = {}
    for intent, future in instance.handed_in:
        if not future.done() or future.cancelled() or future.exception() is not None:
            continue
        answer, subject = future.result(), intent.command.aggregate_id
        if answer.events and not answer.replayed:
            name = instance.process.name
            must(answer.offset > places.get(subject, -1), f"{intent.command_id} was overtaken at {name}")
            places[subject] = answer.offset


def run(seed: int) -> Trace:
    """Play one run. Raises ``Violation``, with the seed that plays it again."""
    with capture_logs():
        made = Run(seed)
        with simulated_time(made.world):
            try:
                made.play()
            except Violation as violation:
                raise Violation(f"seed {seed}: {violation}") from violation
            finally:
                for process in made.world.processes:
                    process.kill()
            return made.trace


def run_all(runs: int = RUNS) -> list[Trace]:
    """So many runs, by the seeds from 0 on."""
    return [run(seed) for seed in range(runs)]
