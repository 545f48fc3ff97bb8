from PIL import Image


def check_pixels(width: int, height: int) -> None:
    """Refuse a size beyond Pillow's limit, where Pillow itself does not ask.

    Raises:
        DecompressionBombError: Pillow's own.
    """
    if Image.MAX_IMAGE_PIXELS is not None and width * height > Image.MAX_IMAGE_PIXELS:
        raise Image.DecompressionBombError(f"{width} x {height} pixels")
