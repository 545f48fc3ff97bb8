from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from biasgan.data.order import ImageOrder
from biasgan.data.pairs.entry import Entry

NOTHING: Mapping[str, int] = {}
AnyEntry = TypeVar("AnyEntry", bound=Entry, covariant=True)


class PairSets(NamedTuple, Generic[AnyEntry]):
    """Pairs to train with and to validate with."""

    train: Sequence[AnyEntry]
    valid: Sequence[AnyEntry]


class PairSource(ABC):
    """Where pairs of compressed and original images come from."""

    @property
    @abstractmethod
    def identity(self) -> dict[str, str | int]:
        """What compressed the images: codec, library, versions and parameters, as far as they are known."""

    @abstractmethod
    def open(self, least_side: int, tell: bool, measured: Mapping[str, int] = NOTHING) -> PairSets[Entry]:
        """The pairs of both sets, neither of them empty, and no picture in both.

        Args:
            least_side: Images to train with have no shorter side, in pixels.
            measured: Name of a metric → side in pixels: images to validate with have none that is shorter.
            tell: True in the one process of a machine that prepares: it makes what is missing, looks for damage, shows
                progress and names what it skips. All other processes open what that one has left.

        Raises:
            ImageError: If images are bad, too few are left, or one is in both sets.
            OSError: If the disk is full.
        """

    def open_valid(self, tell: bool) -> Sequence[Entry]:
        """The pairs to validate with, not empty; those to train with need not be made.

        Args:
            tell: As in `open`.

        Raises:
            ImageError: If images are bad, or none are left.
            OSError: If the disk is full.
        """
        return self.open(1, tell).valid

    @abstractmethod
    def check(self) -> list[str]:
        """Look for damage without changing anything.

        Returns:
            A line for each bad file, with its name and the reason; none if all is well.
        """

    def order(self, entries: Sequence[Entry], seed: int) -> ImageOrder:
        """In which order a training shows pairs of this source: by default all are at hand."""
        return ImageOrder([len(entries)], 1, seed)
