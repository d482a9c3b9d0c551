"""What every kernel takes of a GPU: ``python -m bench.kernels LOG``.

Reads what ``ptxas -v`` said in the log of a build with ``-DTHALWEG_KERNEL_REPORT=ON`` and prints a
line per kernel and architecture: registers of a thread, bytes of its stack, bytes spilled to memory
because registers ran out, static shared memory. Exit status 1 if a kernel that must not spill does.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ENTRY = re.compile(r"Compiling entry function '(\w+)' for '(\w+)'")
OWN = re.compile(r"Function properties for (\w+)")
STACK = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers")
SHARED = re.compile(r"(\d+) bytes smem")


@dataclass(frozen=True)
class Kernel:
    """One kernel for one architecture; bytes are those of a thread, but shared memory a block's."""

    name: str
    architecture: str
    registers: int
    stack: int
    spill_stores: int
    spill_loads: int
    shared: int

    @property
    def spills(self) -> bool:
        return bool(self.spill_stores or self.spill_loads)


def readable(names: list[str]) -> list[str]:
    """Names as they are written in the sources; mangled where there is no c++filt."""
    if shutil.which("c++filt") is None:
        return names
    done = subprocess.run(
        ["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True
    )
    return [short(name) for name in done.stdout.splitlines()]


def short(name: str) -> str:
    """The template argument of ``kernel<Body>``: "RunBody<float, Formulas, ThreadTeam, ...>"."""
    name = re.sub(r"\(anonymous namespace\)::|\bthalweg\w*::|\bcuda::", "", name)
    name = re.sub(r"^void kernel<(.*?)\s*>\(.*", r"\1", name)
    for number, work in enumerate(("energy", "gradient", "product")):
        name = name.replace(f"(Work){number}", work)
    name = re.sub(r", (\w+)<(?:float|double)>", r", \1", name)
    return name.replace(" >", ">")


def read(text: str) -> list[Kernel]:
    """Every kernel in the output of a build, in order. Functions they call count with them."""
    rows: dict[tuple[str, str], list[int]] = {}
    entry = function = None
    for line in text.splitlines():
        if found := ENTRY.search(line):
            entry = (found[1], found[2])
            rows[entry] = [0, 0, 0, 0, 0]
        elif entry is None:
            continue
        elif found := OWN.search(line):
            function = found[1]
        elif found := STACK.search(line):
            stack, stores, loads = map(int, found.groups())
            row = rows[entry]
            row[1] = stack if function == entry[0] else row[1]
            row[2], row[3] = row[2] + stores, row[3] + loads
        elif found := USED.search(line):
            rows[entry][0] = int(found[1])
            if shared := SHARED.search(line):
                rows[entry][4] = int(shared[1])
    names = readable([name for name, _ in rows])
    return [
        Kernel(name, architecture, *numbers)
        for name, ((_, architecture), numbers) in zip(names, rows.items(), strict=True)
    ]


def table(kernels: list[Kernel]) -> str:
    """One line per kernel, sorted by name; architectures side by side."""
    lines = [f"{'registers':>9} {'stack':>6} {'spilled':>8} {'shared':>7}  kernel"]
    for k in sorted(kernels, key=lambda k: (k.architecture, k.name)):
        spilled = f"{k.spill_stores}+{k.spill_loads}"
        lines.append(
            f"{k.registers:>9} {k.stack:>6} {spilled:>8} {k.shared:>7}  {k.architecture} {k.name}"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 1 if a kernel whose name matches --no-spills spills, or there is none."""
    p = argparse.ArgumentParser(prog="python -m bench.kernels", description=__doc__)
    p.add_argument("log", type=Path)
    p.add_argument("--no-spills", default=".*", help="kernels that must not (a regular expression)")
    options = p.parse_args(arguments)
    kernels = read(options.log.read_text())
    if not kernels:
        print(f"{options.log}: no kernel in it; was it built with THALWEG_KERNEL_REPORT=ON?")
        return 1
    print(table(kernels))
    must = [k for k in kernels if re.search(options.no_spills, k.name)]
    bad = [k for k in must if k.spills]
    for k in bad:
        print(f"spills: {k.architecture} {k.name}")
    print(f"{len(kernels)} kernels, {len(bad)} spill that must not")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
