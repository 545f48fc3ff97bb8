"""PSNR, SSIM and PSNR-B in RGB and in luma: no weights."""

import math
from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import version

import torch
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio

from biasgan import __version__
from biasgan.metrics.metric import ImageMetric
from biasgan.metrics.protocol import Protocol
from biasgan.metrics.sizes import SMALLEST_SIDES

WINDOW = 11
SIGMA = 1.5
STRIP = 32
"""Rows of images that a processor filters at once, so that they stay in a core's cache."""
LARGE_STRIP = 2**24
"""Pixels of all channels that a GPU filters at once: it waits for each operation rather than for its memory."""

BLOCK = 8
_LUMA = "Y of BT.601 in studio range (16 to 235), rounded to 8 bits, as MATLAB's rgb2ycbcr"
_SSIM = "Gaussian window of 11 x 11, sigma 1.5; where it fits in whole"
_OWN, _TORCHMETRICS = f"biasgan {__version__}", f"torchmetrics {version('torchmetrics')}"
_WEIGHTS = [math.exp(-((place - WINDOW // 2) ** 2) / (2 * SIGMA**2)) for place in range(WINDOW)]


def psnr(image: Tensor, original: Tensor) -> Tensor:
    """Peak signal-to-noise ratio over all channels together, in dB.

    Args:
        image: (N, C, H, W) in [0, 1].
        original: The same shape.

    Returns:
        (N,); infinite where they are equal.

    Examples:
        >>> import torch
        >>> from biasgan import psnr
        >>> psnr(torch.full((1, 3, 8, 8), 0.6), torch.full((1, 3, 8, 8), 0.5))
        tensor([20.0000])
    """
    return peak_signal_noise_ratio(image, original, data_range=1.0, reduction="none", dim=(1, 2, 3))


def ssim(image: Tensor, original: Tensor) -> Tensor:
    """Structural similarity, the mean over channels.

    Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity, TIP 2004.

    Args:
        image: (N, C, H, W) in [0, 1], with sides of at least 11.
        original: The same shape.

    Returns:
        (N,), at most 1.

    Raises:
        ValueError: If a side is shorter than the window.

    Examples:
        >>> import torch
        >>> from biasgan import ssim
        >>> image = torch.rand(1, 3, 16, 16)
        >>> ssim(image, image)
        tensor([1.])
    """
    if min(image.shape[-2:]) < WINDOW:
        raise ValueError(f"SSIM needs sides of at least {WINDOW} pixels; got {tuple(image.shape)}.")
    height, width = (side - WINDOW + 1 for side in image.shape[-2:])
    rows = STRIP if image.device.type == "cpu" else max(STRIP, LARGE_STRIP // image[..., 0, :].numel())
    total = torch.zeros(image.shape[:2], dtype=torch.float64, device=image.device)
    with _one_thread():
        for top in range(0, height, rows):
            strips = (images[..., top : top + rows + WINDOW - 1, :] for images in (image, original))
            total += _similarity(*strips).sum((2, 3), dtype=torch.float64)
    return (total / (height * width)).mean(1).float()


def psnr_b(image: Tensor, original: Tensor) -> Tensor:
    """PSNR that counts steps across the borders of 8 x 8 blocks as errors too, in dB.

    Yim and Bovik, Quality Assessment of Deblocked Images, TIP 2011. The steps are those of the image's luma, the error
    is that of all channels. Borders are counted as in the code of QGAC and FBCNN, whose tables are quoted: a side of S
    pixels has floor(S / 8) - 1, also where it is no multiple of 8 and has one more.

    Args:
        image: (N, 1 or 3, H, W) in [0, 1], with sides of at least 16.
        original: The same shape.

    Returns:
        (N,); infinite where they are equal and without blocks.

    Raises:
        ValueError: If a side has no border of blocks.

    Examples:
        >>> import torch
        >>> from biasgan import psnr_b
        >>> psnr_b(torch.full((1, 3, 16, 16), 0.6), torch.full((1, 3, 16, 16), 0.5))
        tensor([20.0000])
    """
    height, width = image.shape[-2:]
    if min(height, width) < 2 * BLOCK:
        raise ValueError(f"PSNR-B needs sides of at least {2 * BLOCK} pixels; got {tuple(image.shape)}.")
    plane = luma(image)[:, 0]
    columns, rows = plane.diff(dim=2).square().sum(1), plane.diff(dim=1).square().sum(2)
    steps = columns.sum(1) + rows.sum(1)
    at_borders = columns[:, BLOCK - 1 :: BLOCK].sum(1) + rows[:, BLOCK - 1 :: BLOCK].sum(1)
    borders = height * (width // BLOCK - 1) + width * (height // BLOCK - 1)
    others = height * (width - 1) + width * (height - 1) - borders
    excess = (at_borders / borders - (steps - at_borders) / others).clamp(min=0)
    error = (image - original).square().mean((1, 2, 3))
    return -10 * torch.log10(error + excess * math.log2(BLOCK) / math.log2(min(height, width)))


def luma(image: Tensor) -> Tensor:
    """Luma of BT.601 in studio range, rounded to 8 bits, as MATLAB's `rgb2ycbcr` and thereby the field's Y-PSNR has it.

    Black is 16/255 and white 235/255: where all channels have the same error, PSNR in luma is 1.3 dB above that in RGB.

    Args:
        image: (N, 3, H, W) in [0, 1], or one channel, which is taken as it is.

    Returns:
        (N, 1, H, W) in [0, 1].
    """
    if image.shape[1] == 1:
        return image
    red, green, blue = image.unbind(1)
    levels = (16 + 65.481 * red).add_(green, alpha=128.553).add_(blue, alpha=24.966)
    return levels.round_().div_(255)[:, None]


class PSNR(ImageMetric):
    """Peak signal-to-noise ratio in RGB, see `psnr`."""

    protocol = Protocol("PSNR", "one error over all channels", True, _TORCHMETRICS, unit="dB")

    def measure(self, image: Tensor, original: Tensor) -> Tensor:
        """PSNR of each image, (N,)."""
        return psnr(image, original)


class SSIM(ImageMetric):
    """Structural similarity in RGB, see `ssim`."""

    protocol = Protocol("SSIM", f"{_SSIM}; mean over channels", True, _OWN)
    smallest_side = SMALLEST_SIDES["SSIM"]

    def measure(self, image: Tensor, original: Tensor) -> Tensor:
        """SSIM of each image, (N,)."""
        return ssim(image, original)


class LumaPSNR(ImageMetric):
    """Peak signal-to-noise ratio of the luma, see `luma`."""

    protocol = Protocol("PSNR", "peak 255", True, _TORCHMETRICS, unit="dB", colour=_LUMA)

    def measure(self, image: Tensor, original: Tensor) -> Tensor:
        """PSNR of each image's luma, (N,)."""
        return psnr(luma(image), luma(original))


class LumaSSIM(ImageMetric):
    """Structural similarity of the luma, see `luma`."""

    protocol = Protocol("SSIM", _SSIM, True, _OWN, colour=_LUMA)
    smallest_side = SMALLEST_SIDES["LumaSSIM"]

    def measure(self, image: Tensor, original: Tensor) -> Tensor:
        """SSIM of each image's luma, (N,)."""
        return ssim(luma(image), luma(original))


class PSNRB(ImageMetric):
    """PSNR that counts blocks too, see `psnr_b`."""

    protocol = Protocol(
        "PSNR-B", f"blocks of 8 x 8, floor(S / 8) - 1 borders a side; steps in {_LUMA}", True, _OWN, unit="dB"
    )
    smallest_side = SMALLEST_SIDES["PSNRB"]

    def measure(self, image: Tensor, original: Tensor) -> Tensor:
        """PSNR-B of each image, (N,)."""
        return psnr_b(image, original)


@contextmanager
def _one_thread() -> Generator[None]:
    """Keep operations in this thread: for strips they are so short that threads would mostly wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _similarity(image: Tensor, original: Tensor) -> Tensor:
    """SSIM at each place where the window fits, (N, C, H, W) → (N, C, H - 10, W - 10)."""
    planes = torch.stack([image, original, image.square() + original.square(), image * original])
    mean, other_mean, squares, products = _smooth(_smooth(planes, 3), 4)
    of_means, squared_means = mean * other_mean, mean.square() + other_mean.square()
    covariance, variances = products - of_means, squares - squared_means
    luminance = (2 * of_means + 0.01**2) / (squared_means + 0.01**2)
    return luminance * (2 * covariance + 0.03**2) / (variances + 0.03**2)


def _smooth(planes: Tensor, dim: int) -> Tensor:
    """Average along one side with the window's weights; places come in pairs, as the window is symmetric.

    By sums, since a convolution is rounded to half precision where the training or its GPU is set so.
    """
    middle, length, total = WINDOW // 2, planes.shape[dim] - WINDOW + 1, sum(_WEIGHTS)
    result = planes.narrow(dim, middle, length) * (_WEIGHTS[middle] / total)
    for place in range(middle):
        pair = planes.narrow(dim, place, length) + planes.narrow(dim, WINDOW - 1 - place, length)
        result.add_(pair, alpha=_WEIGHTS[place] / total)
    return result
