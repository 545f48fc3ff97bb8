from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from biasgan.data import sets
from biasgan.data.pairs.digests import read_source
from biasgan.data.pairs.store import PairStore
from biasgan.data.pairs.stored import Inspection, Made, Source, StoredPairs, require_sound
from biasgan.io.checksums import sha256
from biasgan.io.images import ImageError, read_image
from biasgan.io.listing import list_images


class GivenPairs(StoredPairs):
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
        self.pair_store = PairStore(self.root, "given", self.identity, quality=None, extension=None)
        self.title, self.folder = "given pairs", self.pair_store.folder
        root, other_root = Path(original).expanduser(), Path(compressed).expanduser()
        images = sets.folder(root)
        self.rule, self.left_out = images.rule, images.left_out
        originals = by_name(root, images.train + images.valid)
        # What is left out there is so here.
        left_out = by_name(root, list_images(root)).keys() - originals.keys()
        others = {k: v for k, v in by_name(other_root, list_images(other_root)).items() if k not in left_out}
        valid = by_name(root, images.valid)
        pairs = {name: source_of(name, originals.get(name, ()), others.get(name, ())) for name in originals | others}
        self.sources = (
            [pair for name, pair in pairs.items() if name not in valid],
            [pair for name, pair in pairs.items() if name in valid],
        )

    @property
    def identity(self) -> dict[str, str | int]:
        """Nobody knows what compressed the images."""
        return {"codec": "given"}

    def store(self, key: str) -> PairStore:
        """One for all given pairs."""
        return self.pair_store

    def encode(self, source: Source, contents: Sequence[bytes], key: str) -> Made:
        """Decode both files."""
        original, compressed = map(read_image, source.files, contents)
        require_same_size(source, original, compressed)
        return Made(original, compressed, contents[1])

    def inspect(self, source: Source) -> Inspection:
        """Decode both files, and compare every byte of the decoded pair with its hash if there is one."""
        require_sound(source)
        problems: list[str] = []
        pixels: list[np.ndarray | None] = []
        digests: list[str] = []
        for file in source.files:
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
                require_same_size(source, original, compressed)
                problems = [f"{source}: {line}" for line in self.kept(source, digests)[1]]
            except ImageError as error:
                problems = [str(error)]
        return Inspection(problems, None if original is None else sha256(str(original.shape).encode(), original.data))


def by_name(root: Path, files: Iterable[Path]) -> dict[str, tuple[Path, ...]]:
    """Files by their paths in a folder, without extension."""
    names: dict[str, tuple[Path, ...]] = {}
    for file in files:
        name = file.relative_to(root).with_suffix("").as_posix()
        names[name] = (*names.get(name, ()), file)
    return names


def source_of(name: str, originals: tuple[Path, ...], others: tuple[Path, ...]) -> Source:
    """The files of one name, before and after compression; it has a flaw if there is not one of each."""
    flaw = ""
    if several := next((files for files in (originals, others) if len(files) > 1), None):
        flaw = f"{' and '.join(map(str, several))} have the same name but for the extension."
    elif not (originals and others):
        missing, file = ("compressed", *originals) if originals else ("original", *others)
        flaw = f"{file} has no partner: no {missing} image is called {name}."
    return Source(name, name, (*originals, *others), flaw)


def require_same_size(source: Source, original: np.ndarray, compressed: np.ndarray) -> None:
    """Refuse images of different sizes.

    Raises:
        ImageError: Names both.
    """
    if original.shape != compressed.shape:
        (one, other), sizes = source.files, [f"{i.shape[1]} x {i.shape[0]}" for i in (original, compressed)]
        raise ImageError(f"{one} has {sizes[0]} pixels, but {other} has {sizes[1]}.")
