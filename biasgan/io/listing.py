"""Which files of a folder are images, and what else is in it."""

import os
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from biasgan.io.files import fitting
from biasgan.io.images import NO_RASTER, ImageError

JPEG_TOO = ".mpo"
"""Pillow opens it as JPEG, which does not list it."""
BPG = ".bpg"
"""Pillow does not read it; `biasgan.enhance` does."""
RESTORED, COMPARE = "restored", "compare"
"""What names of results end with where they lie beside their inputs."""


@cache
def extensions() -> tuple[str, ...]:
    """Of all files that Pillow reads here, in small letters, sorted."""
    # Imports its readers, which takes a tenth of a second.
    known = Image.registered_extensions()
    own = {extension for extension, name in known.items() if name in Image.OPEN and name not in NO_RASTER}
    return tuple(sorted(own | {JPEG_TOO}))


class Listing(NamedTuple):
    """What is in a folder and its subfolders, but for what is hidden."""

    files: list[Path]
    """Images, known by their extensions, sorted."""
    others: list[Path]
    """Files of other kinds, and links that lead nowhere."""
    again: list[Path]
    """Links to folders that are in the listing already."""
    closed: list[str]
    """Why subfolders could not be looked into, if any could not."""

    @property
    def left_out(self) -> list[str]:
        """What is not among the images, in words."""
        words: list[str] = []
        if self.others:
            kinds = Counter(file.suffix.lower() or "without extension" for file in self.others)
            most = ", ".join(kind for kind, _ in kinds.most_common(3)) + (" …" if len(kinds) > 3 else "")
            words.append(f"{counted(len(self.others), 'other file')} ({most})")
        if self.again:
            words.append(f"{counted(len(self.again), 'link')} to folders that are taken already")
        return words


def listing(folder: Path, kinds: Sequence[str] | None = None) -> Listing:
    """Look through a folder; links to folders are followed, and no folder is met twice.

    Args:
        folder: With its subfolders; what is hidden is left out.
        kinds: Extensions of images; None for all that Pillow reads.

    Raises:
        FileNotFoundError: If there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder; expected one with images in it.")
    kinds = extensions() if kinds is None else kinds
    found = Listing([], [], [], [])
    met: set[tuple[int, int]] = set()
    # Links last, so that a folder is known by its own name where it has one in here.
    folders, links = [folder], list[Path]()
    while folders or links:
        place = folders.pop() if folders else links.pop(0)
        try:
            status = place.stat()
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError as error:
            found.closed.append(f"{place} cannot be looked into: {error.strerror}.")
            continue
        if (status.st_dev, status.st_ino) in met:
            found.again.append(place)
            continue
        met.add((status.st_dev, status.st_ino))
        for entry in entries:
            path = place / entry.name
            if entry.name.startswith("."):
                continue
            is_link = entry.is_symlink()
            if path.is_dir() if is_link else entry.is_dir():
                (links if is_link else folders).append(path)
            else:
                is_file = path.is_file() if is_link else entry.is_file()
                (found.files if is_file and path.suffix.lower() in kinds else found.others).append(path)
    found.files.sort()
    return found


def list_images(folder: Path) -> list[Path]:
    """Image files in a folder and its subfolders, known by their extensions, sorted; see `listing`.

    Raises:
        FileNotFoundError: If there is no such folder.
        ImageError: If there is no image in it, or a subfolder cannot be looked into.
    """
    return images_of(folder, listing(folder))


def images_of(folder: Path, found: Listing) -> list[Path]:
    """The images of a listing.

    Raises:
        ImageError: If there are none, or a subfolder could not be looked into.
    """
    if found.closed:
        raise ImageError("\n".join(found.closed))
    if not found.files:
        beside = f"; {' and '.join(found.left_out)} left out" if found.left_out else ""
        raise ImageError(
            f"{folder} has no images in it or in its subfolders; expected .png, .jpg, .tif or others that Pillow "
            f"reads{beside}."
        )
    return found.files


def without_results(files: Sequence[Path]) -> list[Path]:
    """Leave out what `biasgan.enhance` made of another of the files, and wrote beside it."""
    made = {
        file.with_name(result_name(name, word))
        for file in files
        for name in (file.stem, with_extension(file).name)
        for word in (RESTORED, COMPARE)
    }
    return [file for file in files if file.with_suffix("") not in made]


def result_name(name: str, word: str) -> str:
    """The name of a result beside its input, without extension.

    Args:
        name: Of the input, without extension.
        word: `RESTORED` or `COMPARE`.
    """
    return fitting(name, f"-{word}")


def distinct(places: Sequence[Path]) -> list[Path]:
    """A name for each of some files, without extension: no two are equal, even where case does not count.

    Args:
        places: Below a folder. Those that differ in the extension alone keep it in their names.
    """
    met = Counter(str(place.with_suffix("")).lower() for place in places)
    names: list[Path] = []
    taken: Counter[str] = Counter()
    for place in places:
        name = place.with_suffix("")
        if met[str(name).lower()] > 1:
            name = with_extension(place)
        taken[str(name).lower()] += 1
        times = taken[str(name).lower()]
        names.append(name if times == 1 else name.with_name(f"{name.name}-{times}"))
    return names


def with_extension(path: Path) -> Path:
    """NAME.jpg → NAME-jpg."""
    return path.with_name(path.stem + path.suffix.replace(".", "-"))


def counted(number: int, thing: str) -> str:
    """A number with what is counted, in words."""
    return f"{number} {thing}{'s' if number != 1 else ''}"
