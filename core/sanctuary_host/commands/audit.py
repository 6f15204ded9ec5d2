"""`sanctuary-host audit verify`: whether audit trails are as they were written, and if not, what happened."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from sanctuary_host.commands.find import UsageError
from sanctuary_host.commands.table import paint, printable
from sanctuary_host.observe.verdict import Verdict, report, verify


def verify_files(files: Sequence[str], *, head: str, as_json: bool) -> int:
    """Verify trails and print what was found; exit status 1 where anything was.

    Args:
        files: their paths.
        head: the hash of a record that one trail must hold, as the host's log has it.
        as_json: print JSON.

    Raises:
        UsageError: a file cannot be read, or the hash is none.
    """
    if head and (len(files) != 1 or not re.fullmatch("[0-9a-f]{64}", head)):
        raise UsageError("--head takes the 64 hexadecimal digits of a record's hash, and one FILE to look for it in")
    verdicts: list[Verdict] = []
    for name in files:
        path = Path(name)
        try:
            if not path.is_file():
                raise UsageError(f"{name} is no file; name the audit trail itself, such as git.jsonl")
            verdicts.append(verify(path, head))
        except OSError as error:
            raise UsageError(f"{name} cannot be read: {error.strerror}") from None
    if as_json:
        print(json.dumps([report(verdict) for verdict in verdicts], indent=2, ensure_ascii=True))
    else:
        for verdict in verdicts:
            _print(verdict)
    return 0 if all(verdict.whole for verdict in verdicts) else 1


def _print(verdict: Verdict) -> None:
    name = printable(verdict.file)
    span = printable(f", from {verdict.first} to {verdict.last}" if verdict.records else "")
    if verdict.whole:
        print(f"{name} is {paint('whole', 'green', sys.stdout)}: {verdict.records:,} records{span}")
    else:
        print(f"{name} is {paint('not whole', 'red', sys.stdout)}; sound records: {verdict.records:,}{span}")
    for finding in verdict.findings:
        print(f"  {printable(finding)}")
    if verdict.more:
        print(f"  … and {verdict.more:,} more")
    if verdict.unfinished:
        print(f"  calls that began and did not end: {verdict.unfinished:,}; they still run, or the host ended")
    print(f"  its last record has the hash {verdict.head}")
