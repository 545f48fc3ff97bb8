"""How the images of any folder are divided into those to train with and those for validation."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from biasgan.images import ImageError
from biasgan.listing import counted

TRAIN, VALID, TEST = "train", "valid", "test"
SIDES = {
    **dict.fromkeys(("train", "training", "trn", "tr"), TRAIN),
    **dict.fromkeys(("valid", "validation", "validate", "val", "dev", "holdout"), VALID),
    **dict.fromkeys(("test", "testing", "tst", "ts", "eval", "evaluation"), TEST),
}
"""Words of folders' names → what is in them."""
DEGRADED = frozenset(
    ("lr", "lq", "lowres", "bicubic", "blur", "blurred", "noisy", "compressed", "degraded", "restored", "mild", "wild")
)
"""Words of folders with copies of lower quality."""
PLAIN = frozenset(
    (
        *("hr", "hq", "gt", "sharp", "clean", "original", "originals", "image", "images", "img", "imgs", "picture"),
        *("pictures", "photo", "photos", "png", "jpg", "data", "dataset", "set", "split", "full", "part"),
        *("div", "k", "flickr"),
    )
)
"""Words beside which those of a side can mean nothing else."""


class Division(NamedTuple):
    """Images by side, and how they were told apart."""

    train: list[Path]
    valid: list[Path]
    rule: str
    """By what, in words."""
    left_out: list[str]
    """What is on neither side, in words."""


class Name(NamedTuple):
    """What the name of a folder says.

    Attributes:
        side: `train`, `valid` or `test`; None if it says none, or several.
        form: Its words, without that of the side: folders that belong together have the same.
    """

    side: str | None
    form: tuple[str, ...]

    @classmethod
    def of(cls, name: str) -> "Name":
        """Read a name such as `train`, `Validation-set`, `trainHR`, `DIV2K_valid_HR` or `val2017`."""
        words = words_of(name)
        said = {SIDES[word] for word in words if word in SIDES}
        side = said.pop() if len(said) == 1 else None
        return cls(side, tuple("" if word in SIDES else word for word in words))

    @property
    def is_plain(self) -> bool:
        """Whether the word for the side can mean nothing else, unlike in `train to Zermatt`."""
        return all(word in PLAIN or word.isdigit() for word in self.form if word)


def by_folders(root: Path, files: Sequence[Path]) -> Division | None:
    """Divide images as the names of their folders say.

    Args:
        root: Folder of all.
        files: Images in it.

    Returns:
        None if no folder says a side.

    Raises:
        ImageError: If only one side is there, or a folder of one side is in one of the other.
    """
    names = {name: Name.of(name) for file in files for name in file.relative_to(root).parts[:-1]}
    sided = counting(names)
    sides: dict[str, list[Path]] = {TRAIN: [], VALID: [], TEST: [], "": []}
    places: dict[str, dict[str, None]] = {TRAIN: {}, VALID: {}, TEST: {}}
    for file in files:
        parts = file.relative_to(root).parts[:-1]
        said = [(sided[name], depth) for depth, name in enumerate(parts) if name in sided]
        if len({side for side, _ in said}) > 1:
            raise ImageError(
                f"{file} is in folders of several sides ({', '.join(n for n in parts if n in sided)}). Move one out of "
                "the other, so that no image to validate with is trained on."
            )
        side, depth = said[0] if said else ("", 0)
        sides[side].append(file)
        if side:
            places[side][str(root.joinpath(*parts[: depth + 1]))] = None
    if not sided:
        return None
    held_out = VALID if sides[VALID] else TEST
    check_both(root, sides, places, held_out)
    left_out = {
        "to test with": sides[TEST] if held_out == VALID else [],
        "in folders of neither side": sides[""],
    }
    return Division(
        sides[TRAIN],
        sides[held_out],
        f"by folders: {shown(places[TRAIN])} to train with, {shown(places[held_out])} for validation",
        [f"{counted(len(some), 'image')} {what}" for what, some in left_out.items() if some],
    )


def counting(names: Mapping[str, Name]) -> dict[str, str]:
    """Of some folders those whose names say a side → which; a name like `train to Zermatt` only beside its twin."""
    forms = {
        held_out: {name.form for name in names.values() if name.side and (name.side != TRAIN) == held_out}
        for held_out in (False, True)
    }
    return {
        text: name.side
        for text, name in names.items()
        if name.side and (name.is_plain or name.form in forms[name.side == TRAIN])
    }


def check_both(
    root: Path, sides: Mapping[str, Sequence[Path]], places: Mapping[str, Iterable[str]], held_out: str
) -> None:
    """Refuse one side without the other.

    Raises:
        ImageError: Says which is there.
    """
    purposes = {TRAIN: "to train with", held_out: "to validate with"}
    for there, missing in ((TRAIN, held_out), (held_out, TRAIN)):
        if not sides[missing]:
            place = shown(places[there])
            raise ImageError(
                f"{root} has images {purposes[there]} in {place}, and none {purposes[missing]} in a folder such as "
                f"{VALID if there == TRAIN else TRAIN}. Add them, rename the folder if that is not what is in it, or "
                f"set data.root={place} to have its images divided."
            )


def without_degraded(root: Path, files: Sequence[Path]) -> list[Path]:
    """Leave out copies of lower quality, such as those in `DIV2K_train_LR_bicubic/X2`, unless all are such."""

    def is_degraded(name: str) -> bool:
        return bool(DEGRADED & set(words_of(name))) or bool(re.fullmatch(r"[xX]\d+", name))

    return [file for file in files if not any(map(is_degraded, file.relative_to(root).parts[:-1]))] or list(files)


def words_of(name: str) -> list[str]:
    """The words and numbers in a name, in small letters: `trainHR`, `train_hr` and `trainhr` have the same."""
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]
    return [part for word in words for part in parts_of(word)]


def parts_of(word: str) -> list[str]:
    """A word, or two that are written as one, as in `traindata`."""
    for side in SIDES:
        for first, second in ((side, word.removeprefix(side)), (word.removesuffix(side), side)):
            if first + second == word and {first, second} & PLAIN:
                return [first, second]
    return [word]


def shown(places: Iterable[str]) -> str:
    """Folders, for people."""
    first, *others = places
    return first + (f" and {len(others)} more" if others else "")
