from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from biasgan.data import sets
from biasgan.data.pairs.digests import read_source
from biasgan.data.pairs.store import DamageError, PairStore, StoredEntry
from biasgan.data.pairs.stored import Inspection, Sources, StoredPairs
from biasgan.io.checksums import sha256
from biasgan.io.images import ImageError, read_image
from biasgan.io.listing import list_images


@dataclass(frozen=True)
class GivenFiles:
    """The files of one pair: one on each side if all is well.

    Attributes:
        name: Path in the folder, without extension.
        original: Files of this name among the originals.
        compressed: Files of this name among the compressed images.
    """

    name: str
    original: tuple[Path, ...]
    compressed: tuple[Path, ...]

    def __str__(self) -> str:
        return self.name

    def both(self) -> tuple[Path, Path]:
        """The original and the compressed image.

        Raises:
            ImageError: If there is not one of each.
        """
        if len(self.original) == len(self.compressed) == 1:
            return self.original[0], self.compressed[0]
        for files in (self.original, self.compressed):
            if len(files) > 1:
                raise ImageError(f"{' and '.join(map(str, files))} have the same name but for the extension.")
        side, (file,) = ("compressed", self.original) if self.original else ("original", self.compressed)
        raise ImageError(f"{file} has no partner: no {side} image is called {self.name}.")


class GivenPairs(StoredPairs[GivenFiles]):
    """Users' own pairs: images before and after compression in two folders, under equal names.

    A name is the path in the folder without extension. The originals are divided as `data.sets.folder` divides them,
    and what that leaves out is left out of both. The images are decoded once, into `given` in the store.

    Args:
        original: Folder of the originals, searched with its subfolders.
        compressed: Folder of the compressed images. The sizes of these files count as their bits.
        store: Folder in which decoded pairs are kept for good; `~` is the home folder.
        workers: Processor cores that decode.
        bad_images: What to do about files that are unreadable, without a partner, of another size than theirs or too
            small to train with: `stop` names them all in an error, `skip` names them and goes on without.

    Raises:
        ValueError: If an option is out of its range.
        FileNotFoundError: If there are no such folders, or only one of `train` and `valid`.
        ImageError: If a folder has no images.
    """

    def __init__(
        self,
        original: str | Path,
        compressed: str | Path,
        store: str | Path,
        workers: int = 2,
        bad_images: Literal["stop", "skip"] = "stop",
    ) -> None:
        super().__init__(store, workers, bad_images)
        self.store = PairStore(self.root, "given", self.identity, quality=None, extension=None)
        root, other_root = Path(original).expanduser(), Path(compressed).expanduser()
        sides = sets.folder(root)
        originals = by_name(root, sides.train + sides.valid)
        # What is left out there is so here.
        left_out = by_name(root, list_images(root)).keys() - originals.keys()
        others = {k: v for k, v in by_name(other_root, list_images(other_root)).items() if k not in left_out}
        self.division_of_originals = sides.rule, sides.left_out
        pairs = {name: GivenFiles(name, originals.get(name, ()), others.get(name, ())) for name in originals | others}
        valid = set(by_name(root, sides.valid))
        self.pairs = Sources(
            [pair for name, pair in pairs.items() if name not in valid],
            [pair for name, pair in pairs.items() if name in valid],
        )

    @property
    def title(self) -> str:
        """Not of any codec."""
        return "given pairs"

    @property
    def folder(self) -> Path:
        """One for all given pairs."""
        return self.store.folder

    @property
    def identity(self) -> dict[str, str | int]:
        """What compressed the images is not known."""
        return {"codec": "given"}

    @property
    def division(self) -> tuple[str, Sequence[str]]:
        """That of the originals."""
        return self.division_of_originals

    def place(self, source: GivenFiles) -> str:
        """The name of the pair."""
        return source.name

    def sources(self) -> Sources[GivenFiles]:
        """The files of the pairs."""
        return self.pairs

    def find(self, source: GivenFiles) -> StoredEntry | None:
        """The decoded pair; none also if a file has moved or changed, since it must be read first."""
        original, compressed = source.both()
        digests = [self.digests.find(file) for file in (original, compressed)]
        return self.store.find(joint(*digests), original.name) if all(digests) else None

    def make(self, source: GivenFiles) -> StoredEntry:
        """Decode both files."""
        original, compressed = source.both()
        original_data, original_digest = self.digests.read(original)
        compressed_data, compressed_digest = self.digests.read(compressed)
        key = joint(original_digest, compressed_digest)
        entry = self.store.whole(key, original.name)
        if entry:
            return entry
        pixels = read_image(original, original_data), read_image(compressed, compressed_data)
        check_sizes(source, *pixels)
        return self.store.put(key, original.name, original_digest, *pixels, compressed_data)

    def inspect(self, source: GivenFiles) -> Inspection:
        """Decode both files, and compare every byte of the decoded pair with its hash if there is one."""
        problems: list[str] = []
        pixels: list[np.ndarray | None] = []
        digests: list[str] = []
        for file in source.both():
            try:
                data, digest = read_source(file)
                pixels.append(read_image(file, data))
                digests.append(digest)
            except ImageError as error:
                pixels.append(None)
                problems.append(str(error))
        original, compressed = pixels
        if original is not None and compressed is not None:
            try:
                check_sizes(source, original, compressed)
                entry = self.store.recorded(joint(*digests), source.name)
                problems = [f"{source}: {line}" for line in entry.damage()] if entry else []
            except ImageError as error:
                problems = [str(error)]
            except DamageError as error:
                problems = [f"{source}: {error}"]
        return Inspection(problems, None if original is None else sha256(str(original.shape).encode(), original.data))


def by_name(root: Path, files: Iterable[Path]) -> dict[str, tuple[Path, ...]]:
    """Files by their paths in a folder, without extension."""
    names: dict[str, tuple[Path, ...]] = {}
    for file in files:
        name = file.relative_to(root).with_suffix("").as_posix()
        names[name] = (*names.get(name, ()), file)
    return names


def joint(*digests: str | None) -> str:
    """One hash for several."""
    return sha256(" ".join(map(str, digests)).encode())


def check_sizes(source: GivenFiles, original: np.ndarray, compressed: np.ndarray) -> None:
    """Refuse images of different sizes.

    Raises:
        ImageError: Names both.
    """
    if original.shape != compressed.shape:
        (one, other), sizes = source.both(), [f"{i.shape[1]} x {i.shape[0]}" for i in (original, compressed)]
        raise ImageError(f"{one} has {sizes[0]} pixels, but {other} has {sizes[1]}.")
