from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from biasgan.codecs.codec import CodecError
from biasgan.data.pairs.digests import SourceDigests
from biasgan.data.pairs.entry import asked_by
from biasgan.data.pairs.source import NOTHING, PairSets, PairSource
from biasgan.data.pairs.store import DamageError, PairStore, StoredEntry
from biasgan.io.checksums import sha256, sha256_of_file
from biasgan.io.download import alone
from biasgan.io.files import remove_abandoned
from biasgan.io.images import ImageError
from biasgan.io.listing import counted
from biasgan.system.console import say
from biasgan.system.threads import in_threads

COMPARING = "comparing hashes"


@dataclass(frozen=True)
class Source:
    """What one pair is made of.

    Attributes:
        name: In messages.
        place: As `Entry.place`.
        files: The original, and the compressed image where it is given.
        flaw: Why no pair can be made of them; empty if nothing speaks against it yet.
    """

    name: str
    place: str
    files: tuple[Path, ...]
    flaw: str = ""

    def __str__(self) -> str:
        return self.name


class Inspection(NamedTuple):
    """What a look at one pair found: a line for each bad file, and a hash of the original if it can be read."""

    problems: list[str]
    picture: str | None


class Made(NamedTuple):
    """The images of a pair, (H, W, 3) uint8, and its compressed file."""

    original: np.ndarray
    compressed: np.ndarray
    bitstream: bytes


class StoredPairs(PairSource):
    """Pairs that are made of files once and kept in a store.

    Before they are used every byte is compared with its hash, and damaged pairs are made again.

    Args:
        store: Folder in which pairs are kept for good; `~` is the home folder.
        workers: Processor cores that make and compare them.
        bad_images: What to do about files that are unreadable or too small to train with: `stop` names them all in an
            error, `skip` names them and goes on without.

    Attributes:
        title: What the pairs are, in a few words.
        folder: Where they are in the store.
        sources: What they are made of, to train with and to validate with.
        rule: How these were divided, in words; empty if they were not.
        left_out: What beside them was left out, in words.

    Raises:
        ValueError: If an option is out of its range.
    """

    title: str
    folder: Path
    sources: tuple[Sequence[Source], Sequence[Source]]
    rule: str
    left_out: Sequence[str]

    def __init__(self, store: str | Path, workers: int, bad_images: Literal["stop", "skip"]) -> None:
        if workers < 0:
            raise ValueError(f"workers must be at least 0; got {workers}.")
        if bad_images not in ("stop", "skip"):
            raise ValueError(f"bad_images must be stop or skip; got {bad_images}.")
        self.root = Path(store).expanduser().absolute()
        # One waits for the disk.
        self.threads = workers + 1
        self.bad_images = bad_images
        self.digests = SourceDigests(self.root / "sources")

    @abstractmethod
    def store(self, key: str) -> PairStore:
        """Where the pair of this key is kept."""

    @abstractmethod
    def encode(self, source: Source, contents: Sequence[bytes], key: str) -> Made:
        """Make a pair of the contents of its files.

        Raises:
            ImageError: If an image cannot be decoded.
            CodecError: If the codec cannot encode it.
        """

    @abstractmethod
    def inspect(self, source: Source) -> Inspection:
        """Look at a source and its pair, without changing anything.

        Raises:
            ImageError: If the source cannot be read.
        """

    def find(self, source: Source) -> StoredEntry | None:
        """The pair of a source by its files' sizes; None also if a file has moved or changed: it must be read first.

        Raises:
            ImageError: If the source is missing.
            DamageError: If the pair is damaged.
        """
        require_sound(source)
        known = [digest for file in source.files if (digest := self.digests.find(file))]
        if len(known) < len(source.files):
            return None
        key = key_of(known)
        return self.store(key).find(key, source.files[0].name)

    def make(self, source: Source) -> StoredEntry:
        """Read a source, and make its pair unless that is there, whole.

        Raises:
            ImageError: If the source cannot be read.
            CodecError: If the codec cannot encode it.
            OSError: If the disk is full.
        """
        require_sound(source)
        contents, digests = zip(*map(self.digests.read, source.files), strict=True)
        entry, problems = self.kept(source, digests)
        if entry and not problems:
            return entry
        key = key_of(digests)
        return self.store(key).put(key, source.files[0].name, digests[0], *self.encode(source, contents, key))

    def kept(self, source: Source, digests: Sequence[str]) -> tuple[StoredEntry | None, list[str]]:
        """The pair of a source if there is one, and a line for each bad file of it."""
        key = key_of(digests)
        try:
            entry = self.store(key).recorded(key, source.files[0].name)
        except DamageError as error:
            return None, [str(error)]
        return entry, entry.damage() if entry else []

    def open(self, least_side: int, tell: bool, measured: Mapping[str, int] = NOTHING) -> PairSets[StoredEntry]:
        """The pairs of both sets, made where they are missing or damaged."""
        train, valid = self.sources
        if tell and self.rule:
            say(divided(len(train), len(valid), self.rule, self.left_out), error=True)
        used = self.usable(
            {"train": train, "validate": valid}, [{f"patch_size={least_side}": least_side}, asked_by(measured)], tell
        )
        sets = PairSets(*used)
        if same := shared_pictures(sets):
            raise ImageError(
                f"The same picture is in training and in validation: {', '.join(same)}. Take it out of one of them."
            )
        return sets

    def open_valid(self, tell: bool) -> Sequence[StoredEntry]:
        """The pairs to validate with, made where they are missing or damaged; no others are."""
        if tell and self.left_out:
            say(f"Left out: {', '.join(self.left_out)}.", error=True)
        return self.usable({"validate": self.sources[1]}, [{}], tell)[0]

    def usable(
        self, sides: Mapping[str, Sequence[Source]], sizes: Sequence[Mapping[str, int]], tell: bool
    ) -> list[list[StoredEntry]]:
        """Entries of some sources, without bad ones where these are skipped.

        Args:
            sides: Purpose of images → what they are made of.
            sizes: For each side, as `Entry.misses` takes them.
            tell: As in `open`.

        Raises:
            ImageError: If there are bad ones that are not to be skipped, or a side is left empty.
        """
        if tell:
            remove_abandoned(self.root)
        entries, reasons = self.complete([*dict.fromkeys(chain(*sides.values()))], tell)
        # One may be too small for one of the sides alone.
        used: list[list[StoredEntry]] = []
        for side, least in zip(sides.values(), sizes, strict=True):
            misses = {source: entries[source].misses(least) for source in side if source in entries}
            used.append([entries[source] for source in side if misses.get(source) == ""])
            reasons |= {source: f"{source} has {missed}." for source, missed in misses.items() if missed}
        listed = "\n".join(sorted(reasons.values()))
        if reasons and self.bad_images == "stop":
            raise ImageError(
                f"{len(reasons)} of the images cannot be used; pairs.bad_images=skip goes on without them.\n{listed}"
            )
        if reasons and tell:
            say(f"{len(reasons)} of the images are skipped:\n{listed}", error=True)
        for purpose, side in zip(sides, used, strict=True):
            if not side:
                why = f" are left after {len(reasons)} bad ones:\n{listed}" if reasons else "."
                raise ImageError(f"No images to {purpose} with{why}")
        return used

    def complete(self, sources: Sequence[Source], tell: bool) -> tuple[dict[Source, StoredEntry], dict[Source, str]]:
        """Entries of all sources, made where they are missing or damaged, and the reasons against those without."""
        entries: dict[Source, StoredEntry] = {}
        reasons: dict[Source, str] = {}
        damaged: dict[Source, list[str]] = {}
        for source in sources:
            try:
                if entry := self.find(source):
                    entries[source] = entry
            except ImageError as error:
                reasons[source] = str(error)
            except DamageError as error:
                damaged[source] = [str(error)]
        if tell:
            look = in_threads(lambda source: entries[source].damage(), entries, self.threads, COMPARING, patience=2)
            damaged |= {source: lines for source, future in look if (lines := future.result())}
        if damaged and tell:
            lines = "\n".join(f"{source}: {line}" for source in sources for line in damaged.get(source, ()))
            say(f"{len(damaged)} of the pairs are damaged and made again:\n{lines}", error=True)
        missing = [s for s in sources if s in damaged or not (s in entries or s in reasons)]
        for source, future in self.made(missing, tell):
            try:
                entries[source] = future.result()
            except (ImageError, CodecError) as error:
                entries.pop(source, None)
                reasons[source] = f"{source}: {error}" if isinstance(error, CodecError) else str(error)
        return {source: replace(entry, place=source.place) for source, entry in entries.items()}, reasons

    def made(self, missing: Sequence[Source], tell: bool) -> Iterator[tuple[Source, Future[StoredEntry]]]:
        """Make the pairs of some sources."""
        if missing:
            self.root.mkdir(parents=True, exist_ok=True)
            # One after the other, since two processes at one set would compress each image twice; what the first has
            # made the second one only reads.
            with alone(self.root / f".{self.folder.relative_to(self.root).as_posix().replace('/', '-')}.lock"):
                yield from in_threads(self.make, missing, self.threads, self.title, tell)

    def check(self) -> list[str]:
        """Look for damage in the sources and in their pairs, without changing anything."""
        found: dict[Source, Inspection] = {}
        sources = [*dict.fromkeys(chain(*self.sources))]
        for source, future in in_threads(self.inspect, sources, self.threads, "checking", patience=2):
            try:
                found[source] = future.result()
            except ImageError as error:
                found[source] = Inspection([str(error)], None)
        sides = ([(str(source), found[source].picture) for source in side] for side in self.sources)
        lines = [line for source in sources for line in found[source].problems]
        return lines + [f"The same picture is in training and in validation: {both}." for both in shared(*sides)]


def key_of(digests: Sequence[str]) -> str:
    """Hash of all that a pair is made of."""
    return digests[0] if len(digests) == 1 else sha256(" ".join(digests).encode())


def require_sound(source: Source) -> None:
    """Refuse a source with a flaw.

    Raises:
        ImageError: Says what it is.
    """
    if source.flaw:
        raise ImageError(source.flaw)


def shared(train: Sequence[tuple[str, str | None]], valid: Sequence[tuple[str, str | None]]) -> list[str]:
    """Pictures that are on both sides.

    Args:
        train: Names of images, and what their pixels are known by.
        valid: The same.

    Returns:
        The two names of each as an equation.
    """
    known = {picture: name for name, picture in train if picture}
    return [f"{known[picture]} = {name}" for name, picture in valid if picture in known]


def shared_pictures(sets: PairSets[StoredEntry]) -> list[str]:
    """Pictures that are on both sides, the two names of each as an equation."""
    # Equal CRC-32 may be chance, and so few have it that their files can be read.
    suspects = {entry.original_crc32 for entry in sets.train} & {entry.original_crc32 for entry in sets.valid}
    return shared(
        *(
            [(entry.name, sha256_of_file(entry.original)) for entry in side if entry.original_crc32 in suspects]
            for side in sets
        )
    )


def divided(train: int, valid: int, rule: str, left_out: Sequence[str]) -> str:
    """How many images are on each side, and by what rule, for the person at the terminal."""
    beside = f" Left out: {', '.join(left_out)}." if left_out else ""
    return f"{counted(train, 'image')} to train with, {valid} for validation: {rule}.{beside}"
