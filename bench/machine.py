"""What the figures were taken on: processor, kernel, versions, and what a commit costs on this disk."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from pathlib import Path

from bench.figures import median

MEMORY_FILE_SYSTEMS = {"tmpfs", "ramfs", "devtmpfs", "overlay"}


def file_system(directory: Path) -> str:
    """The type of the file system that holds a directory (the longest mount point that is above it)."""
    best, kind = "", "unknown"
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, point, fs_type, *_ = line.split()
        if directory.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, fs_type
    return kind


def fdatasync_ms(directory: Path, times: int = 200) -> float:
    """Median milliseconds of appending 4 KiB and fdatasync, in this directory."""
    path = directory / "fdatasync"
    block = b"x" * 4096
    took = []
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        for _ in range(times):
            began = time.perf_counter()
            os.write(descriptor, block)
            os.fdatasync(descriptor)
            took.append(time.perf_counter() - began)
    finally:
        os.close(descriptor)
        path.unlink()
    return median(took) * 1000


def processor() -> str:
    """The model of the processor."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def facts(directory: Path) -> list[str]:
    """Lines about the machine for the head of the results."""
    return [
        f"{len(os.sched_getaffinity(0))} cores of {processor()}, Linux {platform.release()}, "
        f"Python {platform.python_version()}",
        f"storage: {file_system(directory)}, median of 4 KiB + fdatasync {fdatasync_ms(directory):.2f} ms",
    ]


def debian_version(package: str) -> str:
    """The version of an installed Debian package, or an empty text."""
    if not shutil.which("dpkg-query"):
        return ""
    found = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() if found.returncode == 0 else ""
