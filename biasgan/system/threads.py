import time
from collections.abc import Callable, Collection, Generator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import TypeVar

from rich.progress import TextColumn, TimeRemainingColumn

from biasgan.system.console import progress_bar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(
    function: Callable[[Item], Result],
    items: Collection[Item],
    threads: int,
    title: str,
    tell: bool = True,
    patience: float = 0,
) -> Generator[tuple[Item, Future[Result]]]:
    """Call a function for each image in several threads, with a progress bar.

    On an interrupt the calls that have begun are finished.

    Args:
        function: Called with one item.
        items: Images.
        threads: At least 1.
        title: Of the bar.
        tell: Whether to show a bar.
        patience: Seconds after which it appears.

    Yields:
        Items with what became of them, in the order in which they are finished.
    """
    bar = progress_bar(TextColumn("{task.fields[speed]}"), TimeRemainingColumn())
    task = bar.add_task(title, total=len(items), speed="")
    begun = time.monotonic()
    pool = ThreadPoolExecutor(threads)
    try:
        if tell and items and not patience:
            bar.start()
        futures = {pool.submit(function, item): item for item in items}
        for future in as_completed(futures):
            yield futures.pop(future), future
            speed = bar.tasks[0].speed
            bar.update(task, advance=1, speed=f"{speed:.1f} images/s" if speed else "")
            if tell and time.monotonic() - begun >= patience:
                bar.start()
    finally:
        pool.shutdown(cancel_futures=True)
        if bar.live.is_started:
            bar.stop()
