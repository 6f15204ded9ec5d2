"""The fleet as local processes: every installed cluster on its port, until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import select
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

from sanctuary_host.commands.table import paint
from sanctuary_host.fleet.attached import Attached, attached
from sanctuary_host.fleet.member import LOST, Member, how, report, start
from sanctuary_host.fleet.shown import print_gateway, print_table, progress
from sanctuary_host.plugins import installed

LOOK_SECONDS: Final = 1.0
"""Between two looks whether the terminal is still there."""


def up(environment: Mapping[str, str]) -> int:
    """Run every installed cluster until a signal asks to stop; exit status 1 where one did not stay up.

    Raises:
        BrokenPipeError: nobody reads any more what it shows.
        SettingsError: a setting does not fit.
    """
    names = installed()
    if not names:
        print("sanctuary-host: no cluster is installed", file=sys.stderr)
        return 1
    try:
        return asyncio.run(_up(names, dict(environment)))
    except OSError as error:
        if error.errno == errno.EIO:  # what a terminal says that is gone
            raise BrokenPipeError from None
        raise


async def _up(names: list[str], environment: dict[str, str]) -> int:
    async with _asked_to_stop() as stop, attached(environment) as gateway:
        members: list[Member] = []
        idle: dict[str, list[str]] = {}
        try:
            reports = asyncio.gather(*(report(name, environment) for name in names))
            await _unless(stop, asyncio.gather(reports, gateway.start(environment, progress)))
            if not stop.is_set():
                told = {**environment, **gateway.variables()}
                for name, said in zip(names, reports.result(), strict=True):
                    if said.get("unset"):  # it has nothing to work on, and its tools would be of no use to anybody
                        idle[name] = said["unset"]
                        continue
                    members.append(await start(name, said, told, {member.port for member in members}))
                starts = (member.watch_start() for member in members)
                await _unless(stop, asyncio.gather(gateway.answer(progress), *starts))
            if not stop.is_set() and gateway.url and not gateway.trouble:
                # A gateway of our own answers already; nobody knows when another one will.
                final = LOST if gateway.home is not None else LOST | {"unreachable"}
                await _unless(stop, asyncio.gather(*(member.watch_registration(final) for member in members)))
            if not stop.is_set():
                print_table(members, idle, gateway)
                await _unless(stop, asyncio.ensure_future(print_gateway(members, gateway, environment)))
            if any(member.process.returncode is None for member in members):
                if not stop.is_set():
                    print(paint("Ctrl-C stops them all.", "dim"), flush=True)
                await _until(stop, members, gateway)
        finally:
            await asyncio.gather(*(member.stop() for member in members))
    well = all(member.ended_well for member in members)
    print("All stopped." if well else "Stopped.", flush=True)
    return 0 if well else 1


@contextlib.asynccontextmanager
async def _asked_to_stop() -> AsyncGenerator[asyncio.Event]:
    """What is set when a signal asks to stop, or the terminal is gone."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    looking = None
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup(1) has it ignored
        loop.add_signal_handler(signal.SIGHUP, stop.set)
        looking = asyncio.create_task(_terminal_is_gone(stop)) if sys.stdout.isatty() else None
    try:
        yield stop
    finally:
        if looking is not None:
            looking.cancel()


async def _terminal_is_gone(stop: asyncio.Event) -> None:
    """Set `stop` when the terminal hangs up: where it is make that is told so, it waits for us and tells nobody."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # hang-ups are told whatever one asks for
    while not any(event & select.POLLHUP for _, event in poll.poll(0)):  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(LOOK_SECONDS)
    # What is still to be said would fail, and with it the end in good order.
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)
    stop.set()


async def _unless(stop: asyncio.Event, work: asyncio.Future[Any]) -> None:
    """Wait for `work`, or give it up as soon as the signal comes."""
    asked = asyncio.ensure_future(stop.wait())
    await asyncio.wait([asked, work], return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if not work.done():
        work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work


async def _until(stop: asyncio.Event, members: list[Member], gateway: Attached) -> None:
    """Wait for the signal; say so when a process ends by itself, and return when no member is left."""
    asked = asyncio.ensure_future(stop.wait())
    ends = {asyncio.ensure_future(member.process.wait()): (member.cluster, "") for member in members}
    left = set(ends)
    if gateway.gateway is not None and not gateway.trouble:
        advice = (
            f"; its log is {gateway.gateway.home.log}. The clusters serve on at their own URLs. To have the gateway "
            "again, stop them all and start anew."
        )
        ends[asyncio.ensure_future(gateway.gateway.process.wait())] = ("the gateway", advice)
    while left and not asked.done():
        done, _ = await asyncio.wait([asked, *ends], return_when=asyncio.FIRST_COMPLETED)
        for end in done - {asked}:
            left.discard(end)
            name, advice = ends.pop(end)
            if not asked.done():
                print(paint(f"{name} {how(end.result())}{advice}", "red"), flush=True)
    for task in (asked, *ends):
        task.cancel()
