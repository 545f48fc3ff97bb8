import re

from biasgan.codecs.codec import Codec


def read_qualities(quality: int | str, codec: Codec) -> range:
    """The qualities that an option names: one as a whole number, or all from the first to the second of `LOW-HIGH`.

    Raises:
        ValueError: If it is neither, or beyond the codec's range; names the option to set.
    """
    ends = re.fullmatch(r"(\d+)-(\d+)", quality) if isinstance(quality, str) else None
    try:
        lowest, highest = map(int, ends.groups()) if ends else (quality, quality)
        codec.check_quality(lowest)
        codec.check_quality(highest)
    except ValueError as error:
        if isinstance(quality, int):
            raise
        raise ValueError(f"{quality!r} is no range of qualities, such as 10-50: {error}") from error
    assert isinstance(lowest, int)
    assert isinstance(highest, int)
    if lowest > highest:
        raise ValueError(
            f"A range of qualities is LOW-HIGH; got {quality}. Set {codec.quality_option}={highest}-{lowest}."
        )
    return range(lowest, highest + 1)


def draw_quality(qualities: range, digest: str) -> int:
    """The quality of one image, evenly among those that are possible, and always the same for the same image.

    Args:
        qualities: At least one.
        digest: SHA-256 of the source file in hexadecimal digits.
    """
    return qualities[int(digest, 16) % len(qualities)]
