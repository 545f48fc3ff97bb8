"""Colour profiles, made by hand where no library makes them."""

import struct

from PIL import ImageCms


def grey_profile(gamma: float = 2.2) -> bytes:
    """A profile of grey levels: its white, and a curve."""
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    curve = b"curv" + bytes(4) + struct.pack(">IH2x", 1, round(256 * gamma))
    about = b"desc" + bytes(4) + struct.pack(">I", 5) + b"grey\0" + bytes(79)
    parts, place, table = (b"desc", about), 128 + 4 + 3 * 12, struct.pack(">I", 3)
    content = b""
    for name, part in (parts, (b"wtpt", white), (b"kTRC", curve)):
        table += name + struct.pack(">2I", place + len(content), len(part))
        content += part
    head = struct.pack(">3I", place + len(content), 0, 0x02400000) + b"mntrGRAYXYZ " + bytes(12) + b"acsp" + bytes(28)
    head += struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)
    return head.ljust(128, b"\0") + table + content


def black_alone_counts() -> bytes:
    """A profile of a printer whose cyan, magenta and yellow leave no trace: L* is 100 (1 - K)."""
    curve = bytes(range(256))
    corners = b"".join(bytes((0 if index % 2 else 255, 128, 128)) for index in range(16))
    matrix = struct.pack(">9i", *(65536 if index % 4 == 0 else 0 for index in range(9)))
    table = b"mft1" + struct.pack(">I4B", 0, 4, 3, 2, 0) + matrix + 4 * curve + corners + 3 * curve
    offset = 128 + 4 + 12
    head = struct.pack(">3I", offset + len(table), 0, 0x02400000) + b"prtrCMYKLab " + bytes(12) + b"acsp" + bytes(28)
    head += struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)
    return head.ljust(128, b"\0") + struct.pack(">I", 1) + b"A2B0" + struct.pack(">2I", offset, len(table)) + table


PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GREY_PROFILE = grey_profile()
