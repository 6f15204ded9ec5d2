"""Seccomp: a filter over the system calls themselves, for what Landlock does not know: processes, sockets, limits."""

from __future__ import annotations

import errno
import os
import socket
from typing import Final

from sanctuary_host.containment.bpf import (
    ABSENT,
    ALLOW,
    ANY_BIT,
    EQUAL,
    OWN,
    Block,
    Filter,
    assemble,
    kind_is,
    one_of,
    refuse,
    when,
)
from sanctuary_host.containment.grants import Grants
from sanctuary_host.containment.syscalls import number_of

REFUSE: Final = refuse()


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


REFUSED_TO_ALL: Final = _names(
    # other processes' memory, and what could take over this one
    "ptrace process_vm_readv process_vm_writev process_madvise process_mrelease kcmp pidfd_getfd userfaultfd "
    "personality modify_ldt "
    # the view of the file system, and files reached by other means than paths
    "mount umount2 mount_setattr move_mount fsopen fsconfig fsmount fspick open_tree open_tree_attr "
    "statmount listmount pivot_root chroot unshare setns name_to_handle_at open_by_handle_at "
    # what of files Landlock does not watch over: owners, attributes, and news of folders that cannot be read
    "chown fchown lchown fchownat setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr fremovexattr "
    "removexattrat file_setattr inotify_init inotify_init1 inotify_add_watch fanotify_init fanotify_mark "
    # much kernel for little use
    "bpf perf_event_open io_uring_setup io_uring_enter io_uring_register keyctl add_key request_key lookup_dcookie "
    "_sysctl nfsservctl uselib memfd_secret "
    # the machine
    "kexec_load kexec_file_load init_module finit_module delete_module reboot swapon swapoff sethostname setdomainname "
    "quotactl quotactl_fd acct syslog settimeofday clock_settime clock_adjtime adjtimex iopl ioperm vhangup "
    "migrate_pages move_pages setpriority ioprio_set sched_setscheduler sched_setparam sched_setattr "
    # memory and queues that outlive the process and are shared by all of a user's
    "shmget shmat shmctl shmdt msgget msgsnd msgrcv msgctl semget semop semctl semtimedop "
    "mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr "
    # a second program: by its descriptor it could come out of memory, past Landlock
    "execveat bind"
)
IDENTITY: Final = _names("setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups capset")
"""A change of user also makes the kernel forget that a worker ends with its parent."""
SERVING: Final = _names("listen accept accept4")
SIGNALLING: Final = _names("rt_sigqueueinfo rt_tgsigqueueinfo pidfd_open pidfd_send_signal")
CHANGING: Final = _names("chmod fchmodat fchmodat2 utime utimes futimesat")
"""Changes to files by their paths, which Landlock does not watch over."""
TOO_MUCH: Final = 0o6002
"""Modes that nobody sets: setuid and setgid, which hand on rights, and write for all."""

IOCTLS: Final = (
    *(0x5401, 0x540F, 0x5413, 0x802C_542A),  # asm-generic/ioctls.h: is it a terminal, whose is it, how large
    *(0x541B, 0x5421, 0x5450, 0x5451, 0x5452),  # how much waits, and a descriptor's own flags
    *(0x2, 0x8008_6601, 0x4004_9409, 0x4020_940D),  # linux/fs.h: block size, flags, copies that share their blocks
)
"""The only requests to devices and files: others type into terminals, or change files that were opened for reading."""
FCNTLS: Final = (8, 10, 15, 1024, 1031)
"""F_SETOWN, F_SETSIG and F_SETOWN_EX send signals to others; F_SETLEASE makes others wait for a file; F_SETPIPE_SZ
takes memory that no limit of the process counts."""
PRCTLS: Final = (1, 4, 28, 35, 36, 53, 57, 59, 0x5961_6D61)
"""PR_SET_PDEATHSIG, DUMPABLE, SECUREBITS, MM, CHILD_SUBREAPER, SPECULATION_CTRL, IO_FLUSHER, SYSCALL_USER_DISPATCH,
PTRACER: what the host set up for its workers, and what shields a process from others."""
NAMESPACES: Final = 0x7E02_0080
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, NEWTIME."""
THREAD: Final = 0x0001_0000
"""CLONE_THREAD."""
FAST_OPEN: Final = 0x2000_0000
"""MSG_FASTOPEN: connects without asking Landlock."""


def make_filter(grants: Grants, machine: str, *, truncation: bool = False) -> Filter:
    """A filter for what `grants` lets through.

    Args:
        grants: what the process may touch.
        machine: `x86_64` or `aarch64`.
        truncation: whether files must be kept from being cut short here, because Landlock cannot.
    """
    blocks = {
        number: block
        for name, block in _rules(grants, truncation=truncation).items()
        if (number := number_of(name, machine)) is not None
    }
    return assemble(blocks, machine)


def _rules(grants: Grants, *, truncation: bool) -> dict[str, Block]:
    """What happens to each system call that is not simply let through."""
    rules = dict[str, Block].fromkeys(REFUSED_TO_ALL, REFUSE)
    # Its flags lie in memory, where no filter sees them; the C library then uses clone.
    rules["clone3"] = ABSENT
    rules["ioctl"] = one_of(1, IOCTLS, ALLOW, REFUSE)
    rules["fcntl"] = one_of(1, FCNTLS, REFUSE, ALLOW)
    rules["prctl"] = one_of(0, PRCTLS, REFUSE, ALLOW)
    rules["sched_setaffinity"] = one_of(0, (0, OWN), ALLOW, REFUSE)
    rules["socket"] = _socket(grants)
    rules["socketpair"] = when(0, EQUAL, socket.AF_UNIX, kind_is(socket.SOCK_STREAM, ALLOW, REFUSE), REFUSE)
    if grants.ports is not None:
        for name, place in (("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3)):
            rules[name] = when(place, ANY_BIT, FAST_OPEN, REFUSE, ALLOW)
    rules |= _process_rules(grants)
    rules |= dict.fromkeys(CHANGING, REFUSE)
    if grants.changes:
        # By descriptors, of files that Landlock let it open: a path of 0 means the descriptor itself.
        rules["fchmod"] = when(1, ANY_BIT, TOO_MUCH, REFUSE, ALLOW)
        rules["utimensat"] = when(1, EQUAL, 0, when(1, EQUAL, 0, ALLOW, REFUSE, half=1), REFUSE)
    else:
        rules |= dict.fromkeys(("fchmod", "utimensat"), REFUSE)
        if truncation:
            rules |= dict.fromkeys(("truncate", "creat"), REFUSE)
            rules["openat2"] = ABSENT
            rules["open"] = when(1, ANY_BIT, os.O_TRUNC, REFUSE, ALLOW)
            rules["openat"] = when(2, ANY_BIT, os.O_TRUNC, REFUSE, ALLOW)
    return rules


def _process_rules(grants: Grants) -> dict[str, Block]:
    """What a process may do to itself and to others."""
    rules: dict[str, Block] = {}
    # A program in memory is on no path that Landlock knows; and what such a file holds, no limit on memory counts.
    rules["memfd_create"] = REFUSE
    if grants.execute:
        rules["clone"] = when(0, ANY_BIT, NAMESPACES, REFUSE, ALLOW)
    else:
        rules |= dict.fromkeys({"fork", "vfork", "execve", *IDENTITY}, REFUSE)
        rules["clone"] = when(0, ANY_BIT, NAMESPACES, REFUSE, when(0, ANY_BIT, THREAD, ALLOW, REFUSE))
    if grants.serves:
        limits = when(0, EQUAL, 0, ALLOW, when(0, EQUAL, OWN, ALLOW, REFUSE))
    else:
        rules |= dict.fromkeys({"setrlimit", *SERVING}, REFUSE)
        limits = when(2, EQUAL, 0, when(2, EQUAL, 0, ALLOW, REFUSE, half=1), REFUSE)
        if not grants.execute:  # else Landlock keeps signals in, and a program may use them among its own
            rules |= dict.fromkeys(SIGNALLING, REFUSE)
            rules |= dict.fromkeys(("kill", "tkill", "tgkill"), when(0, EQUAL, OWN, ALLOW, REFUSE))
    rules["prlimit64"] = limits
    return rules


def _socket(grants: Grants) -> Block:
    """IP sockets of the granted kinds; with any other protocol they would get past Landlock's rules for TCP."""
    denied = refuse(errno.EACCES)
    block = denied
    if grants.udp:
        block = kind_is(socket.SOCK_DGRAM, one_of(2, (0, socket.IPPROTO_UDP), ALLOW, denied), block)
    if grants.ports is None or grants.ports:
        block = kind_is(socket.SOCK_STREAM, one_of(2, (0, socket.IPPROTO_TCP), ALLOW, denied), block)
    return one_of(0, (socket.AF_INET, socket.AF_INET6), block, denied)
