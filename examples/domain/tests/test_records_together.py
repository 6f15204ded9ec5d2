"""Several processes at once: each number is given once, and no change is lost."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sanctuary_host import ToolError

from sanctuary_domain.folder import Folder
from sanctuary_domain.records import Records


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def refusals(calls: list[Future[Any]]) -> list[str]:
    errors = [call.exception(timeout=60) for call in calls]
    assert all(error is None or isinstance(error, ToolError) for error in errors)
    return [str(error) for error in errors if error is not None]


def test_each_number_is_given_once(records: Records, processes: Executor) -> None:
    titles = [f"Task of {index}" for index in range(60)]

    numbers = [call.result(timeout=60).number for call in [processes.submit(records.create_task, t) for t in titles]]

    assert sorted(numbers) == list(range(1, 61))
    listing = records.list_records("task", limit=100)
    assert not listing.problems
    assert {record.number: record.title for record in listing.records} == dict(zip(numbers, titles, strict=True))


def test_of_many_that_take_a_task_one_gets_it(records: Records, processes: Executor) -> None:
    records.create_task("Take me")
    people = [f"person {index}" for index in range(12)]

    calls = [processes.submit(records.set_task_status, 1, "doing", assignee=person) for person in people]

    refused = refusals(calls)
    assert len(refused) == 11
    assert all("already doing" in reason for reason in refused)
    record = records.get_record("task", 1)
    winner = people[next(index for index, call in enumerate(calls) if call.exception() is None)]
    assert (record.assignee, len(record.history)) == (winner, 1)


def test_a_successor_s_links_are_all_kept(records: Records, processes: Executor) -> None:
    for title in ["New", *(f"Old {index}" for index in range(2, 14))]:
        records.set_adr_status(records.create_adr(title, "c", "d").number, "accepted")

    calls = [processes.submit(records.set_adr_status, n, "superseded", superseded_by=1) for n in range(2, 14)]

    assert refusals(calls) == []
    assert records.get_record("adr", 1).supersedes == tuple(range(2, 14))
    assert records.list_records("adr", status="superseded").total == 12


def test_of_many_edits_of_one_version_one_is_kept(records: Records, processes: Executor) -> None:
    version = records.create_task("Edit me").version

    calls = [processes.submit(records.edit_record, "task", 1, version=version, title=f"T{n}") for n in range(12)]

    assert len(refusals(calls)) == 11
    winner = next(index for index, call in enumerate(calls) if call.exception() is None)
    assert records.get_record("task", 1).title == f"T{winner}"


def test_a_reader_sees_whole_records_only_while_others_write(folder: Path, processes: Executor) -> None:
    records = Records(Folder(folder))
    for index in range(20):
        records.create_task(f"Task {index}", "word " * 2000)
    calls = [processes.submit(records.set_task_status, n, "doing", note="x") for n in range(1, 21)]
    calls += [processes.submit(records.create_task, "Another", "word " * 2000) for _ in range(20)]

    seen = 20
    while not all(call.done() for call in calls):
        listing = records.list_records("task", limit=100)
        assert not listing.problems
        assert seen <= listing.total <= 40
        seen = listing.total

    assert refusals(calls) == []
    assert records.list_records("task", status="doing").total == 20
    assert records.search_records("word", limit=50).total == 40
