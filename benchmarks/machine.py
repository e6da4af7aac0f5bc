"""On what the numbers were measured."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

PACKAGES = (
    "numpy",
    "torch",
    "onnxruntime",
    "scipy",
    "opencv-python-headless",
    "pillow",
    "tinybrain",
    "typer",
)


def describe() -> str:
    """Processor, cores, memory and system in one line."""
    return f"{_processor()}, {_cores()} cores, {_memory_gb():.0f} GB, {platform.system()}"


def versions() -> dict[str, str]:
    """Of Python and of every library that was measured."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"Python": platform.python_version(), **found}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _cores() -> int:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return count or 1


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
