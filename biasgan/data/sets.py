import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from shlex import quote

from biasgan.data.division import ImageSet, by_folders, without_degraded
from biasgan.io.archive import Archive, fetch
from biasgan.io.images import ImageError
from biasgan.io.listing import BPG, counted, distinct, images_of, listing, without_results

TRAIN = ("astronaut.png", "ihc.png", "motorcycle_left.png", "motorcycle_right.png", "rocket.jpg")
VALID = ("chelsea.png", "coffee.png")
FLICKR2K_VALID = 662
"""Of Flickr2K for validation, the last of them, in PowerQE, the toolbox for this task."""


def sample() -> ImageSet:
    """Colour photographs that are installed with scikit-image: five to train with, two for validation.

    All are lossless but the rocket. The two motorcycles are a stereo pair and therefore on the same side.

    Raises:
        FileNotFoundError: If scikit-image is not installed or came without them.
    """
    spec = find_spec("skimage")
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        raise FileNotFoundError("The sample images come with scikit-image: pip install scikit-image, or data=folder.")
    folder = Path(folders[0]) / "data"
    missing = [name for name in TRAIN + VALID if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(f"{folder} lacks {', '.join(missing)}; install scikit-image anew, or set data=folder.")
    return ImageSet([folder / name for name in TRAIN], [folder / name for name in VALID], "photographs of scikit-image")


def folder(root: str | Path, valid_every: int = 10) -> ImageSet:
    """Any folder of images, searched with its subfolders.

    Subfolders whose names say so are the two sides, wherever they are: `train` and `valid`, `DIV2K_train_HR` and
    `DIV2K_valid_HR`, `images/training` and `images/val`; `test` serves for validation where there is nothing else, and
    is left out otherwise. A folder of all images of DIV2K, of Flickr2K or of both, or nearly all, is divided as these
    are. Copies of lower quality, such as those in `DIV2K_train_LR_bicubic`, and results of `enhance` beside their
    inputs, are left out.

    Args:
        root: The folder.
        valid_every: Where no name says a side, every such image by name, and at least one, is for validation; at
            least 2.

    Raises:
        FileNotFoundError: If there is no such folder.
        ImageError: If it has no images, only one of the two sides is there, one is within the other, names may mean
            sides or not, or a single image would have to be on both sides.
        ValueError: If `valid_every` leaves nothing to train with.
    """
    root = Path(root).expanduser()
    if valid_every < 2:
        raise ValueError(
            f"data.valid_every must be at least 2, so that images to train with are left; got {valid_every}."
        )
    found, left_out, names = look_through(root)
    files = without_degraded(root, found)
    if fewer := len(found) - len(files):
        left_out.append(f"{counted(fewer, 'image')} of lower quality, by the names of their folders")
    images = by_folders(root, files) or published(files) or every_so_many(root, files, valid_every)
    return images._replace(left_out=[*images.left_out, *left_out], places=names)


def published(files: Sequence[Path]) -> ImageSet | None:
    """Divide the images of DIV2K, of Flickr2K or of both, other images beside them or not, as their sets are."""
    rules: list[str] = []
    held_out: set[str] = set()
    known: set[str] = set()
    for train, valid, rule in (
        (stems(DIV2K_TRAIN.names), stems(DIV2K_VALID.names), "as DIV2K is divided"),
        (
            stems(FLICKR2K.names[:-FLICKR2K_VALID]),
            stems(FLICKR2K.names[-FLICKR2K_VALID:]),
            "as PowerQE divides Flickr2K",
        ),
    ):
        digits = len(min(valid))
        there = {file.stem for file in files if re.fullmatch(rf"\d{{{digits}}}", file.stem)}
        if are_most(there, train) and are_most(there, valid) and are_most(train | valid, there):
            rules.append(rule)
            held_out |= valid
            known |= train | valid
    if not rules:
        return None
    if others := sum(file.stem not in known for file in files):
        rules.append(f"with {counted(others, 'other image')} to train with")
    valid = [file for file in files if file.stem in held_out]
    return ImageSet([file for file in files if file.stem not in held_out], valid, ", ".join(rules))


def stems(names: Sequence[str]) -> set[str]:
    """Names without extension."""
    return {Path(name).stem for name in names}


def are_most(some: Set[str], of: Set[str]) -> bool:
    """Whether at least nine of ten are among some: folders of published images often lack a few."""
    return 10 * len(some & of) >= 9 * len(of)


def every_so_many(root: Path, files: Sequence[Path], valid_every: int) -> ImageSet:
    """Hold every so many images out, and at least the last.

    Raises:
        ImageError: If there is only one.
    """
    if len(files) == 1:
        raise ImageError(f"{root} has only one image, {files[0].name}; expected at least one more for validation.")
    valid = list(files[valid_every - 1 :: valid_every]) or list(files[-1:])
    held_out = set(valid)
    rule = f"of every {valid_every} images in {root} the last by name is for validation"
    if len(files) < valid_every:
        rule = f"the last image in {root} by name is for validation"
    return ImageSet([file for file in files if file not in held_out], valid, rule)


def images(root: str | Path) -> ImageSet:
    """All images of a folder and its subfolders to validate with, none to train with: a test set such as Kodak.

    Raises:
        FileNotFoundError: If there is no such folder.
        ImageError: If it has no images.
    """
    root = Path(root).expanduser()
    files, left_out, names = look_through(root)
    return ImageSet([], files, "", left_out, names)


def look_through(root: Path) -> tuple[list[Path], list[str], dict[Path, str]]:
    """The images of a folder and its subfolders, in words what else is in it, and see `places`.

    Raises:
        FileNotFoundError: If there is no such folder.
        ImageError: If it has no images.
    """
    found = listing(root)
    files = images_of(root, found)
    # Not read here, but `enhance` restores them, so that they have a say in the names of results.
    bpgs = {file for file in found.others if file.suffix.lower() == BPG and file.is_file()}
    inputs = without_results(sorted([*files, *bpgs]))
    originals = images_of(root, found._replace(files=[file for file in inputs if file not in bpgs]))
    left_out = list(found.left_out)
    if results := len(files) - len(originals):
        left_out.append(f"{counted(results, 'result')} of enhance beside their inputs")
    return originals, left_out, places(root, inputs)


def places(root: Path, files: Sequence[Path]) -> dict[Path, str]:
    """Names of files in a folder, without extension, under which `enhance` writes results of all of them."""
    names = distinct([file.relative_to(root) for file in files])
    return {file: name.as_posix() for file, name in zip(files, names, strict=True)}


def div2k(root: str | Path, download: bool = False) -> ImageSet:
    """DIV2K: 800 photographs of 2K resolution to train with, 100 others for validation.

    Agustsson and Timofte, NTIRE 2017 Challenge on Single Image Super-Resolution: Dataset and Study, CVPRW 2017.

    Args:
        root: Searched for `DIV2K_train_HR` and `DIV2K_valid_HR`, directly, in `DIV2K` or nested in themselves, for
            `train` and `valid`, and for the images themselves.
        download: Whether to fetch what is missing, 4.0 GB, into `root`.

    Raises:
        FileNotFoundError: If it is missing and not to be fetched.
        ImageError: If some of the images are missing.
        DownloadError: If it cannot be fetched.
        ArchiveError: If it cannot be unpacked.
    """
    root = Path(root).expanduser()
    return ImageSet(DIV2K_TRAIN.find(root, download), DIV2K_VALID.find(root, download), "as DIV2K is divided")


def flickr2k(root: str | Path, download: bool = False, valid: int = FLICKR2K_VALID) -> ImageSet:
    """Flickr2K: 2650 photographs of 2K resolution.

    Lim et al., Enhanced Deep Residual Networks for Single Image Super-Resolution, CVPRW 2017. Its authors have not
    divided it.

    Args:
        root: Searched for `Flickr2K_HR`, directly, in `Flickr2K` or nested in itself, and for the images themselves.
        download: Whether to fetch it, if it is missing, into `root`: about 20 GB, since the archive has small versions
            of the images too.
        valid: This many of the last images are for validation. By default 1989 to 2650, the division of PowerQE, the
            toolbox for this task.

    Raises:
        ValueError: If `valid` leaves nothing on one of the sides.
        FileNotFoundError: If it is missing and not to be fetched.
        ImageError: If some of the images are missing.
        DownloadError: If it cannot be fetched.
        ArchiveError: If it cannot be unpacked.
    """
    count = len(FLICKR2K.names)
    if not 0 < valid < count:
        raise ValueError(f"data.valid must be from 1 to {count - 1}, of {count} images; got {valid}.")
    files = FLICKR2K.find(Path(root).expanduser(), download)
    return ImageSet(files[:-valid], files[-valid:], f"the last {valid} of Flickr2K are for validation")


@dataclass(frozen=True)
class NumberedImages:
    """A published folder of images that are named by consecutive numbers.

    Attributes:
        collection: What it is a part of.
        folder: Name of the folder.
        other_folder: What some people call it.
        names: Of the files.
        archive: Where it is published.
    """

    collection: str
    folder: str
    other_folder: str
    names: tuple[str, ...]
    archive: Archive

    def find(self, root: Path, download: bool) -> list[Path]:
        """The files, all of them, from the folder under `root` that has most, fetched if there is none.

        Raises:
            FileNotFoundError: If there is none and it is not to be fetched.
            ImageError: If there are only some.
        """
        target = root / self.folder
        folders = [
            root / above / below
            for above in (self.collection, "")
            for below in (f"{self.folder}/{self.folder}", self.folder, self.other_folder, "")
        ]
        files = max(map(self.held_in, folders), key=len)
        if len(files) < len(self.names) and download:
            fetch(self.archive, target)
            files = self.held_in(target)
        command = f"biasgan prepare data={self.collection.lower()} {quote(f'data.root={root}')}"
        if not files:
            below = ", ".join(str(folder.relative_to(root)) for folder in folders if folder != root)
            raise FileNotFoundError(
                f"{self.folder}, {self.names[0]} to {self.names[-1]}, is not in {root}, nor below in {below}. Fetch it "
                f"with\n{command}\nor set data.root to where it is."
            )
        if len(files) < len(self.names):
            missing = sorted(set(self.names) - {file.name for file in files})
            listed = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
            raise ImageError(
                f"{files[0].parent} has only {len(files)} of the {len(self.names)} images of {self.folder}; {listed} "
                f"not found. Add them, or fetch all anew: take {target} away if it is there, and run\n{command}"
            )
        return files

    def held_in(self, folder: Path) -> list[Path]:
        """Those of the files that are in a folder."""
        there = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set[str]()
        return [folder / name for name in self.names if name in there]


DIV2K_TRAIN = NumberedImages(
    collection="DIV2K",
    folder="DIV2K_train_HR",
    other_folder="train",
    names=tuple(f"{number:04}.png" for number in range(1, 801)),
    archive=Archive(
        "https://data.vision.ee.ethz.ch/cvl/DIV2K/DIV2K_train_HR.zip",
        inside="DIV2K_train_HR",
        checksum="sha256:9d0b9c463f6e35b6c62cc6a930ee2224f670b34c1df841a57670f9acf0f6c335",
        size=3_530_603_713,
    ),
)
DIV2K_VALID = NumberedImages(
    collection="DIV2K",
    folder="DIV2K_valid_HR",
    other_folder="valid",
    names=tuple(f"{number:04}.png" for number in range(801, 901)),
    archive=Archive(
        "https://data.vision.ee.ethz.ch/cvl/DIV2K/DIV2K_valid_HR.zip",
        inside="DIV2K_valid_HR",
        checksum="sha256:20dd31fd84d777bc1cf5d6b7654a3f569c0aec74458ae094122ad1d0489900fc",
        size=448_993_893,
    ),
)
FLICKR2K = NumberedImages(
    collection="Flickr2K",
    folder="Flickr2K_HR",
    other_folder="HR",
    names=tuple(f"{number:06}.png" for number in range(1, 2651)),
    archive=Archive(
        "https://cv.snu.ac.kr/research/EDSR/Flickr2K.tar",
        inside="Flickr2K/Flickr2K_HR",
        # Nobody has published a SHA-256 of it.
        checksum="md5:5d3f39443d5e9489bff8963f8f26cb03",
    ),
)
