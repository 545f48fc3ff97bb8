"""Pixels and metadata of a picture file apart, so that no reader of pixels meets anything else."""

import re

from biasgan.io.containers import jpeg, png, tiff, webp
from biasgan.io.containers.metadata import Metadata

KINDS = (
    (re.compile(rb"\xff\xd8\xff"), jpeg.split),
    (re.compile(re.escape(png.SIGNATURE)), png.split),
    (webp.HEAD, webp.split),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), tiff.split),
)


def split(data: bytes) -> tuple[bytes, Metadata | None]:
    """Take a picture file apart.

    Returns:
        A file of the same pixels without what stands beside them, and that. Of formats that are not taken apart the
        file as it is, and None.
    """
    for head, of_kind in KINDS:
        if head.match(data):
            return of_kind(data)
    return data, None
