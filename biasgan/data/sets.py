from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from biasgan.images import ImageError, list_images

TRAIN = ("astronaut.png", "ihc.png", "motorcycle_left.png", "motorcycle_right.png", "rocket.jpg")
VALID = ("chelsea.png", "coffee.png")


class ImageSet(NamedTuple):
    """Image files to train with and to validate with."""

    train: list[Path]
    valid: list[Path]


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
    return ImageSet([folder / name for name in TRAIN], [folder / name for name in VALID])


def folder(root: str | Path, valid_every: int = 10) -> ImageSet:
    """Any folder of images, searched with its subfolders.

    Args:
        root: With `train` and `valid` in it, these are the two sides.
        valid_every: Otherwise every such image by name, and at least one, is for validation; at least 2.

    Raises:
        FileNotFoundError: If there is no such folder, or only one of `train` and `valid`.
        ImageError: If it, or one of the two, has no images, or a single image would have to be on both sides.
        ValueError: If `valid_every` leaves nothing to train with.
    """
    root = Path(root).expanduser()
    if (root / "train").is_dir() or (root / "valid").is_dir():
        return ImageSet(list_images(root / "train"), list_images(root / "valid"))
    if valid_every < 2:
        raise ValueError(
            f"data.valid_every must be at least 2, so that images to train with are left; got {valid_every}."
        )
    files = list_images(root)
    if len(files) == 1:
        raise ImageError(f"{root} has only one image, {files[0].name}; expected at least one more for validation.")
    valid = files[valid_every - 1 :: valid_every] or files[-1:]
    held_out = set(valid)
    return ImageSet([file for file in files if file not in held_out], valid)
