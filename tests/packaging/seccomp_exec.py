"""Runs a program with only the system calls that a unit's SystemCallFilter= lets through; others fail with EPERM.

Usage: seccomp_exec.py UNIT PROGRAM [ARGUMENT...]
"""
import errno
import os
import re
import subprocess
import sys

import seccomp

unit, *command = sys.argv[1:]


def calls_of(name):
    """The system calls of a name; a set (@system-service) is looked up in systemd's own tables."""
    if not name.startswith("@"):
        return {name}
    listing = subprocess.run(
        ["systemd-analyze", "syscall-filter", "--no-pager", name], check=True, capture_output=True, text=True
    ).stdout
    names = [line.strip() for line in listing.splitlines()[1:]]
    return set().union(*(calls_of(inner) for inner in names if inner and not inner.startswith("#")))


allowed = calls_of("@default")
with open(unit) as file:
    for minus, names in re.findall(r"^SystemCallFilter=(~?)(.*)$", file.read(), re.MULTILINE):
        calls = set().union(*map(calls_of, names.split()))
        allowed = allowed - calls if minus else allowed | calls

filter = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
for call in sorted(allowed):
    try:
        filter.add_rule(seccomp.ALLOW, call)
    except (RuntimeError, ValueError):
        pass  # newer than this machine's seccomp library, or of another processor
filter.load()
os.execvp(command[0], command)
