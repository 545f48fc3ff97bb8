from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from biasgan.codecs.codec import Codec, CodecError
from biasgan.data.sets import ImageSet
from biasgan.data.source import PairSets, PairSource
from biasgan.data.store import PairStore, StoredEntry
from biasgan.files import remove_abandoned
from biasgan.images import ImageError


class CodedPairs(PairSource):
    """Pairs that a codec makes of images, once.

    Args:
        images: Files to train and to validate with.
        codec: Compresses them.
        quality: Within the codec's range.
        store: Folder in which pairs are kept for good; `~` is the home folder.
        workers: Threads that compress; 0 is one.
        bad_images: What to do about files that are unreadable or too small to train with: `stop` names them all in an
            error, `skip` names them and goes on without.

    Raises:
        ValueError: If an option is out of its range.
    """

    def __init__(
        self,
        images: ImageSet,
        codec: Codec,
        quality: int,
        store: str | Path,
        workers: int = 2,
        bad_images: Literal["stop", "skip"] = "stop",
    ) -> None:
        if workers < 0:
            raise ValueError(f"workers must be at least 0; got {workers}.")
        if bad_images not in ("stop", "skip"):
            raise ValueError(f"bad_images must be stop or skip; got {bad_images}.")
        self.images = images
        self.codec = codec
        self.quality = quality
        self.store = PairStore(Path(store), codec, quality)
        self.workers = workers
        self.bad_images = bad_images

    @property
    def identity(self) -> dict[str, str | int]:
        """The codec's."""
        return self.codec.identity

    def check(self) -> list[str]:
        """Look for damage without changing anything."""
        raise NotImplementedError

    def open(self, least_side: int, tell: bool) -> PairSets:
        """The pairs of both sets, made where they are missing."""
        if tell:
            remove_abandoned(self.store.root)
        pairs, reasons = self.make_pairs(tell)
        for path in self.images.train:
            pair = pairs.get(path)
            if pair and min(pair.width, pair.height) < least_side:
                reasons[path] = f"{path} has {pair.width} x {pair.height} pixels, less than patch_size={least_side}."
        listed = "\n".join(reasons[path] for path in sorted(reasons))
        if reasons and self.bad_images == "stop":
            raise ImageError(
                f"{len(reasons)} of the images cannot be used; pairs.bad_images=skip goes on without them.\n{listed}"
            )
        if reasons and tell:
            console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
            console.print(f"{len(reasons)} of the images are skipped:\n{listed}")

        train = [pairs[path] for path in self.images.train if path not in reasons]
        valid = [pairs[path] for path in self.images.valid if path not in reasons or path in pairs]
        for entries, purpose in ((train, "train"), (valid, "validate")):
            if not entries:
                why = f" are left after {len(reasons)} bad ones:\n{listed}" if reasons else "."
                raise ImageError(f"No images to {purpose} with{why}")
        trained = {entry.original: entry.name for entry in train}
        shared = [f"{trained[e.original]} = {e.name}" for e in valid if e.original in trained]
        if shared:
            raise ImageError(
                f"The same picture is in training and in validation: {', '.join(shared)}. Take it out of one of them."
            )
        return PairSets(train, valid)

    def make_pairs(self, tell: bool) -> tuple[dict[Path, StoredEntry], dict[Path, str]]:
        """Entries of all images, and the reasons against those that have none."""
        pairs: dict[Path, StoredEntry] = {}
        reasons: dict[Path, str] = {}
        missing: list[Path] = []
        for path in dict.fromkeys(self.images.train + self.images.valid):
            try:
                entry = self.store.find(path)
            except ImageError as error:
                reasons[path] = str(error)
                continue
            if entry:
                pairs[path] = entry
            else:
                missing.append(path)
        if missing:
            self.compress(missing, pairs, reasons, tell)
        return pairs, reasons

    def compress(
        self, paths: Sequence[Path], pairs: dict[Path, StoredEntry], reasons: dict[Path, str], tell: bool
    ) -> None:
        """Make pairs of images in several threads, and put them, or the reasons against them, into the mappings."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
        )
        pool = ThreadPoolExecutor(max(1, self.workers))
        with Progress(*columns, console=Console(stderr=True), disable=not tell) as progress:
            task = progress.add_task(f"{self.codec.name} {self.quality}", total=len(paths), speed="")
            try:
                futures = {pool.submit(self.store.add, path): path for path in paths}
                for future in as_completed(futures):
                    try:
                        pairs[futures[future]] = future.result()
                    except (ImageError, CodecError) as error:
                        reasons[futures[future]] = str(error)
                    speed = progress.tasks[0].speed
                    progress.update(task, advance=1, speed=f"{speed:.1f} images/s" if speed else "")
            finally:
                pool.shutdown(cancel_futures=True)
