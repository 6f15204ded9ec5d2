"""The loop that keeps a gateway's copy equal to the server, over registrars that do as they are told, or worse.

Time does not pass here while somebody waits: it jumps to the next moment at which anything is due.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, cast

import pytest
from jumping import jumping

from sanctuary_host.gateway.entry import Entry
from sanctuary_host.gateway.reconcile import Reconciler
from sanctuary_host.gateway.registrar import GatewayError, Kind, Plan, Registration

ENTRY = Entry(
    name="sanctuary_utils",
    base="http://127.0.0.1:8100",
    transport="streamable-http",
    cluster="utils",
    version="1.0",
    description="A cluster.",
    tools=({"name": "one"},),
    instance="0123abcd",
)
WELL = Registration("id-1", 200, "unchanged")
Answer = Registration | BaseException | Callable[[], Awaitable[Any]] | object


@dataclass(frozen=True)
class Asked:
    """A request as the registrar got it."""

    at: float
    entry: Entry
    known: Registration | None


class Scripted:
    """A registrar that answers as it is told, the last answer for ever."""

    name: Any = "scripted"

    def __init__(self, *answers: Answer) -> None:
        self.answers = [*answers]
        self.asked: list[Asked] = []
        self.withdrawn: list[float] = []
        self.at_once = self.most_at_once = 0
        self.withdrawal: Answer = True

    def plan(self, entry: Entry) -> Plan:
        return Plan("POST", "http://gateway/v1/gateways", {"name": entry.name})

    async def register(self, entry: Entry, known: Registration | None, *, adopt: bool = False) -> Registration:
        self.asked.append(Asked(asyncio.get_running_loop().time(), entry, known))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            return cast("Registration", await said(answer))
        finally:
            self.at_once -= 1

    async def withdraw(self, entry: Entry, known: Registration | None, *, delete: bool) -> bool:
        assert not delete
        self.withdrawn.append(asyncio.get_running_loop().time())
        return bool(await said(self.withdrawal))

    async def copy(self, entry: Entry) -> Sequence[Any] | None:
        return None

    @property
    def times(self) -> list[float]:
        return [one.at for one in self.asked]

    @property
    def gaps(self) -> list[float]:
        return [after - before for before, after in zip(self.times, self.times[1:], strict=False)]


async def said(answer: Answer) -> Any:
    if isinstance(answer, BaseException):
        raise answer
    return await cast("Awaitable[Any]", answer()) if callable(answer) else answer


def trouble(kind: Kind, sentence: str = "it is so", status: int = 0, after: float = 0.0) -> GatewayError:
    return GatewayError(sentence, kind, status, after)


class Run:
    """A reconciler at work over a registrar: `async with Run(Scripted(WELL)) as run: await run.until(100)`."""

    def __init__(self, registrar: Scripted, **settings: Any) -> None:
        self.registrar = registrar
        self.entry = ENTRY
        self.loop = Reconciler(
            registrar,
            lambda: self.entry,
            **{"heartbeat": 60.0, "splay": 10.0, "gateway": "http://user:hunter2@gateway:4444/path?x=1", **settings},
        )
        self.task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self.loop.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        assert self.task is not None
        assert not self.task.done(), "the loop has ended"
        self.task.cancel()
        await asyncio.wait([self.task])

    async def until(self, seconds: float) -> None:
        """Let time pass until then."""
        await asyncio.sleep(seconds - asyncio.get_running_loop().time())

    async def asked(self, times: int) -> None:
        """Let time pass until the registrar was asked so often, and has answered."""
        while len(self.registrar.asked) < times or self.registrar.at_once:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0)

    @property
    def state(self) -> str:
        return str(self.loop.state()["state"])

    def change(self, *names: str) -> None:
        self.entry = replace(self.entry, tools=tuple({"name": name} for name in names))
        self.loop.changed()


def sentences(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= level]


def low(low: float, high: float) -> float:
    return low


def high(low: float, high: float) -> float:
    return high


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="sanctuary_host")


# The ordinary life


@jumping
async def test_a_life_without_trouble_is_one_request_then_one_each_heartbeat(caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    async with Run(Scripted(replace(WELL, done="created"), WELL)) as run:
        assert run.state == "waiting"
        await run.until(10)
        assert run.state == "registered"
        assert 0 <= run.registrar.times[0] <= 10
        await run.until(1000)
        assert all(48 <= gap <= 72 for gap in run.registrar.gaps)
        assert len({round(gap) for gap in run.registrar.gaps}) > 3, "they are not all alike"
        assert [one.known for one in run.registrar.asked[:2]] == [None, replace(WELL, done="created")]
        assert run.registrar.asked[2].known == WELL
    assert sentences(caplog, logging.INFO) == ["Registered with Gateway: 200"]
    (record,) = caplog.records
    assert record.fields == {
        "event": "registered",
        "gateway": "http://gateway:4444",
        "registrar": "scripted",
        "name": "sanctuary_utils",
        "id": "id-1",
        "tools": 1,
        "done": "created",
    }


@jumping
async def test_the_state_tells_what_an_operator_asks() -> None:
    async with Run(Scripted(trouble("unreachable", "it sleeps", 503), WELL), uniform=high) as run:
        await run.until(1)
        assert (run.state, run.loop.state()["next_attempt_s"]) == ("waiting", 9.0)
        await run.asked(1)
        shown = run.loop.state()
        assert shown.pop("since").endswith("Z")
        assert 0 < shown.pop("next_attempt_s") <= 11
        assert shown == {
            "state": "unreachable",
            "gateway": "http://gateway:4444",
            "registrar": "scripted",
            "name": "sanctuary_utils",
            "id": "",
            "tools": 1,
            "status": 503,
            "attempts": 1,
            "sentence": "it sleeps",
            "holes": [],
        }
        assert not run.loop.is_registered
        await run.asked(2)
        assert (run.state, run.loop.state()["id"], run.loop.is_registered) == ("registered", "id-1", True)
        assert run.loop.attempts == {"unreachable": 1, "registered": 1}
    assert run.state == "stopping"


@jumping
async def test_while_the_first_request_is_under_way_the_state_is_registering() -> None:
    answered = asyncio.Event()

    async def slowly() -> Registration:
        await answered.wait()
        return WELL

    async with Run(Scripted(slowly)) as run:
        await run.until(15)
        assert (run.state, run.loop.state()["next_attempt_s"]) == ("registering", None)
        answered.set()
        await run.until(16)
        assert run.state == "registered"


@jumping
async def test_a_hundred_servers_that_start_at_once_come_one_by_one() -> None:
    runs = [Run(Scripted(WELL)) for _ in range(100)]
    for run in runs:
        await run.__aenter__()
    await asyncio.sleep(11)
    firsts = sorted(run.registrar.times[0] for run in runs)
    assert max(sum(1 for one in firsts if start <= one < start + 1) for start in range(10)) < 35
    for run in runs:
        await run.stop()


@jumping
async def test_after_an_outage_a_hundred_servers_come_back_one_by_one() -> None:
    down = True

    async def answer() -> Registration:
        if down:
            raise trouble("unreachable")
        return WELL

    runs = [Run(Scripted(answer)) for _ in range(100)]
    for run in runs:
        await run.__aenter__()
    # Shortly after all were turned away for the first time, when their windows are still narrow.
    await asyncio.sleep(12)
    before = [len(run.registrar.asked) for run in runs]
    down, back = False, 12.0
    await asyncio.sleep(75)
    returns = [run.registrar.times[count] - back for run, count in zip(runs, before, strict=True)]
    assert max(sum(1 for one in returns if start <= one < start + 1) for start in range(75)) < 35
    assert all(run.state == "registered" for run in runs)
    for run in runs:
        await run.stop()


# Changes


@jumping
async def test_a_change_is_told_at_once_and_several_within_a_moment_are_one() -> None:
    async with Run(Scripted(WELL)) as run:
        await run.until(20)
        for names in (("one", "two"), ("one",), ("one", "three")):
            run.change(*names)
        await run.until(20.5)
        assert [len(run.registrar.asked), run.registrar.asked[-1].entry.tools] == [
            2,
            ({"name": "one"}, {"name": "three"}),
        ]
        await run.until(60)
        assert len(run.registrar.asked) == 2


@jumping
async def test_a_change_before_the_first_request_does_not_bring_it_forward() -> None:
    async with Run(Scripted(WELL), uniform=high) as run:
        run.change("one", "two")
        await run.until(9.9)
        assert run.registrar.asked == []
        await run.until(20)
        assert [one.entry.tools for one in run.registrar.asked] == [({"name": "one"}, {"name": "two"})]


@jumping
async def test_a_late_answer_about_older_tools_is_not_taken_for_the_newer_ones(caplog: Any) -> None:
    answered = asyncio.Event()

    async def slowly() -> Registration:
        await answered.wait()
        return replace(WELL, done="created", holes=("it lacks the tool one",))

    async with Run(Scripted(slowly, replace(WELL, done="updated"))) as run:
        await run.until(12)
        run.change("two")
        answered.set()
        await run.until(12.1)
        assert run.state == "registering"
        assert not run.loop.is_registered
        await run.until(13)
        assert run.state == "registered"
        assert [one.entry.tools[0]["name"] for one in run.registrar.asked] == ["one", "two"]
        assert run.registrar.asked[1].known is not None, "or a second entry would be made"
    assert sentences(caplog, logging.INFO) == ["Registered with Gateway: 200"]


@jumping
async def test_a_tool_that_comes_and_goes_all_the_time_does_not_wear_the_gateway_out() -> None:
    async with Run(Scripted(WELL)) as run:
        await run.until(20)
        for _ in range(6000):  # ten minutes
            run.change("one")
            await asyncio.sleep(0.1)
        storm = len(run.registrar.asked)
        assert storm < 80
        run.change("the last")
        await asyncio.sleep(11)
        assert run.registrar.asked[-1].entry.tools == ({"name": "the last"},)
        # Once it is calm again, the next change is told at once.
        await asyncio.sleep(200)
        before = len(run.registrar.asked)
        run.change("another")
        await asyncio.sleep(0.5)
        assert len(run.registrar.asked) == before + 1


@jumping
async def test_no_two_requests_are_under_way_at_once_whatever_changes() -> None:
    async def slowly() -> Registration:
        await asyncio.sleep(7)
        return WELL

    async with Run(Scripted(slowly)) as run:
        for number in range(300):
            run.change(str(number))
            await asyncio.sleep(0.7)
        assert len(run.registrar.asked) > 5
        assert run.registrar.most_at_once == 1


# Trouble


@jumping
async def test_an_unreachable_gateway_is_tried_ever_later_up_to_a_minute(caplog: Any) -> None:
    async with Run(Scripted(trouble("unreachable")), splay=0, uniform=high) as run:
        await run.until(1000)
        assert [round(gap) for gap in run.registrar.gaps[:8]] == [1, 2, 4, 8, 16, 32, 60, 60]
        assert run.state == "unreachable"
    assert sentences(caplog) == ["Not registered with the gateway: it is so"]


@jumping
async def test_the_moments_of_those_attempts_are_drawn_from_the_whole_window() -> None:
    async with Run(Scripted(trouble("unreachable")), splay=0, uniform=random.Random(7).uniform) as run:
        await run.until(6000)
        late = run.registrar.gaps[8:]
        assert all(0 <= gap <= 60 for gap in late)
        assert min(late) < 10
        assert max(late) > 50


@jumping
async def test_a_change_does_not_have_an_unreachable_gateway_asked_more_often() -> None:
    async with Run(Scripted(trouble("unreachable")), splay=0, uniform=high) as run:
        for _ in range(2000):
            run.change("one")
            await asyncio.sleep(0.1)
        assert len(run.registrar.asked) < 12


@jumping
async def test_after_success_the_next_outage_begins_with_short_waits_again() -> None:
    answers = [*[trouble("unreachable")] * 8, WELL, trouble("unreachable"), WELL]
    async with Run(Scripted(*answers), splay=0, uniform=high) as run:
        await run.asked(11)
        assert [round(gap) for gap in run.registrar.gaps[-3:]] == [60, 72, 1]
        assert run.registrar.asked[-1].known == WELL, "an outage loses nothing"


@jumping
async def test_what_is_pending_is_looked_at_again_no_sooner_than_asked(caplog: Any) -> None:
    pending = trouble("pending", "it works on it", 202, after=5)
    async with Run(Scripted(pending, pending, pending, WELL), uniform=low) as run:
        await run.asked(4)
        assert [round(gap) for gap in run.registrar.gaps] == [5, 5, 5]
    assert sentences(caplog, logging.INFO)[0] == "Not registered with the gateway: it works on it"
    assert caplog.records[0].levelno == logging.INFO


@jumping
@pytest.mark.parametrize("after", [60.0, 900.0])
async def test_nothing_at_all_is_asked_before_retry_after_is_over(after: float) -> None:
    reread = 0

    async def read() -> bool:
        nonlocal reread
        reread += 1
        return True

    async with Run(Scripted(trouble("busy", "too often", 429, after), WELL), splay=0, reread=read) as run:
        while len(run.registrar.asked) < 2:
            run.change("one")
            await asyncio.sleep(0.1)
        assert after <= run.registrar.gaps[0] < after + 1
        assert reread == 0
        assert run.loop.attempts == {"busy": 1, "registered": 1} or run.registrar.at_once


@jumping
async def test_a_busy_gateway_that_names_no_time_is_left_alone_for_a_minute_then_longer() -> None:
    async with Run(Scripted(trouble("busy", status=429)), splay=0, uniform=low) as run:
        await run.asked(4)
        assert [round(gap) for gap in run.registrar.gaps] == [60, 120, 240]


@pytest.mark.parametrize("after", [1e300, float("inf"), float("nan"), -5.0, "soon", None])
@jumping
async def test_a_senseless_retry_after_keeps_nobody_off_for_good(after: Any) -> None:
    async with Run(Scripted(trouble("busy", "too often", 429, after), WELL), splay=0) as run:
        await run.asked(2)
        assert run.registrar.gaps[0] <= 3601
        assert run.state == "registered"


@jumping
@pytest.mark.parametrize("kind", ["unauthorized", "rejected", "conflict", "foreign"])
async def test_where_only_a_hand_can_help_the_gateway_is_asked_seldom(kind: Kind, caplog: Any) -> None:
    async with Run(Scripted(trouble(kind, f"remedy for {kind}", 422)), uniform=low) as run:
        await run.until(4000)
        assert [round(gap) for gap in run.registrar.gaps[:6]] == [60, 120, 240, 480, 600, 600]
        assert run.state == ("rejected" if kind == "foreign" else kind)
    assert sentences(caplog, logging.ERROR) == [f"Not registered with the gateway: remedy for {kind}"]
    assert len(caplog.records) == 1


@jumping
@pytest.mark.parametrize(("kind", "early"), [("unauthorized", 1), ("rejected", 1), ("conflict", 0)])
async def test_in_the_slow_lane_a_change_is_worth_one_early_attempt(kind: Kind, early: int) -> None:
    async with Run(Scripted(trouble(kind)), uniform=low, splay=0) as run:
        await run.asked(1)
        for _ in range(500):
            run.change("one")
            await asyncio.sleep(0.1)
        assert len(run.registrar.asked) == 1 + early


@jumping
async def test_a_new_token_is_tried_within_seconds() -> None:
    new = asyncio.Event()

    async def read() -> bool:
        return new.is_set()

    async with Run(Scripted(trouble("unauthorized", "the token has expired", 401), WELL), reread=read) as run:
        await run.until(40)
        assert len(run.registrar.asked) == 1
        new.set()
        await run.until(43)
        assert run.state == "registered"


@jumping
@pytest.mark.parametrize("kind", ["unauthorized", "rejected"])
async def test_neither_a_change_nor_a_new_token_shortens_the_wait_that_a_gateway_asks_for(kind: Kind) -> None:
    async def read() -> bool:
        return True

    async with Run(Scripted(trouble(kind, "locked out", 403, after=900), WELL), reread=read, splay=0) as run:
        await run.asked(1)
        for _ in range(880):
            run.change("one")
            await asyncio.sleep(1)
        assert len(run.registrar.asked) == 1
        await run.asked(2)


@jumping
async def test_holes_are_told_once_and_again_only_when_they_change(caplog: Any) -> None:
    def with_holes(*holes: str) -> Registration:
        return replace(WELL, holes=holes)

    first, second = with_holes("it skipped one", "it skipped two"), with_holes("it skipped two")
    async with Run(Scripted(first, first, second, second, WELL, WELL)) as run:
        await run.asked(2)
        assert run.state == "degraded"
        assert run.loop.is_registered
        assert run.loop.state()["holes"] == ["it skipped one", "it skipped two"]
        await run.asked(6)
        assert (run.state, run.loop.state()["holes"]) == ("registered", [])
    assert sentences(caplog) == [
        "The gateway's copy differs: it skipped one",
        "The gateway's copy differs: it skipped two",
        "The gateway's copy differs: it skipped two",
    ]
    assert sentences(caplog, logging.INFO).count("Registered with Gateway: 200") == 1


@jumping
async def test_what_an_operator_switched_off_is_paused_and_told_once(caplog: Any) -> None:
    paused = replace(WELL, paused=True)
    async with Run(Scripted(WELL, paused, paused, WELL)) as run:
        await run.asked(3)
        assert (run.state, run.loop.is_registered) == ("paused", False)
        await run.asked(4)
        assert run.state == "registered"
    assert len(sentences(caplog)) == 1
    assert "switched" in sentences(caplog)[0]


@jumping
async def test_a_gateway_that_finds_new_words_each_time_does_not_fill_the_log(caplog: Any) -> None:
    answers = [trouble("unreachable", f"request {number} failed") for number in range(500)]
    async with Run(Scripted(*answers), splay=0) as run:
        await run.asked(100)
    assert len(caplog.records) == 8


@jumping
async def test_each_change_of_state_is_logged_with_one_sentence(caplog: Any) -> None:
    answers = [
        *[trouble("unreachable", "it is not there")] * 5,
        *[trouble("unauthorized", "the token has expired")] * 3,
        *[WELL] * 3,
        *[trouble("unreachable", "it is not there")] * 5,
        WELL,
    ]
    async with Run(Scripted(*answers)) as run:
        await run.asked(17)
    assert sentences(caplog, logging.INFO) == [
        "Not registered with the gateway: it is not there",
        "Not registered with the gateway: the token has expired",
        "Registered with Gateway: 200",
        "Not registered with the gateway: it is not there",
        "Registered with Gateway: 200",
    ]


# Registrars that do not behave


class StubbornError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


async def hang() -> None:
    await asyncio.Event().wait()


async def cancel_itself() -> None:
    raise asyncio.CancelledError


class Odd(Registration):
    """A registration that cannot be looked at."""

    def __getattribute__(self, name: str) -> Any:
        if name == "holes":
            raise KeyError(name)
        return object.__getattribute__(self, name)


def unkind(kind: Any) -> GatewayError:
    return GatewayError("?", kind)


HOSTILE: dict[str, Answer] = {
    "an exception with a secret": KeyError("hunter2"),
    "an exception without words": StubbornError(),
    "the end of the process": SystemExit(3),
    "an interrupt": KeyboardInterrupt(),
    "its own cancellation": cancel_itself,
    "nothing": None,
    "a text": "registered",
    "a registration that is no registration": Odd("id", 200, "created"),
    "an id that is none": Registration(cast("str", 7), 200, "created"),
    "a deed that nobody knows": Registration("id", 200, cast("Any", "conquered")),
    "holes without end": Registration("id", 200, "created", cast("Any", iter(()))),
    "a kind that nobody knows": unkind("hunter2"),
    "a kind that is no word": unkind(["hunter2"]),
    "no answer": hang,
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE.keys())
@jumping
async def test_a_registrar_that_does_not_behave_is_contained_and_tried_again(answer: Answer, caplog: Any) -> None:
    async with Run(Scripted(answer, answer, WELL)) as run:
        await run.asked(2)
        assert run.state in {"unreachable", "registering"}
        await run.until(1500)
        assert run.state == "registered"
    (sentence,) = sentences(caplog)
    assert sentence.startswith("Not registered with the gateway: the registrar scripted ")
    assert "hunter2" not in caplog.text
    assert "Traceback" not in caplog.text


@jumping
async def test_a_registrar_that_will_not_be_cancelled_is_never_asked_twice_at_once() -> None:
    released = False

    async def stay() -> Registration:
        while not released:
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                continue
        return WELL

    async with Run(Scripted(stay, WELL)) as run:
        await run.until(2000)
        assert run.registrar.most_at_once == 1
        assert run.state == "registered"


@jumping
async def test_texts_of_a_registrar_are_shown_on_one_line_and_not_without_end(caplog: Any) -> None:
    registrar = Scripted(trouble("rejected", "one\ntwo\x1b[31m" + "x" * 10_000), replace(WELL, id="i\nd" * 1000))
    registrar.name = "na\nme"
    async with Run(registrar) as run:
        await run.asked(1)
        shown = run.loop.state()
        assert shown["sentence"].startswith("one two?[31mxx")
        assert len(shown["sentence"]) <= 600
        assert shown["registrar"] == "na me"
        await run.asked(2)
        assert len(run.loop.state()["id"]) <= 600
    assert all(len(record.getMessage()) < 700 and record.getMessage().isprintable() for record in caplog.records)


@jumping
async def test_hundreds_of_holes_are_told_as_a_few_and_their_number() -> None:
    async with Run(Scripted(replace(WELL, holes=tuple(f"hole {number}" for number in range(500))))) as run:
        await run.asked(1)
        holes = run.loop.state()["holes"]
        assert (len(holes), holes[-1]) == (21, "and 480 things more")


# The end


@jumping
async def test_at_the_end_the_entry_is_left_unless_it_is_to_be_withdrawn(caplog: Any) -> None:
    run = Run(Scripted(WELL))
    async with run:
        await run.asked(1)
    assert run.registrar.withdrawn == []
    await run.loop.withdraw()
    assert len(run.registrar.withdrawn) == 1
    assert sentences(caplog, logging.INFO)[-1] == "Switched off at the gateway until the next start"


@jumping
async def test_where_nothing_was_switched_off_the_log_does_not_say_that_it_was(caplog: Any) -> None:
    run = Run(Scripted(WELL))
    run.registrar.withdrawal = False
    async with run:
        await run.asked(1)
    await run.loop.withdraw()
    assert sentences(caplog, logging.INFO)[-1].startswith("There was nothing to switch off at the gateway")


@jumping
@pytest.mark.parametrize(
    "withdrawal", [hang, trouble("unreachable", "it sleeps"), KeyError("hunter2"), SystemExit(), cancel_itself]
)
async def test_withdrawing_takes_two_seconds_at_most_whatever_the_registrar_does(
    withdrawal: Answer, caplog: Any
) -> None:
    run = Run(Scripted(WELL))
    run.registrar.withdrawal = withdrawal
    async with run:
        await run.asked(1)
    began = asyncio.get_running_loop().time()
    await run.loop.withdraw()
    assert asyncio.get_running_loop().time() - began <= 2
    assert sentences(caplog)[-1].startswith("The gateway still offers this server's tools: ")
    assert "tried again" not in sentences(caplog)[-1]
    assert "hunter2" not in caplog.text


@jumping
async def test_a_request_under_way_is_given_up_before_the_entry_is_withdrawn() -> None:
    run = Run(Scripted(hang))
    async with run:
        await run.until(12)
        assert run.registrar.at_once == 1
    began = asyncio.get_running_loop().time()
    await run.loop.withdraw()
    assert run.registrar.at_once == 0
    assert len(run.registrar.withdrawn) == 1, "the gateway may have made the entry meanwhile"
    assert asyncio.get_running_loop().time() - began <= 2


@jumping
@pytest.mark.parametrize("answer", [trouble("conflict"), trouble("busy", after=900)])
async def test_what_is_not_ours_or_must_not_be_asked_is_not_withdrawn(answer: GatewayError) -> None:
    run = Run(Scripted(WELL, answer))
    async with run:
        await run.asked(2)
    await run.loop.withdraw()
    assert run.registrar.withdrawn == []


@jumping
async def test_where_nothing_was_registered_nothing_is_withdrawn() -> None:
    early, refused = Run(Scripted(WELL), uniform=high), Run(Scripted(trouble("unauthorized")))
    async with early, refused:
        await early.until(1)
        await refused.asked(1)
    await asyncio.gather(early.loop.withdraw(), refused.loop.withdraw())
    assert early.registrar.withdrawn == refused.registrar.withdrawn == []
