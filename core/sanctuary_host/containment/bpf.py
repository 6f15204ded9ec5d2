"""Filters over system calls, put together from questions about a call and its arguments: classic BPF."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from sanctuary_host.containment.libc import call_kernel
from sanctuary_host.containment.syscalls import AUDIT, NEWEST, SECCOMP

MODE_FILTER: Final = 1
"""linux/seccomp.h, as the next six."""
ACTION_AVAILABLE: Final = 2
ALL_THREADS: Final = 1
ERRNO: Final = 0x0005_0000
ALLOWED: Final = 0x7FFF_0000
KILL_PROCESS: Final = 0x8000_0000
LARGEST: Final = 4096
"""Instructions in one program, linux/bpf_common.h."""

OWN: Final = -1
"""Stands for the process's own id, which is known only when it puts the filter on."""


class Step(NamedTuple):
    """One instruction of classic BPF, linux/filter.h."""

    code: int
    yes: int
    no: int
    value: int


Block = list[Step]
"""Instructions that end by themselves, whichever way is taken through them."""

LOAD, AND, RETURN, JUMP = 0x20, 0x54, 0x06, 0x05
EQUAL, AT_LEAST, ANY_BIT = 0x15, 0x35, 0x45

ALLOW: Final = [Step(RETURN, 0, 0, ALLOWED)]
KILL: Final = [Step(RETURN, 0, 0, KILL_PROCESS)]


def refuse(number: int = errno.EPERM) -> Block:
    """End the call with that error."""
    return [Step(RETURN, 0, 0, ERRNO | number)]


ABSENT: Final = refuse(errno.ENOSYS)
"""As if the kernel were an older one: libraries then fall back to what they did before."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter that is ready but for the id of the process that puts it on.

    Attributes:
        code: the program.
        own: where in it that id belongs.
    """

    code: bytes
    own: tuple[int, ...]

    def restrict(self, machine: str) -> None:
        """Put it on the process with all of its threads. It must have given up new privileges before.

        Raises:
            OSError: the kernel refuses.
        """
        code = ctypes.create_string_buffer(self.code, len(self.code))
        for place in self.own:
            struct.pack_into("=I", code, place, os.getpid())
        program = _Program(len(self.code) // 8, ctypes.addressof(code))
        _seccomp(machine, MODE_FILTER, ALL_THREADS, ctypes.byref(program))


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def is_available(machine: str) -> bool:
    """Whether this kernel filters system calls, and the numbers of the machine's are known."""
    if machine not in SECCOMP:
        return False
    try:
        _seccomp(machine, ACTION_AVAILABLE, 0, ctypes.byref(ctypes.c_uint32(ERRNO)))
    except OSError:
        return False
    return True


def assemble(blocks: Mapping[int, Block], machine: str) -> Filter:
    """A filter that lets all calls through but those whose numbers have a block, and those that are not known yet."""
    steps = [
        Step(LOAD, 0, 0, 4),
        Step(EQUAL, 1, 0, AUDIT[machine]),
        *KILL,  # a call in the manner of another machine has other numbers
        Step(LOAD, 0, 0, 0),
        *_tree(list(_segments(blocks))),
    ]
    assert len(steps) <= LARGEST
    code = b"".join(struct.pack("=HBBI", *step[:3], max(step.value, 0)) for step in steps)
    own = tuple(8 * place + 4 for place, step in enumerate(steps) if step.value == OWN)
    return Filter(code, own)


def when(argument: int, question: int, value: int, then: Block, otherwise: Block, half: int = 0) -> Block:
    """Ask about the lower half of an argument, all that the kernel looks at where it takes an int; or the upper one."""
    assert len(then) < 256  # what a conditional jump can skip
    return [Step(LOAD, 0, 0, _place(argument) + 4 * half), Step(question, 0, len(then), value), *then, *otherwise]


def one_of(argument: int, values: Iterable[int], then: Block, otherwise: Block) -> Block:
    """Ask whether the lower half of an argument is one of these."""
    block = otherwise
    for value in values:
        block = [Step(EQUAL, 0, len(then), value), *then, *block]
    return [Step(LOAD, 0, 0, _place(argument)), *block]


def kind_is(kind: int, then: Block, otherwise: Block) -> Block:
    """Ask for a socket's type, the lower four bits of the second argument."""
    return [Step(LOAD, 0, 0, _place(1)), Step(AND, 0, 0, 0xF), Step(EQUAL, 0, len(then), kind), *then, *otherwise]


def _place(argument: int) -> int:
    """Where `struct seccomp_data` has an argument of the call, on machines that put the lower half first."""
    return 16 + 8 * argument


def _segments(blocks: Mapping[int, Block]) -> Iterator[tuple[int, Block]]:
    """Runs of numbers that are treated alike, each by its first: `blocks`, and what is between and above them."""
    last: Block | None = None
    for number in range(NEWEST + 2):
        block = ABSENT if number > NEWEST else blocks.get(number, ALLOW)
        if block != last:
            yield number, block
        last = block


def _tree(segments: list[tuple[int, Block]]) -> Block:
    """Find a number's run by halving, so that the filter costs each call some eight comparisons."""
    if len(segments) == 1:
        return segments[0][1]
    middle = len(segments) // 2
    below, above = _tree(segments[:middle]), _tree(segments[middle:])
    if len(below) < 256:  # what a conditional jump can skip
        return [Step(AT_LEAST, len(below), 0, segments[middle][0]), *below, *above]
    return [Step(AT_LEAST, 0, 1, segments[middle][0]), Step(JUMP, 0, 0, len(below)), *below, *above]


def _seccomp(machine: str, operation: int, flags: int, argument: object) -> None:
    if call_kernel(SECCOMP[machine], ctypes.c_uint(operation), ctypes.c_uint(flags), argument) != 0:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))  # the id of a thread that cannot follow
