from abc import abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from rich.console import Console

from biasgan.codecs.codec import CodecError
from biasgan.data.pairs.digests import SourceDigests
from biasgan.data.pairs.entry import asked_by
from biasgan.data.pairs.source import NOTHING, PairSets, PairSource
from biasgan.data.pairs.store import DamageError, StoredEntry
from biasgan.io.checksums import sha256_of_file
from biasgan.io.download import alone
from biasgan.io.files import remove_abandoned
from biasgan.io.images import ImageError
from biasgan.io.listing import counted
from biasgan.system.threads import in_threads

Source = TypeVar("Source", bound=Hashable)


class Sources(NamedTuple, Generic[Source]):
    """What pairs are made of, to train with and to validate with."""

    train: Sequence[Source]
    valid: Sequence[Source]


class Inspection(NamedTuple):
    """What a look at one pair found.

    Attributes:
        problems: A line for each bad file.
        picture: Hash of the original's pixels; None if they cannot be read.
    """

    problems: list[str]
    picture: str | None


class StoredPairs(PairSource, Generic[Source]):
    """Pairs that are made of files once and kept in a store.

    Before they are used every byte is compared with its hash, and damaged pairs are made again.

    Args:
        store: Folder in which pairs are kept for good; `~` is the home folder.
        workers: Processor cores that make and compare them.
        bad_images: What to do about files that are unreadable or too small to train with: `stop` names them all in an
            error, `skip` names them and goes on without.

    Raises:
        ValueError: If an option is out of its range.
    """

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

    @property
    @abstractmethod
    def title(self) -> str:
        """What the pairs are, in a few words."""

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Where the pairs are in the store."""

    @abstractmethod
    def sources(self) -> Sources[Source]:
        """What the pairs are made of."""

    @property
    @abstractmethod
    def division(self) -> tuple[str, Sequence[str]]:
        """How sources were divided, and what beside them was left out, in words."""

    @abstractmethod
    def place(self, source: Source) -> str:
        """As `Entry.place`."""

    @abstractmethod
    def find(self, source: Source) -> StoredEntry | None:
        """The pair of a source if it was made, by a look at the files' sizes alone.

        Raises:
            ImageError: If the source is missing.
            DamageError: If the pair is damaged.
        """

    @abstractmethod
    def make(self, source: Source) -> StoredEntry:
        """Read a source, and make its pair unless that is there, whole.

        Raises:
            ImageError: If the source cannot be read.
            CodecError: If the codec cannot encode it.
            OSError: If the disk is full.
        """

    @abstractmethod
    def inspect(self, source: Source) -> Inspection:
        """Look at a source and its pair, without changing anything.

        Raises:
            ImageError: If the source cannot be read.
        """

    def open(self, least_side: int, tell: bool, measured: Mapping[str, int] = NOTHING) -> PairSets[StoredEntry]:
        """The pairs of both sets, made where they are missing or damaged."""
        if tell:
            remove_abandoned(self.root)
        train, valid = self.sources()
        rule, left_out = self.division
        if tell and rule:
            announce(divided(len(train), len(valid), rule, left_out))
        entries, reasons = self.complete([*dict.fromkeys([*train, *valid])], tell)
        # One may be too small for one of the two alone.
        used: list[list[StoredEntry]] = []
        for side, sizes in ((train, {f"patch_size={least_side}": least_side}), (valid, asked_by(measured))):
            misses = {source: entries[source].misses(sizes) for source in side if source in entries}
            used.append([entries[source] for source, missed in misses.items() if not missed])
            reasons |= {source: f"{source} has {missed}." for source, missed in misses.items() if missed}
        self.judge(reasons, tell)
        sets = PairSets(*used)
        for side, purpose in zip(sets, ("train", "validate"), strict=True):
            require(side, purpose, reasons)
        if same := shared_pictures(sets):
            raise ImageError(
                f"The same picture is in training and in validation: {', '.join(same)}. Take it out of one of them."
            )
        return sets

    def open_valid(self, tell: bool) -> Sequence[StoredEntry]:
        """The pairs to validate with, made where they are missing or damaged; no others are."""
        if tell:
            remove_abandoned(self.root)
        sources = self.sources().valid
        _, left_out = self.division
        if tell and left_out:
            announce(f"Left out: {', '.join(left_out)}.")
        entries, reasons = self.complete([*dict.fromkeys(sources)], tell)
        self.judge(reasons, tell)
        valid = [entries[source] for source in sources if source in entries]
        require(valid, "validate", reasons)
        return valid

    def judge(self, reasons: Mapping[Source, str], tell: bool) -> None:
        """Stop at images that cannot be used, or name those that are skipped.

        Raises:
            ImageError: If there are any and they are not to be skipped.
        """
        if reasons and self.bad_images == "stop":
            raise ImageError(
                f"{len(reasons)} of the images cannot be used; pairs.bad_images=skip goes on without them.\n"
                + listed(reasons)
            )
        if reasons and tell:
            announce(f"{len(reasons)} of the images are skipped:\n{listed(reasons)}")

    def complete(self, sources: Sequence[Source], tell: bool) -> tuple[dict[Source, StoredEntry], dict[Source, str]]:
        """Entries of all sources, and the reasons against those that have none."""
        entries: dict[Source, StoredEntry] = {}
        reasons: dict[Source, str] = {}
        damaged: dict[Source, list[str]] = {}
        for source in sources:
            try:
                entry = self.find(source)
            except ImageError as error:
                reasons[source] = str(error)
            except DamageError as error:
                damaged[source] = [str(error)]
            else:
                if entry:
                    entries[source] = entry
        if tell:

            def damage(source: Source) -> list[str]:
                return entries[source].damage()

            for source, future in in_threads(damage, entries, self.threads, "comparing hashes", patience=2):
                if lines := future.result():
                    damaged[source] = lines
        if damaged and tell:
            lines = "\n".join(f"{source}: {line}" for source in sources for line in damaged.get(source, ()))
            announce(f"{len(damaged)} of the pairs are damaged and made again:\n{lines}")
        missing = [s for s in sources if s in damaged or not (s in entries or s in reasons)]
        if missing:
            self.make_all(missing, entries, reasons, tell)
        return {source: replace(entry, place=self.place(source)) for source, entry in entries.items()}, reasons

    def make_all(
        self,
        missing: Sequence[Source],
        entries: dict[Source, StoredEntry],
        reasons: dict[Source, str],
        tell: bool,
    ) -> None:
        """Make the pairs of some sources, and note those that were made or the reasons against them."""
        self.root.mkdir(parents=True, exist_ok=True)
        # One after the other, since two processes at one set would compress each image twice; what the first has made
        # the second one only reads.
        with alone(self.root / f".{self.folder.relative_to(self.root).as_posix().replace('/', '-')}.lock"):
            for source, future in in_threads(self.make, missing, self.threads, self.title, tell):
                try:
                    entries[source] = future.result()
                except (ImageError, CodecError) as error:
                    entries.pop(source, None)
                    reasons[source] = f"{source}: {error}" if isinstance(error, CodecError) else str(error)

    def check(self) -> list[str]:
        """Look for damage in the sources and in their pairs, without changing anything."""
        train, valid = self.sources()
        found: dict[Source, Inspection] = {}
        sources = [*dict.fromkeys([*train, *valid])]
        for source, future in in_threads(self.inspect, sources, self.threads, "checking", patience=2):
            try:
                found[source] = future.result()
            except ImageError as error:
                found[source] = Inspection([str(error)], None)
        sides = ([(str(source), found[source].picture) for source in side] for side in (train, valid))
        lines = [line for source in sources for line in found[source].problems]
        return lines + [f"The same picture is in training and in validation: {both}." for both in shared(*sides)]


def require(side: Sequence[StoredEntry], purpose: str, reasons: Mapping[Any, str]) -> None:
    """Refuse an empty set.

    Raises:
        ImageError: If it is empty; says why.
    """
    if not side:
        why = f" are left after {len(reasons)} bad ones:\n{listed(reasons)}" if reasons else "."
        raise ImageError(f"No images to {purpose} with{why}")


def listed(reasons: Mapping[Any, str]) -> str:
    """A line for each reason."""
    return "\n".join(sorted(reasons.values()))


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


def announce(text: str) -> None:
    """Print a line, or several, for the person at the terminal."""
    Console(stderr=True, markup=False, highlight=False, soft_wrap=True).print(text)
