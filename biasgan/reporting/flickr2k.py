from collections.abc import Iterable, Mapping

from biasgan.reporting.evaluations import Evaluation

NAMES = [f"{number:06}" for number in range(1, 2651)]
OURS = 662
"""As many of the last images are those to validate with."""
LONG_SIDE = 2000
"""Its images are of 2K resolution along one side at least."""


def is_flickr2k(evaluations: Iterable[Evaluation]) -> bool:
    """Whether images are all of Flickr2K, or those of it to validate with, by their names and sizes."""
    rows = next((one.images for one in evaluations if one.images), dict[str, Mapping[str, str]]())
    sides = [max(number_of(row.get("height")), number_of(row.get("width"))) for row in rows.values()]
    return rows.keys() in (set(NAMES), set(NAMES[-OURS:])) and min(sides) >= LONG_SIDE


def number_of(text: str | None) -> int:
    """A whole number; 0 where it is none."""
    return int(text) if text and text.isdecimal() else 0
