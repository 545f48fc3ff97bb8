from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Protocol:
    """What a number is, so that it can be compared with another one or made again."""

    metric: str
    """Name in the literature."""
    variant: str
    """Which of several, where a name alone does not say."""
    higher_is_better: bool
    """Whether a better image has a higher number."""
    library: str
    """What computes it, with its release."""
    compares: str = "image with original"
    """`image with original`, `image alone` or `all images with all originals`."""
    unit: str = ""
    """Such as dB; empty for a pure number."""
    colour: str = "RGB"
    """Colour space that is measured in."""
    range: str = "[0, 1]"
    """What black and white are in the image that is given."""
    rounding: str = "8 bits"
    """What the image is rounded to before."""
    crop: str = "none"
    """What is left out at the borders."""
    over_images: str = "mean"
    """How one number comes from many images."""
    weights: Mapping[str, str] = field(default_factory=dict[str, str])
    """Name of each file of weights, as `biasgan weights list` has it → its SHA-256."""
