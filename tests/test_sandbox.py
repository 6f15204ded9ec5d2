"""The kernel's sandbox: what a boundary does not name is refused by both layers, and what it names works."""

# ruff: noqa: PTH101, PTH123, PTH208, PTH211, SIM115, PLW0108  # attacks are the calls of the system, within lambdas

from __future__ import annotations

import asyncio
import concurrent.futures.thread
import contextlib
import ctypes
import errno
import os
import resource
import shutil
import signal
import socket
import stat
import subprocess
import threading
import zoneinfo
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sanctuary_host.boundary import Boundary, Mount
from sanctuary_host.containment import grants
from sanctuary_host.containment.confinement import Confinement
from sanctuary_host.containment.grants import Grants
from sanctuary_host.containment.sandbox import Kernel, Sandbox
from sanctuary_host.containment.syscalls import NUMBERS, number_of
from sanctuary_host.settings import SettingsError

assert concurrent.futures.thread  # loaded before the sealing, as an ordinary user may not reach it
KERNEL = Kernel.running()
ORDINARY = 10001
FILES = Mount("FILES", "rw")

needs_landlock = pytest.mark.skipif(not KERNEL.landlock, reason="this kernel has no Landlock")
needs_seccomp = pytest.mark.skipif(not KERNEL.seccomp, reason="this kernel has no seccomp for this machine")
needs_ports = pytest.mark.skipif(KERNEL.landlock < 4, reason="this kernel's Landlock cannot tell TCP ports apart")


def inside(sandbox: Sandbox, attempt: Callable[[], Any], *, ordinary: bool = False) -> str:
    """What a sealed child says of an attempt: `ok RESULT`, the name of the error, or how the child ended."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        said = "no word"
        try:
            if ordinary and os.getuid() == 0:
                os.setgroups([])
                os.setgid(ORDINARY)
                os.setuid(ORDINARY)
            sandbox.seal()
            said = f"ok {attempt()}"
        except OSError as error:
            said = errno.errorcode.get(error.errno or 0, str(error))
        except BaseException as error:  # noqa: BLE001  # the child must never return into the test
            said = repr(error)
        finally:
            os.write(writer, said.encode()[:4000])
            os._exit(0)
    os.close(writer)
    with open(reader, encoding="utf-8") as pipe:
        said = pipe.read()
    _, status = os.waitpid(pid, 0)
    return said or f"ended with {os.waitstatus_to_exitcode(status)}"


def refused(said: str) -> bool:
    return said in {"EPERM", "EACCES", "ENOSYS"}


def worker(boundary: Boundary, **environment: str) -> Sandbox:
    return Sandbox(grants.of_worker(boundary, {"PATH": os.environ["PATH"], **environment}))


def call(name: str, *arguments: Any) -> None:
    """A bare system call; ENOSYS where this machine has no such one."""
    number = number_of(name, KERNEL.machine)
    if number is None:
        raise OSError(errno.ENOSYS, name)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(number), *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)) < 0:
        raise OSError(ctypes.get_errno(), name)


@pytest.fixture
def listening() -> Generator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def connect(port: int) -> None:
    with socket.socket() as client:
        client.connect(("127.0.0.1", port))


def write_outside() -> None:
    with open("/tmp/outside", "w"):
        pass


def raise_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))
    except ValueError as error:  # what Python makes of EPERM
        raise PermissionError(errno.EPERM, str(error)) from None


def fast_open(port: int) -> None:
    with socket.socket() as client:
        client.sendto(b"x", 0x20000000, ("127.0.0.1", port))


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


FILE_ATTACKS: dict[str, Callable[[], Any]] = {
    "read": lambda: open("/etc/passwd").read(),
    "list": lambda: os.listdir("/"),
    "proc 1": lambda: open("/proc/1/environ").read(),
    "the parent's environment": lambda: open(f"/proc/{os.getppid()}/environ").read(),
    "the parent's memory": lambda: open(f"/proc/{os.getppid()}/mem", "rb").read(1),
    "the own maps": lambda: open("/proc/self/maps").read(),
    "write": write_outside,
    "link": lambda: os.symlink("/etc/passwd", "/tmp/outside"),
    "device": lambda: os.mknod("/tmp/outside", 0o600 | 0o020000, os.makedev(1, 1)),
}

CALL_ATTACKS: dict[str, Callable[[], Any]] = {
    "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "tcp": socket.socket,
    "raw": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    "unix": lambda: socket.socket(socket.AF_UNIX),
    "unix datagram pair": lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM),
    "netlink": lambda: socket.socket(16, socket.SOCK_RAW),
    "mptcp": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262),
    "packet": lambda: socket.socket(17, socket.SOCK_RAW),
    "fork": os.fork,
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "loader": lambda: run("/lib64/ld-linux-x86-64.so.2", "/bin/true"),
    "spawn": lambda: run("/bin/true"),
    "ptrace": lambda: call("ptrace", 16, os.getppid(), 0, 0),
    "read memory": lambda: call("process_vm_readv", os.getppid(), 0, 0, 0, 0, 0),
    "kill parent": lambda: os.kill(os.getppid(), 0),
    "kill all": lambda: os.kill(-1, 0),
    "pidfd": lambda: call("pidfd_open", os.getppid(), 0),
    "mount": lambda: call("mount", 0, 0, 0, 0, 0),
    "unshare": lambda: call("unshare", 0x10000000),
    "clone into a namespace": lambda: call("clone", 0x10000011, 0, 0, 0, 0),
    "clone3": lambda: call("clone3", 0, 0),
    "chroot": lambda: os.chroot("/"),
    "limits": raise_limit,
    "keyctl": lambda: call("keyctl", 0, 0),
    "io_uring": lambda: call("io_uring_setup", 1, 0),
    "bpf": lambda: call("bpf", 0, 0, 0),
    "memory beyond the limit": lambda: os.memfd_create("x"),
    "a pipe of any size": lambda: call("fcntl", os.pipe()[1], 1031, 4096),
    "shared memory": lambda: call("shmget", 0, 4096, 0o1600),
    "queue": lambda: call("mq_open", ctypes.c_char_p(b"x"), os.O_CREAT, 0o600, 0),
    "owner": lambda: os.chown("/tmp", -1, -1),
    "mode": lambda: os.chmod("/tmp", 0o1777),
    "time of a file": lambda: os.utime("/tmp"),
    "attribute": lambda: os.setxattr("/tmp", "user.x", b""),
    "user": lambda: os.setuid(os.getuid()),
    "parent's death": lambda: call("prctl", 1, 0, 0, 0, 0) or ctypes.get_errno(),
    "typing into a terminal": lambda: call("ioctl", 0, 0x5412, 0),
    "signals for others": lambda: call("fcntl", 0, 8, os.getppid()),
    "watching": lambda: call("inotify_init1", 0),
    "program in memory": lambda: call("execveat", 0, 0, 0, 0, 0),
    "tomorrow's system call": lambda: call_number(999),
    "x32": lambda: call_number(0x40000000 + 39),
}


def call_number(number: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(number), 0, 0, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), str(number))


@needs_landlock
@pytest.mark.parametrize("ordinary", [False, True], ids=["as we are", "as an ordinary user"])
@pytest.mark.parametrize("attack", FILE_ATTACKS)
def test_files_outside_of_the_boundary_stay_closed_by_landlock_alone(attack: str, ordinary: bool) -> None:
    sandbox = Sandbox(grants.of_worker(Boundary(), {}), replace(KERNEL, seccomp=False))
    assert refused(inside(sandbox, FILE_ATTACKS[attack], ordinary=ordinary))


@needs_seccomp
@pytest.mark.parametrize("ordinary", [False, True], ids=["as we are", "as an ordinary user"])
@pytest.mark.parametrize("attack", CALL_ATTACKS)
def test_processes_sockets_and_limits_stay_as_they_are_by_seccomp_alone(attack: str, ordinary: bool) -> None:
    sandbox = Sandbox(grants.of_worker(Boundary(), {}), replace(KERNEL, landlock=0))
    assert refused(inside(sandbox, CALL_ATTACKS[attack], ordinary=ordinary))


@needs_landlock
@pytest.mark.parametrize("ordinary", [False, True], ids=["as we are", "as an ordinary user"])
def test_what_computing_takes_works_in_the_tightest_boundary(ordinary: bool) -> None:
    def compute() -> str:
        if not ordinary:  # an ordinary user may not reach the folder of a root's interpreter
            import colorsys  # noqa: F401  # a late import
        answers: list[int] = []
        thread = threading.Thread(target=answers.append, args=(1,))
        thread.start()
        thread.join()

        async def later() -> int:
            return await asyncio.to_thread(lambda: 2)

        answers.append(asyncio.run(later()))
        os.kill(os.getpid(), 0)
        signal.raise_signal(signal.SIGCHLD)
        one, other = socket.socketpair()
        one.sendall(b"x")
        zone = zoneinfo.ZoneInfo("Europe/Berlin").key
        with open(os.devnull, "w") as null:
            null.write("x")
        return f"{answers} {other.recv(1)!r} {zone} {len(os.urandom(2))}"

    assert inside(worker(Boundary()), compute, ordinary=ordinary) == "ok [1, 2] b'x' Europe/Berlin 2"


@needs_landlock
def test_a_folder_is_read_or_written_as_it_is_granted(tmp_path: Path) -> None:
    for name in ("in", "one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "in" / "a.txt").write_text("a")
    value = f"{tmp_path}/in,one={tmp_path}/one:rw,two={tmp_path}/two:rw"
    sandbox = worker(Boundary(mounts=(FILES,)), FILES=value)

    def work() -> str:
        (tmp_path / "one" / "b.txt").write_text((tmp_path / "in" / "a.txt").read_text())
        (tmp_path / "one" / "b.txt").rename(tmp_path / "two" / "c.txt")
        return f"{os.listdir(tmp_path / 'two')}"

    assert inside(sandbox, work) == "ok ['c.txt']"
    assert (tmp_path / "two" / "c.txt").read_text() == "a"
    assert refused(inside(sandbox, lambda: (tmp_path / "in" / "a.txt").write_text("b")))
    assert refused(inside(sandbox, lambda: (tmp_path / "in" / "a.txt").unlink()))
    assert refused(inside(sandbox, lambda: os.listdir(tmp_path)))
    assert refused(inside(sandbox, lambda: (tmp_path / "other.txt").write_text("b")))
    (tmp_path / "one" / "way out").symlink_to("/etc/passwd")
    assert refused(inside(sandbox, lambda: (tmp_path / "one" / "way out").read_text()))
    assert (tmp_path / "in" / "a.txt").read_text() == "a"


@needs_seccomp
def test_an_old_landlock_still_lets_nobody_empty_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a")
    sandbox = Sandbox(
        grants.of_worker(Boundary(mounts=(Mount("FILES"),)), {"FILES": str(tmp_path)}),
        replace(KERNEL, landlock=min(KERNEL.landlock, 1)),
    )
    assert refused(inside(sandbox, lambda: os.open(path, os.O_RDONLY | os.O_TRUNC)))
    assert refused(inside(sandbox, lambda: os.truncate(path, 0)))
    assert path.read_text() == "a"


@needs_ports
@needs_seccomp
def test_only_the_port_of_a_named_server_is_reached(listening: int) -> None:
    boundary = Boundary(network="backends", backends=("STORE_URL",))
    named = worker(boundary, STORE_URL=f"http://localhost:{listening}")
    assert inside(named, lambda: connect(listening)) == "ok None"
    assert inside(named, lambda: socket.getaddrinfo("localhost", listening)[0][4][1]) == f"ok {listening}"
    other = worker(boundary, STORE_URL="http://localhost:1")
    assert refused(inside(other, lambda: connect(listening)))
    assert refused(inside(other, lambda: fast_open(listening)))
    for attack in ("udp", "raw", "unix", "netlink", "mptcp"):
        assert refused(inside(named, CALL_ATTACKS[attack])), attack
    with socket.socket() as unbound:
        assert refused(inside(named, lambda: unbound.bind(("127.0.0.1", 0))))
        assert refused(inside(named, unbound.listen))


@needs_seccomp
def test_the_internet_is_every_tcp_port_and_udp_but_no_raw_socket(listening: int) -> None:
    sandbox = worker(Boundary(network="internet"))
    assert inside(sandbox, lambda: connect(listening)) == "ok None"
    assert (
        inside(sandbox, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)))
        == "ok 1"
    )
    for attack in ("raw", "unix", "netlink", "mptcp"):
        assert refused(inside(sandbox, CALL_ATTACKS[attack])), attack


@needs_landlock
@needs_seccomp
def test_modes_and_times_are_changed_in_writable_folders_only_and_never_hand_on_rights(tmp_path: Path) -> None:
    own, foreign = tmp_path / "own", tmp_path / "foreign"
    for folder in (own, foreign):
        folder.mkdir()
        (folder / "file").write_text("text")
        (folder / "file").chmod(0o600)
    (own / "link").symlink_to(foreign / "file")
    sandbox = worker(Boundary(mounts=(FILES,)), FILES=f"{own}:rw")
    libc = ctypes.CDLL(None, use_errno=True)

    def plain_chmod(path: Path) -> None:
        if libc.chmod(os.fsencode(path), 0o644) != 0:
            raise OSError(ctypes.get_errno(), "chmod")

    assert inside(sandbox, lambda: (own / "file").chmod(0o750)).startswith("ok")
    assert stat.S_IMODE((own / "file").stat().st_mode) == 0o750
    assert inside(sandbox, lambda: os.utime(own / "file", (5, 5))).startswith("ok")
    assert (own / "file").stat().st_mtime == 5
    assert inside(sandbox, lambda: shutil.copytree(own, own / "copy", symlinks=True)).startswith("ok")
    assert stat.S_IMODE((own / "copy" / "file").stat().st_mode) == 0o750
    for attack in (
        lambda: (foreign / "file").chmod(0o644),
        lambda: os.utime(foreign / "file"),
        lambda: (own / "link").chmod(0o644),
        lambda: plain_chmod(foreign / "file"),
        lambda: (own / "file").chmod(0o4755),
        lambda: (own / "file").chmod(0o666),
    ):
        assert refused(inside(sandbox, attack))
    assert stat.S_IMODE((foreign / "file").stat().st_mode) == 0o600


@needs_landlock
@needs_seccomp
def test_a_granted_program_runs_and_no_other_does(tmp_path: Path) -> None:
    script = tmp_path / "say"
    script.write_text("#!/usr/bin/env echo\n")
    script.chmod(0o755)
    boundary = Boundary(programs=("true", str(script)), mounts=(FILES,))
    sandbox = worker(boundary, FILES=f"{tmp_path}:rw")
    assert inside(sandbox, lambda: run("true")) == "ok "
    assert inside(sandbox, lambda: run(str(script))) == f"ok {script}"
    assert "PermissionError" in inside(sandbox, lambda: run("ls")) or refused(inside(sandbox, lambda: run("ls")))

    def run_own() -> None:
        own = tmp_path / "own"
        own.write_bytes(Path("/bin/ls").resolve().read_bytes())
        own.chmod(0o755)
        run(str(own))

    assert inside(sandbox, run_own).startswith(("EACCES", "EPERM"))
    assert refused(inside(sandbox, lambda: os.memfd_create("x")))


@needs_seccomp
@pytest.mark.skipif(KERNEL.landlock < 6, reason="this kernel's Landlock does not keep signals in")
def test_a_worker_with_programs_signals_its_own_children_and_nobody_else() -> None:
    sandbox = worker(Boundary(programs=("sleep",)))

    def end_child() -> int:
        with subprocess.Popen(["sleep", "60"]) as child:
            child.kill()
            return child.wait()

    assert inside(sandbox, end_child) == "ok -9"
    assert refused(inside(sandbox, lambda: os.kill(os.getppid(), 0)))


@needs_seccomp
def test_no_sibling_can_be_signalled() -> None:
    sibling = os.fork()
    if sibling == 0:
        signal.pause()
        os._exit(0)
    try:
        assert refused(inside(worker(Boundary()), lambda: os.kill(sibling, signal.SIGKILL)))
    finally:
        os.kill(sibling, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(sibling, 0)[1]) == -9


@needs_landlock
@needs_seccomp
def test_the_host_serves_ends_workers_and_starts_nothing(listening: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        environment = {"GATEWAY_URL": f"http://127.0.0.1:{listening}"}

        def serve() -> str:
            bound.listen()
            connect(listening)
            raise_limit()
            os.kill(os.getppid(), 0)
            return open("/proc/self/stat").read().split()[0]

        sandbox = Sandbox(grants.of_host(Boundary(), environment))
        for attempt in (os.fork, lambda: run("/bin/true"), CALL_ATTACKS["ptrace"], FILE_ATTACKS["read"]):
            assert refused(inside(sandbox, attempt))
        for name in ("udp", "unix", "mptcp"):
            assert refused(inside(sandbox, CALL_ATTACKS[name]))
        pid = os.fork()
        if pid == 0:  # a rule for /proc/self is for the process that made it
            with contextlib.suppress(BaseException):
                own = Sandbox(grants.of_host(Boundary(), environment))
                own.seal()
                if serve() == str(os.getpid()):
                    os._exit(0)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize("url", ["nowhere", "redis://store", "http://store:port"])
def test_a_server_without_an_address_is_refused_by_its_settings_name_alone(url: str) -> None:
    with pytest.raises(SettingsError, match="STORE_URL must be a URL") as refusal:
        grants.of_worker(Boundary(network="backends", backends=("STORE_URL",)), {"STORE_URL": url})
    assert url not in str(refusal.value)


def test_names_are_looked_up_by_the_host_only_where_one_is_given() -> None:
    assert not grants.of_host(Boundary(), {"GATEWAY_URL": "http://127.0.0.1:4444"}).udp
    assert not grants.of_host(Boundary(), {"GATEWAY_URL": "http://localhost:4444"}).udp
    named = grants.of_host(Boundary(), {"GATEWAY_URL": "https://gateway"})
    assert (named.udp, named.ports) == (True, frozenset({443}))
    assert not grants.of_worker(Boundary(), {"GATEWAY_URL": "https://gateway"}).ports


def test_neither_the_working_folder_nor_a_home_is_readable_as_a_whole(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "x-1.dist-info").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    granted = grants.of_worker(Boundary(), {"HOME": str(tmp_path.parent)}).read
    assert not {str(tmp_path), str(tmp_path.parent), "/", "/etc", "/proc"} & set(granted)


def test_what_is_not_there_is_told_with_its_remedy(tmp_path: Path) -> None:
    boundary = Boundary(mounts=(FILES,), programs=("no-such-program",))
    notes = grants.of_worker(boundary, {"FILES": f"{tmp_path}/none"}).notes
    assert [note.partition(",")[0] for note in notes] == [
        f"FILES names {tmp_path}/none",
        "the program no-such-program is not there; install it or put it into PATH",
    ]


@pytest.mark.parametrize(
    ("kernel", "granted", "words"),
    [
        (Kernel("darwin", "arm64", 0, 0, seccomp=False), Grants(), ["only Linux can"]),
        (Kernel("linux", "x86_64", 0, errno.ENOSYS, seccomp=True), Grants(), ["use Linux 5.13"]),
        (Kernel("linux", "x86_64", 0, errno.EOPNOTSUPP, seccomp=True), Grants(), ["lsm="]),
        (Kernel("linux", "x86_64", 0, errno.EPERM, seccomp=True), Grants(), ["container runtime"]),
        (Kernel("linux", "riscv64", 7, 0, seccomp=False), Grants(), ["riscv64"]),
        (Kernel("linux", "x86_64", 1, 0, seccomp=True), Grants(), []),
        (Kernel("linux", "x86_64", 2, 0, seccomp=True), Grants(write=("/srv",)), ["use Linux 6.2"]),
        (Kernel("linux", "x86_64", 3, 0, seccomp=True), Grants(ports=frozenset({80})), ["use Linux 6.7"]),
        (Kernel("linux", "x86_64", 5, 0, seccomp=True), Grants(execute=("/bin/true",)), ["use Linux 6.12"]),
        (Kernel("linux", "aarch64", 6, 0, seccomp=True), Grants(execute=("/bin/true",), ports=frozenset({80})), []),
    ],
)
def test_what_a_kernel_cannot_enforce_is_said_with_a_remedy(kernel: Kernel, granted: Grants, words: list[str]) -> None:
    # Only the sentences are of interest here: a ruleset of a newer kernel could not be made.
    missing = Sandbox(
        granted, kernel if kernel.landlock <= KERNEL.landlock else replace(kernel, landlock=KERNEL.landlock)
    ).missing
    assert len(missing) == len(words)
    assert all(word in sentence for word, sentence in zip(words, missing, strict=True))


@needs_landlock
@needs_seccomp
def test_a_kernel_that_can_do_all_is_what_require_asks_for() -> None:
    if Sandbox(Grants()).missing:
        pytest.skip("this kernel cannot enforce all")
    assert Confinement.prepare(Boundary(), {}, "require").missing == ()
    off = Confinement.prepare(Boundary(), {}, "off")
    assert (off.worker, off.host) == (None, None)


@needs_landlock
def test_a_process_whose_confinement_fails_does_not_go_on() -> None:
    sandbox = worker(Boundary())
    os.close(sandbox.descriptors[0])
    assert "SandboxError" in inside(sandbox, lambda: None)


def test_each_machine_has_every_number_once() -> None:
    for machine in (0, 1):
        numbers = [pair[machine] for pair in NUMBERS.values() if pair[machine] is not None]
        assert len(numbers) == len(set(numbers))
