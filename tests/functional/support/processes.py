"""Processes as /proc shows them."""
import os
import pathlib
import re

from .wait import until

SANITIZER = re.compile(r"(ERROR: \w+Sanitizer|SUMMARY: \w+Sanitizer|runtime error:).*")


def stat_of(pid):
    """(name, state, parent) or None."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    name = text[text.index("(") + 1 : text.rindex(")")]
    fields = text[text.rindex(")") + 2 :].split()
    return name, fields[0], int(fields[1])


def alive(pid):
    stat = stat_of(pid)
    return stat is not None and stat[1] not in "ZX"


def children(pid):
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (stat := stat_of(entry)) and stat[2] == pid and stat[1] not in "ZX":
            found.append(int(entry))
    return found


def wait_gone(pids, what):
    until(lambda: not [p for p in pids if alive(p)], f"{what} {pids} gone")


def sanitizer_reports(*folders_and_files):
    out = []
    for path in map(pathlib.Path, folders_and_files):
        for file in sorted(path.rglob("*.log")) if path.is_dir() else [path]:
            if file.exists():
                text = file.read_text(errors="replace")
                out += [f"{file}: {text[m.start():m.start() + 3000]}" for m in list(SANITIZER.finditer(text))[:1]]
    return out
