"""What the host sees: settings, boundary, readiness, schemas and annotations."""

import json
import os
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from sanctuary_host import Host, SettingsError
from sanctuary_host.tools import ArgumentsError, Tool, describe

from sanctuary_domain import plugin
from sanctuary_domain.folder import Folder
from sanctuary_domain.records import Records


def host_with(environment: dict[str, str]) -> Host:
    return Host("domain", environment, plugin.declare_boundary())


def tools_of(folder: Path) -> dict[str, Tool]:
    functions = plugin.register_tools(host_with({"SANCTUARY_DATA": str(folder)}))
    return {tool.name: tool for tool in map(describe, functions)}


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path): (path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns)
        for path in (folder, *folder.rglob("*"))
    }


def test_the_host_finds_the_pack_by_its_entry_point() -> None:
    (found,) = entry_points(group="sanctuary_host.domain", name="records")

    assert found.load() is plugin


def test_the_boundary_is_one_writable_volume_and_the_port_8105() -> None:
    boundary = plugin.declare_boundary()

    assert (str(boundary), boundary.port) == ("SANCTUARY_DATA:rw; no network", 8105)
    assert boundary.mounts[0].kind == "volume"


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({}, "SANCTUARY_DATA is not set"),
        ({"SANCTUARY_DATA": ""}, "SANCTUARY_DATA is not set"),
        ({"SANCTUARY_DATA": "records"}, "SANCTUARY_DATA must be the absolute path of an existing folder"),
        ({"DOMAIN_FOLDER": "/records"}, "SANCTUARY_DATA is not set"),
    ],
)
def test_a_missing_setting_leaves_the_pack_out_and_is_named(environment: dict[str, str], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        plugin.register_tools(host_with(environment))


async def test_a_usable_folder_is_ready(folder: Path) -> None:
    host = host_with({"SANCTUARY_DATA": str(folder)})

    assert await plugin.check_ready(host) == []
    Records(Folder(folder)).create_task("Mine")
    assert await plugin.check_ready(host) == []


async def test_an_unusable_folder_is_said_in_a_sentence(folder: Path) -> None:
    missing = host_with({"SANCTUARY_DATA": str(folder / "missing")})
    linked = host_with({"SANCTUARY_DATA": str(folder)})
    (folder / "adr").symlink_to(folder.parent)
    os.mkfifo(folder / "tasks")

    assert await plugin.check_ready(missing) == [
        "SANCTUARY_DATA names a folder that cannot be opened: No such file or directory"
    ]
    assert [reason.partition(":")[0] for reason in await plugin.check_ready(linked)] == [
        "adr/ in the records' folder is a link or no folder",
        "tasks/ in the records' folder is a link or no folder",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_cannot_be_written_is_said(folder: Path) -> None:
    folder.chmod(0o500)

    assert await plugin.check_ready(host_with({"SANCTUARY_DATA": str(folder)})) == [
        "SANCTUARY_DATA names a folder that this process may not write to"
    ]


def test_the_readme_names_every_tool(folder: Path) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")

    assert [name for name in tools_of(folder) if f"`{name}`" not in readme] == []


def test_starting_touches_nothing(folder: Path) -> None:
    tools_of(folder)

    assert not list(folder.iterdir())


def test_the_list_of_tools_stays_under_8_kib(folder: Path) -> None:
    tools = [tool.wire() for tool in tools_of(folder).values()]

    assert len(tools) == 8
    assert len(json.dumps({"tools": tools}, separators=(",", ":"))) < 8 * 1024


CALLS: Sequence[tuple[str, dict[str, Any]]] = [
    ("create_adr", {"title": "Use PostgreSQL", "context": "c", "decision": "d", "tags": ["storage"]}),
    ("create_task", {"title": "Write docs", "description": "All of them", "tags": [], "assignee": "Ann"}),
    ("get_record", {"kind": "task", "number": 1}),
    ("list_records", {"kind": "adr", "status": "accepted", "tag": "storage", "after": 0, "limit": 1}),
    ("search_records", {"words": "docs", "kind": "task"}),
    ("edit_record", {"kind": "task", "number": 1, "version": "", "body": "Less", "tags": None}),
    ("set_adr_status", {"number": 1, "status": "deprecated", "note": "over"}),
    ("set_task_status", {"number": 1, "status": "doing", "assignee": "Bob", "note": "starts"}),
]


@pytest.mark.parametrize(("name", "arguments"), CALLS)
def test_each_tool_does_what_its_annotations_say(folder: Path, name: str, arguments: dict[str, Any]) -> None:
    records = Records(Folder(folder))
    records.create_adr("Use SQLite", "context", "decision", tags=("storage",))
    records.set_adr_status(1, "accepted")
    version = records.create_task("Write docs", "Old text", assignee="Ann").version
    tool = tools_of(folder)[name]
    arguments = {**arguments, "version": version} if "version" in arguments else arguments
    before = snapshot(folder)

    reply = tool.result(tool.function(**tool.keywords(arguments)))

    after = snapshot(folder)
    assert reply.structured is not None
    assert not reply.is_error
    assert len(str(reply.content[0]["text"])) > 10
    assert tool.annotations["readOnlyHint"] == (after == before)
    assert tool.annotations["openWorldHint"] is False
    texts = b"".join(text for text, _ in after.values()).decode()
    lost = [line for text, _ in before.values() for line in text.decode().splitlines() if line not in texts]
    if not tool.annotations["destructiveHint"]:
        # What a change of status or hands replaces is still told by the new line of history.
        assert all(line.partition(": ")[0] in {"status", "assignee"} for line in lost)
        assert all(line.partition(": ")[2] in texts.partition("history:")[2] for line in lost)
    else:
        assert "Old text" in lost
    again = outcome(tool, arguments)
    assert tool.annotations["idempotentHint"] == (snapshot(folder) == after), again


def outcome(tool: Tool, arguments: dict[str, Any]) -> str:
    call: Callable[..., Any] = tool.function
    try:
        return str(call(**tool.keywords(arguments)))
    except Exception as error:  # noqa: BLE001 - whatever it is, the folder is what is looked at
        return str(error)


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("create_task", {}, "argument 'title' is missing"),
        ("create_task", {"title": "x" * 201}, "at most 200 characters"),
        ("create_task", {"title": "x", "tag": ["a"]}, "did you mean 'tags'"),
        ("create_task", {"title": "x", "tags": ["a"] * 11}, "at most 10 items"),
        ("create_task", {"title": "x", "description": "x" * 25_001}, "at most 25000 characters"),
        ("create_adr", {"title": "x", "context": "c"}, "argument 'decision' is missing"),
        ("get_record", {"kind": "bug", "number": 1}, "'adr' or 'task'"),
        ("get_record", {"kind": "adr", "number": "1"}, "valid integer"),
        ("get_record", {"kind": "adr", "number": 0}, "greater than or equal to 1"),
        ("list_records", {"kind": "adr", "limit": 101}, "less than or equal to 100"),
        ("set_task_status", {"number": 1, "status": "closed"}, "'todo', 'doing', 'blocked' or 'done'"),
        ("set_adr_status", {"number": 1, "status": "proposed"}, "'accepted', 'rejected', 'deprecated' or 'superseded'"),
        ("search_records", {"words": "x" * 201}, "at most 200 characters"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_in_a_sentence(
    folder: Path, name: str, arguments: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ArgumentsError, match=reason):
        tools_of(folder)[name].keywords(arguments)


def test_an_answer_is_what_the_output_schema_promises(folder: Path) -> None:
    tools = tools_of(folder)
    saved = tools["create_adr"]
    reply = saved.result(saved.function("Use PostgreSQL", "c", "d"))

    assert saved.output_schema is not None
    assert set(reply.structured or {}) == set(saved.output_schema["required"]) == set(saved.output_schema["properties"])
    assert reply.content == (
        {
            "type": "text",
            "text": f"number 1 is proposed (adr/0001-use-postgresql.md, version {(reply.structured or {})['version']})",
        },
    )
