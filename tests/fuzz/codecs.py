"""Damaged files against all decoders: `python -m tests.fuzz.codecs --cases 20000 --seed 0`.

Decoders run in processes of their own, so that a crash or a hang is a finding like any other.
"""

import argparse
import multiprocessing
import resource
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from .targets import GOOD, TARGETS, target

SECONDS = 5.0
"""A case that takes longer is a hang."""
STARTING_SECONDS = 120.0
ADDRESSES = 16 * 2**30
"""Bytes of address space of a process, so that no case takes the machine down."""
CHUNK = 500
"""Cases of one process."""


def resident() -> float:
    """The most that this process had resident so far, in MiB."""
    # Unlike this, `getrusage` begins with what the parent had.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def work(connection: Connection, name: str, seed: int, numbers: range) -> None:
    """Decode cases and send a verdict and the memory so far, up to the first case that takes too much of it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    attacked = target(name)
    for example in attacked.examples:
        attacked.verdict(example)
    before = resident()
    connection.send("ready")
    for number in numbers:
        verdict = attacked.verdict(attacked.case(seed, number))
        added = resident() - before
        too_much = added > attacked.mebibytes
        connection.send(("memory" if too_much else verdict, added))
        if too_much:
            return


def verdicts(name: str, seed: int, numbers: range) -> Iterator[tuple[int, str, float]]:
    """Number, verdict and memory in MiB of each case; after a crash, a hang or too much memory in a new process."""
    context = multiprocessing.get_context("spawn")
    while numbers:
        here, there = context.Pipe()
        process = context.Process(target=work, args=(there, name, seed, numbers), daemon=True)
        process.start()
        there.close()
        if not here.poll(STARTING_SECONDS) or here.recv() != "ready":
            raise RuntimeError(f"the process for {name} did not start.")
        for number in numbers:
            verdict, memory = "hang", 0.0
            if here.poll(SECONDS):
                try:
                    verdict, memory = here.recv()
                except EOFError:
                    process.join()
                    verdict = f"crash, exit code {process.exitcode}"
            yield number, verdict, memory
            numbers = numbers[1:]
            if verdict in ("hang", "memory") or verdict.startswith("crash"):
                break
        process.kill()
        process.join()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20000, help="of each target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=TARGETS, default=list(TARGETS), metavar="TARGET")
    parser.add_argument("--folder", type=Path, default=Path("outputs/fuzz"), help="for the files that went wrong")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    counts: dict[str, Counter[str]] = {name: Counter() for name in arguments.only}
    memories = dict.fromkeys(arguments.only, 0.0)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress, ThreadPoolExecutor(arguments.processes) as pool:
        for name in arguments.only:
            attacked = target(name)
            task = progress.add_task(name, total=arguments.cases)
            chunks = [range(start, min(start + CHUNK, arguments.cases)) for start in range(0, arguments.cases, CHUNK)]
            for cases in pool.map(lambda chunk, name=name: [*verdicts(name, arguments.seed, chunk)], chunks):
                for number, verdict, memory in cases:
                    counts[name][verdict] += 1
                    memories[name] = max(memories[name], memory)
                    progress.advance(task)
                    if verdict not in GOOD:
                        arguments.folder.mkdir(parents=True, exist_ok=True)
                        file = arguments.folder / f"{name}-{verdict.replace(', ', '-').replace(' ', '-')}-{number}.bin"
                        file.write_bytes(attacked.case(arguments.seed, number))
    table = Table("target", "outcome", "cases", "most memory, MiB", title=f"seed {arguments.seed}")
    for name, count in counts.items():
        for verdict, cases in sorted(count.items()):
            style = None if verdict in GOOD else "red"
            table.add_row(name, verdict, str(cases), f"{memories[name]:.0f}", style=style)
    Console().print(table)
    findings = sum(cases for count in counts.values() for verdict, cases in count.items() if verdict not in GOOD)
    Console().print(f"{findings} findings" + (f", saved in {arguments.folder}" if findings else ""))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
