"""What the process that runs this can really do: everything is tried here and now, and nothing leaves the machine."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import secrets
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sanctuary_host.containment import libc

Can = bool | None
"""Whether something is possible; `None` where it cannot be told here."""

REFUSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.ENOSYS, errno.EROFS})
"""How a kernel says no: Landlock and rights, seccomp, a call that is not there, a mount without writing."""
LOOPBACK: Final = "127.0.0.1"
NOBODY: Final = (1, 9, 79)
"""TCP ports on which nothing has listened for decades: tcpmux, discard, finger."""
IPPROTO_MPTCP: Final = 262
"""linux/in.h. Landlock's rules for TCP do not bind it."""
PR_GET_SECCOMP: Final = 21
PR_GET_NO_NEW_PRIVS: Final = 39
CAPABILITY_VERSION_3: Final = 0x20080522
"""linux/capability.h"""
NONE, ONE = ctypes.c_ulong(0), ctypes.c_ulong(1)
"""What C functions take as long, and ctypes would pass as int."""
TEXT: Final = b"no program"
"""What the kernel finds where it looks for a program; it answers ENOEXEC when it may look."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to try, gathered before a process is sealed; afterwards it could not look for it.

    Attributes:
        files: files outside of what the process may read, which could be read before.
        root: whether / is outside too.
        folders: folders in which writing is tried.
        ports: TCP ports to which the process should be able to connect; they are tried on loopback.
        program: a harmless program that it should not be able to run; empty for none.
        neighbour: the id of another process of this cluster; 0 for none.
        serves: whether the process accepts connections for a living; then it may listen, and should not fork to try.
    """

    files: Sequence[str]
    root: bool
    folders: Sequence[str]
    ports: Sequence[int]
    program: str
    neighbour: int
    serves: bool

    def wire(self) -> dict[str, Any]:
        """The question as JSON."""
        return asdict(self)

    @classmethod
    def read(cls, sent: Mapping[str, Any]) -> Question:
        """What `wire` made."""
        return cls(**sent)


class Facts(BaseModel):
    """What a process found that it can do.

    Attributes:
        files: open a file outside of its grants, or list / where that is outside.
        neighbours: read another process's memory or environment.
        signals: send a signal to a process outside of its confinement.
        fork: start a process.
        programs: run a program that is not granted, from a file or from memory.
        tcp: connect to a TCP port that is not granted.
        ports: the granted ports to which it can.
        udp: make a socket for datagrams.
        raw: make a socket for raw packets.
        other: make a connection that is no TCP: multipath TCP, to the machine's own services or a virtual one's host.
        listen: accept connections on a port of its own choice.
        writable: the folders, of those asked about, in which it can make files.
        no_new_privileges: the processes that it starts never have more rights than it has.
        seccomp: a filter for system calls is on.
        capabilities: how many capabilities it has in effect.
        user: its effective user id.
        threads: how many threads it has beside this one; Landlock does not bind those that were there before it.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    files: Can
    neighbours: Can
    signals: Can
    fork: Can
    programs: Can
    tcp: Can
    ports: Annotated[list[Annotated[int, Field(ge=1, le=65535)]], Field(max_length=64)]
    udp: Can
    raw: Can
    other: Can
    listen: Can
    writable: Annotated[list[Annotated[str, Field(max_length=4096)]], Field(max_length=256)]
    no_new_privileges: Can
    seccomp: Can
    capabilities: Annotated[int, Field(ge=0, le=64)] | None
    user: Annotated[int, Field(ge=0)]
    threads: Annotated[int, Field(ge=0)]

    def wire(self) -> dict[str, Any]:
        """The facts as JSON."""
        return self.model_dump()

    @classmethod
    def read(cls, asked: Question, sent: Any) -> Facts:
        """What a process answered, taken as data from one that may have been taken over.

        Raises:
            ValueError: it is no answer to what was asked.
        """
        try:
            facts = cls.model_validate(sent)
        except ValidationError:
            raise ValueError("no facts") from None
        if not (set(facts.writable) <= set(asked.folders) and set(facts.ports) <= set(asked.ports)):
            raise ValueError("facts about what was not asked")
        return facts


def answer(question: Question) -> Facts:
    """Try everything, here and now."""
    neighbours = tuple(pid for pid in (question.neighbour, os.getppid()) if pid > 0)
    beyond = [port for port in NOBODY if port not in question.ports]
    return Facts(
        files=_any(
            *(_can(partial(_open, path)) for path in question.files),
            _can(lambda: os.listdir("/")) if question.root else None,  # noqa: PTH208  # names are all that is wanted
        ),
        neighbours=_any(*(_can_look_into(pid) for pid in neighbours)),
        signals=_any(*(_can(partial(os.kill, pid, 0)) for pid in neighbours)),
        fork=None if question.serves else _can(_fork),
        programs=_any(_can(lambda: _run(question.program)) if question.program else None, _can_run_from_memory()),
        tcp=_any(*(_can_connect(port) for port in beyond)),
        ports=[port for port in question.ports if _can_connect(port)],
        udp=_any(_can_make(socket.SOCK_DGRAM), _can_make(socket.SOCK_DGRAM, protocol=socket.IPPROTO_ICMP)),
        raw=_any(
            _can_make(socket.SOCK_RAW, protocol=socket.IPPROTO_ICMP),
            _can_make(socket.SOCK_RAW, getattr(socket, "AF_PACKET", None)),
        ),
        other=_any(
            _can_connect(NOBODY[0], IPPROTO_MPTCP) if sys.platform == "linux" else None,
            _can_make(socket.SOCK_STREAM, socket.AF_UNIX),  # the machine's own services, such as a container engine
            # Where the device is missing, asking for such a socket might have the kernel load a module.
            _can_make(socket.SOCK_STREAM, getattr(socket, "AF_VSOCK", None)) if _is_there("/dev/vsock") else None,
        ),
        # Without an address of its own, the kernel takes a port past what is checked when one is asked for.
        listen=_any(_can(lambda: _listen(bound=True)), None if question.serves else _can(lambda: _listen(bound=False))),
        writable=[folder for folder in question.folders if _can_write(folder)],
        no_new_privileges=no_new_privileges(),
        seccomp=seccomp(),
        capabilities=capabilities(),
        user=os.geteuid(),
        threads=threads() - 1,
    )


def threads() -> int:
    """How many threads this process has, those of libraries included; 1 where it cannot be told, as in a worker."""
    try:
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208  # names are all that is wanted
    except OSError:
        return 1


def no_new_privileges() -> Can:
    """Whether the processes that this one starts never have more rights than it has."""
    return _prctl(PR_GET_NO_NEW_PRIVS)


def seccomp() -> Can:
    """Whether a filter for system calls is on."""
    return _prctl(PR_GET_SECCOMP)


def capabilities() -> int | None:
    """How many capabilities are in effect, as capget(2) tells even where /proc is out of reach."""
    if sys.platform != "linux":
        return None
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; the lower halves and then the upper ones
    try:
        libc.call("capget", header, sets)
    except OSError:
        return None
    return sets[0].bit_count() + sets[3].bit_count()


def _can(action: Callable[[], object], also: frozenset[int] = frozenset()) -> Can:
    """Whether `action` is possible: it succeeds, or fails with an error of `also`, which only follows a yes."""
    try:
        action()
    except OSError as error:
        return True if error.errno in also else (False if error.errno in REFUSED else None)
    return True


def _any(*results: Can) -> Can:
    """One possibility is enough; where nothing is known, nothing is."""
    return True if True in results else (False if False in results else None)


def _can_look_into(pid: int) -> Can:
    # A copy from address 0 fails in any case; whether it may be tried at all is asked first.
    copied: Can = None
    if sys.platform == "linux":

        class Vector(ctypes.Structure):
            _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))

        local, remote = Vector(ctypes.addressof(ctypes.create_string_buffer(1)), 1), Vector(0, 1)
        copied = _can(
            lambda: libc.call("process_vm_readv", pid, ctypes.byref(local), ONE, ctypes.byref(remote), ONE, NONE),
            frozenset({errno.EFAULT}),
        )
    return _any(copied, _can(partial(_open, f"/proc/{pid}/environ")))


def _open(path: str) -> None:
    os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))


def _fork() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _run(program: str) -> None:
    words = [program, "-I", "-S", "-c", ""] if program == sys.executable else [program]
    pid = os.posix_spawn(program, words, {})
    os.waitpid(pid, 0)


def _can_run_from_memory() -> Can:
    """Whether a process could become another program without any file: asked with what is none."""
    if sys.platform != "linux":
        return None
    try:
        descriptor = os.memfd_create("probe")
    except OSError as error:
        return False if error.errno in REFUSED else None
    try:
        os.write(descriptor, TEXT)
        words = (ctypes.c_char_p * 2)(b"probe", None)
        path = f"/proc/self/fd/{descriptor}".encode()
        return _any(
            _can(lambda: libc.call("fexecve", descriptor, words, words), frozenset({errno.ENOEXEC})),
            _can(lambda: libc.call("execve", path, words, words), frozenset({errno.ENOEXEC})),
        )
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _can_connect(port: int, protocol: int = 0) -> Can:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol) as one:
            one.setblocking(False)  # noqa: FBT003  # the standard library's own order
            return _can(lambda: one.connect((LOOPBACK, port)), frozenset({errno.ECONNREFUSED, errno.EINPROGRESS}))
    except OSError as error:
        return False if error.errno in REFUSED else None


def _can_make(kind: socket.SocketKind, family: int | None = socket.AF_INET, protocol: int = 0) -> Can:
    return _can(lambda: socket.socket(family, kind, protocol).close()) if family is not None else None


def _listen(*, bound: bool) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        if bound:
            one.bind((LOOPBACK, 0))
        one.listen(0)


def _can_write(folder: str) -> Can:
    unnamed = getattr(os, "O_TMPFILE", 0)
    if unnamed:
        done = _can(lambda: os.close(os.open(folder, unnamed | os.O_WRONLY | os.O_CLOEXEC, 0o600)))
        if done is not None:
            return done
    path = f"{folder}/.{secrets.token_hex(8)}"  # on file systems that know no files without a name
    done = _can(lambda: os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)))
    if done:
        with contextlib.suppress(OSError):
            os.unlink(path)  # noqa: PTH108  # as it was made
    return done


def _is_there(path: str) -> bool:
    try:
        os.stat(path)  # noqa: PTH116  # a failure of any kind is a no
    except OSError:
        return False
    return True


def _prctl(option: int) -> Can:
    if sys.platform != "linux":
        return None
    try:
        return libc.call("prctl", option, NONE, NONE, NONE, NONE) > 0
    except OSError:
        return None
