"""What figures were measured on, for the files they are kept in."""

import os
import platform
from pathlib import Path


def describe() -> str:
    """Return the processor's name, how it computes in bf16 if it does, and the number of cores."""
    name, flags = platform.processor() or platform.machine(), ""
    told = Path("/proc/cpuinfo")  # Linux; elsewhere platform knows the name, or nobody does
    if told.exists():
        lines = dict(line.split(":", 1) for line in told.read_text().splitlines() if ":" in line)
        fields = {key.strip(): value.strip() for key, value in lines.items()}
        name, flags = fields.get("model name", name), fields.get("flags", "")
    bf16 = [flag for flag in ("amx_bf16", "avx512_bf16") if flag in flags.split()]
    return ", ".join([name, *bf16[:1], f"{os.cpu_count()} cores"])
