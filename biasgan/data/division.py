"""How the images of any folder are divided into those to train with and those for validation."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from biasgan.io.images import ImageError
from biasgan.io.listing import counted

TRAIN, VALID, TEST = "train", "valid", "test"
SIDES = {
    **dict.fromkeys(("train", "training", "trainings", "trn", "tr"), TRAIN),
    **dict.fromkeys(("valid", "validation", "validate", "validierung", "validierungs", "val", "dev"), VALID),
    **dict.fromkeys(("holdout", "heldout"), VALID),
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
        *("div", "k", "flickr", "daten", "bilder"),
    )
)
"""Words beside which those of a side can mean nothing else."""


class ImageSet(NamedTuple):
    """Image files to train with and to validate with.

    Attributes:
        train: To train with.
        valid: To validate with; none of them is trained on.
        rule: How they were divided, in words.
        left_out: What else is in their folder, in words.
        places: Files → names in their folder, without extension, under which `enhance` writes results of it.

    Examples:
        >>> from pathlib import Path
        >>> from biasgan import ImageSet
        >>> images = ImageSet(train=[Path("a.png"), Path("b.png")], valid=[Path("c.png")])
    """

    train: list[Path]
    valid: list[Path]
    rule: str = ""
    left_out: Sequence[str] = ()
    places: Mapping[Path, str] = {}


class Name(NamedTuple):
    """What the name of a folder says.

    Attributes:
        side: `train`, `valid` or `test`; None if it says none, or several.
        form: Its words, without that of the side: folders that belong together often have the same.
        glued: Where in a longer word that of the side is, `start` or `end`; empty if it stands alone.
    """

    side: str | None
    form: tuple[str, ...]
    glued: str = ""

    @classmethod
    def of(cls, name: str) -> "Name":
        """Read a name such as `train`, `Validation-set`, `trainHR`, `DIV2K_valid_HR`, `val2017` or `mytrain`."""
        words = words_of(name)
        said = {SIDES[word] for word in words if word in SIDES}
        if said:
            return cls(said.pop() if len(said) == 1 else None, tuple("" if word in SIDES else word for word in words))
        found = [(place, *each) for place, word in enumerate(words) for each in glued_to(word)]
        if len(found) != 1:
            return cls(None, tuple(words))
        place, side, rest, glued = found[0]
        inside = ("", rest) if glued == "start" else (rest, "")
        return cls(side, (*words[:place], *inside, *words[place + 1 :]), glued)

    @property
    def is_plain(self) -> bool:
        """Whether the word for the side can mean nothing else, unlike in `train to Zermatt`."""
        return all(word in PLAIN or word.isdigit() for word in self.form if word)


def by_folders(root: Path, files: Sequence[Path]) -> ImageSet | None:
    """Divide images as the names of their folders say.

    Args:
        root: Folder of all.
        files: Images in it.

    Returns:
        None if no folder says a side.

    Raises:
        ImageError: If only one side is there, a folder of one side is in one of the other, or names are unclear.
    """
    above = {file: [root / folder for folder in file.relative_to(root).parents][-2::-1] for file in files}
    sided = counting({folder: Name.of(folder.name) for folder in dict.fromkeys(chain(*above.values()))})
    sides: dict[str, dict[Path, Path]] = {TRAIN: {}, VALID: {}, TEST: {}, "": {}}
    for file, folders in above.items():
        said = [folder for folder in folders if folder in sided]
        if len({sided[folder] for folder in said}) > 1:
            raise ImageError(
                f"{file} is in folders of several sides ({', '.join(folder.name for folder in said)}). Move one out of "
                "the other, so that no image to validate with is trained on."
            )
        sides[sided[said[0]] if said else ""][file] = said[0] if said else root
    if not sided:
        return None
    held_out = VALID if sides[VALID] else TEST
    purposes = {TRAIN: "to train with", held_out: "to validate with"}
    for there, missing in ((TRAIN, held_out), (held_out, TRAIN)):
        if not sides[missing]:
            place = shown(sides[there].values())
            raise ImageError(
                f"{root} has images {purposes[there]} in {place}, and none {purposes[missing]} in a folder such as "
                f"{VALID if there == TRAIN else TRAIN}. Add them, rename the folder if that is not what is in it, or "
                f"set data.root={place} to have its images divided."
            )
    train, valid = (shown(sides[side].values()) for side in (TRAIN, held_out))
    tests = sides[TEST] if held_out == VALID else {}
    return ImageSet(
        [*sides[TRAIN]],
        [*sides[held_out]],
        f"by folders: {train} to train with, {valid} for validation",
        [
            f"{counted(len(some), 'image')} {what}"
            for some, what in ((tests, "to test with"), (sides[""], "in folders of neither side"))
            if some
        ],
    )


def counting(names: Mapping[Path, Name]) -> dict[Path, str]:
    """Of some folders those whose names say a side → which.

    Plain names always do; others, such as `BSD400_train` or `By train to Zermatt`, where a folder of an opposite side
    is beside them, or one with the same other words is anywhere. A word that is glued to another, as in `mytrain`,
    counts in the last case only.

    Raises:
        ImageError: If nothing counts, and glued words may be meant, as in `oldtrain` beside `newval`.
    """
    forms = {(name.side == TRAIN, name.form) for name in names.values() if name.side}
    at = places_of(names)
    beside = {(name.side == TRAIN, at[folder]) for folder, name in names.items() if name.side and not name.glued}
    sided = {
        folder: name.side
        for folder, name in names.items()
        if name.side
        and (
            (not name.glued and (name.is_plain or (name.side != TRAIN, at[folder]) in beside))
            or (name.side != TRAIN, name.form) in forms
        )
    }
    if not sided:
        check_glued(names)
    return sided


def places_of(folders: Iterable[Path]) -> dict[Path, Path]:
    """Folders → those in which they are, but for wrappings such as `BSD400` in `BSD400/BSD400_train`."""
    places = {folder: folder.parent for folder in folders}
    inside = Counter(places.values())
    for folder, place in places.items():
        while place in places and inside[place] == 1:
            place = place.parent
        places[folder] = place
    return places


def check_glued(names: Mapping[Path, Name]) -> None:
    """Refuse folders beside each other in whose names words of opposite sides are glued to others at the same end.

    Raises:
        ImageError: Names two.
    """
    at = places_of(names)
    kinds = {(at[folder], name.glued, name.side == TRAIN): folder for folder, name in names.items() if name.glued}
    for (place, glued, is_train), folder in kinds.items():
        other = kinds.get((place, glued, False))
        if is_train and other:
            raise ImageError(
                f"{folder} and {other} may be images to train with and images to validate with, or neither. Rename "
                f"them {TRAIN} and {VALID} if they are, or else one of them to another word."
            )


def without_degraded(root: Path, files: Sequence[Path]) -> list[Path]:
    """Leave out copies of lower quality, such as those in `DIV2K_train_LR_bicubic/X2`, unless all are such."""

    def is_degraded(name: str) -> bool:
        return bool(DEGRADED & set(words_of(name))) or bool(re.fullmatch(r"[xX]\d+", name))

    return [file for file in files if not any(map(is_degraded, file.relative_to(root).parts[:-1]))] or list(files)


def words_of(name: str) -> list[str]:
    """The words and numbers in a name, in small letters: `trainHR`, `train_hr` and `trainhr` have the same."""
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]
    joined = re.sub(r"\b(hold|held) out\b", "holdout", " ".join(words))
    return [part for word in joined.split() for part in parts_of(word)]


def parts_of(word: str) -> list[str]:
    """A word, or two that are written as one, as in `traindata`."""
    for side in SIDES:
        for first, second in ((side, word.removeprefix(side)), (word.removesuffix(side), side)):
            if first + second == word and {first, second} & PLAIN:
                return [first, second]
    return [word]


def glued_to(word: str) -> list[tuple[str, str, str]]:
    """The longest words of sides at the start and the end of a longer one: side, rest, and which end."""
    long = sorted((side for side in SIDES if len(side) > 2 and side != word), key=len, reverse=True)
    start = [(SIDES[side], word.removeprefix(side), "start") for side in long if word.startswith(side)]
    end = [(SIDES[side], word.removesuffix(side), "end") for side in long if word.endswith(side)]
    return start[:1] + end[:1]


def shown(folders: Iterable[Path]) -> str:
    """Folders, for people."""
    first, *others = dict.fromkeys(folders)
    return str(first) + (f" and {len(others)} more" if others else "")
