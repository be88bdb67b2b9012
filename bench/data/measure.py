"""Run a program, and measure the time and memory of its process tree."""

import os
import subprocess
import threading
import time
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def measure(command: list[str]) -> dict[str, float]:
    """Wall and CPU seconds, and the peak of resident memory in MiB, of all processes together."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.05):
            peak = max(peak, tree_memory(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    with process.stderr:
        errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    done.set()
    watcher.join()
    if status != 0:
        raise RuntimeError(f"{' '.join(command)} failed: {errors.decode()[-2000:]}")
    process.returncode = 0
    # The kernel knows the exact peak of one process. The samples are sums over the tree.
    return {
        "wall": wall,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak_mib": max(peak, usage.ru_maxrss * 1024) / 2**20,
    }


def tree_memory(root: int) -> int:
    """Resident bytes of a process and all its descendants."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            stat = read_or_empty(entry / "stat")
            if stat:
                parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    tree = {root}
    while more := {pid for pid, parent in parents.items() if parent in tree} - tree:
        tree |= more
    return sum(int((read_or_empty(Path("/proc", str(pid), "statm")) or "0 0").split()[1]) * PAGE_BYTES for pid in tree)


def read_or_empty(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
