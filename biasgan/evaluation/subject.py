"""What is evaluated: a network, images that were restored by whatever method, or the compressed images themselves."""

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from biasgan.data.pairs.entry import Entry
from biasgan.evaluation.kept import digest, read_kept, write_kept
from biasgan.io.checksums import sha256
from biasgan.io.files import readable
from biasgan.io.images import ImageError, read_image, to_tensor, to_uint8
from biasgan.io.listing import RESTORED, list_images, result_name
from biasgan.runs.environment import device_name


class Restored(NamedTuple):
    """A restored image."""

    pixels: np.ndarray
    """(H, W, 3) uint8."""
    seconds: float | None = None
    """That restoring took; None if that is not known."""
    device: str = ""
    """That it took them on."""


class Subject(ABC):
    """What is evaluated.

    Attributes:
        kind: `run`, `weights`, `restored` or `compressed`.
        name: For people.
        path: Where it is; empty if nowhere.
        sha256: Of its weights; None if it has none.
        network: What restores; None if that is not at hand.
        precision: In which it does.
    """

    kind: str
    name: str
    path: str = ""
    sha256: str | None = None
    network: nn.Module | None = None
    precision: str = ""

    @abstractmethod
    def start(self, images: Mapping[str, Entry], device: torch.device) -> None:
        """Get ready for images on a device.

        Args:
            images: By their names, which are all different.
            device: Where to restore.

        Raises:
            ImageError: If some of them cannot be had.
        """

    @abstractmethod
    def restored(self, name: str, compressed: np.ndarray) -> Restored:
        """One image restored, rounded to 8 bits.

        Args:
            name: Of the image.
            compressed: (H, W, 3) uint8.

        Raises:
            ImageError: If it cannot be had.
        """


class CompressedImages(Subject):
    """The compressed images themselves, not restored: what all others are compared with."""

    kind = name = "compressed"

    def start(self, images: Mapping[str, Entry], device: torch.device) -> None:
        """Nothing: they are there."""

    def restored(self, name: str, compressed: np.ndarray) -> Restored:
        """The compressed image."""
        return Restored(compressed)


class RestoredImages(Subject):
    """Images that were restored before, by whatever method.

    Args:
        folder: Has an image for each of the set, searched with its subfolders: in the same subfolder as in the set, or
            anywhere if there is no other of its name, with any extension; with `-restored` behind the name where it
            lies beside what it was made of, as `enhance` names it.
    """

    kind = "restored"

    def __init__(self, folder: Path) -> None:
        self.name, self.path = readable(folder.resolve().name), str(folder)
        self.by_place: dict[str, list[Path]] = {}
        self.by_name: dict[str, list[Path]] = {}
        self.chosen: dict[str, Path] = {}
        for file in list_images(folder):
            self.by_place.setdefault(file.relative_to(folder).with_suffix("").as_posix(), []).append(file)
            self.by_name.setdefault(readable(file.stem), []).append(file)

    def start(self, images: Mapping[str, Entry], device: torch.device) -> None:
        """Look for all images before the first is measured."""
        own = Counter(entry.name for entry in images.values())
        found = {name: self.files_of(name, entry, own) for name, entry in images.items()}
        missing = [name for name, files in found.items() if not files]
        if missing:
            raise ImageError(
                f"restored={self.path} lacks {len(missing)} of {len(images)} images: {', '.join(missing[:5])}"
                f"{' …' if len(missing) > 5 else ''}. Expected files of these names, with any extension."
            )
        for name, files in found.items():
            if len(files) > 1:
                raise ImageError(f"{' and '.join(map(str, files))} have the same name; expected one.")
            self.chosen[name] = files[0]

    def files_of(self, name: str, entry: Entry, own: Mapping[str, int]) -> list[Path]:
        """What the image of an entry may be; none, or several if that is not to be told.

        Args:
            name: Of the image, no other's.
            entry: Of the set.
            own: How often there is each name in the set.
        """
        for known, key in (
            (self.by_place, entry.place),
            (self.by_name, name),
            (self.by_name, entry.name if own[entry.name] == 1 else name),
        ):
            # Where an input and its result lie side by side, the result; unless the set has an image of such a name.
            result = result_name(key, RESTORED)
            files = (known.get(result) if Path(result).name not in own else None) or known.get(key)
            if key and files:
                return files
        return []

    def restored(self, name: str, compressed: np.ndarray) -> Restored:
        """The image of that name."""
        file = self.chosen[name]
        pixels = read_image(file)
        if pixels.shape != compressed.shape:
            sizes = [f"{image.shape[1]} x {image.shape[0]}" for image in (pixels, compressed)]
            raise ImageError(f"{file} has {sizes[0]} pixels, but the compressed image {name} has {sizes[1]}.")
        return Restored(pixels)


class Restorer(Protocol):
    """Restores images on some device."""

    precision: str

    def restore(self, image: Tensor) -> Tensor:
        """Restore an image on the CPU, (3, H, W) in [0, 1] → the same."""
        ...


class Network(Subject):
    """A network, whose restored images are kept as PNG so that none is restored twice.

    Args:
        kind: `run` or `weights`.
        name: For people.
        path: Of the run or its weights.
        digest: SHA-256 of the weights.
        network: Restores.
        make: Makes of the network what restores on a device.
        folder: Where restored images are kept.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        path: str,
        digest: str,
        network: nn.Module,
        make: Callable[[nn.Module, torch.device], Restorer],
        folder: Path,
    ) -> None:
        self.kind, self.name, self.path, self.sha256, self.network = kind, name, path, digest, network
        self.make = make
        self.folder = folder
        self.restorer: Restorer | None = None
        self.device = ""

    def start(self, images: Mapping[str, Entry], device: torch.device) -> None:
        """Put the network on the device."""
        assert self.network is not None
        self.restorer = self.make(self.network, device)
        self.precision = self.restorer.precision
        self.device = device_name(device)
        self.folder.mkdir(parents=True, exist_ok=True)

    def restored(self, name: str, compressed: np.ndarray) -> Restored:
        """The image as it was restored before, or is now."""
        assert self.restorer is not None
        file = self.folder / f"{name}.png"
        made_of = sha256(f"{self.sha256} {self.precision} {digest(compressed)}".encode())
        kept = read_kept(file, made_of)
        if kept:
            return Restored(kept[0], kept[1].seconds, kept[1].device)
        begun = time.perf_counter()
        image = self.restorer.restore(to_tensor(compressed))
        seconds = time.perf_counter() - begun
        pixels = to_uint8(image)
        write_kept(file, pixels, made_of, seconds, self.device)
        return Restored(pixels, seconds, self.device)
