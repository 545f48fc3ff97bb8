import re
import struct

from biasgan.io.containers.metadata import Metadata

HEAD = re.compile(rb"RIFF.{4}WEBP", re.DOTALL)
FACTS = {b"EXIF": "exif", b"XMP ": "xmp", b"ICCP": "profile"}
PIXELS = (b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF")
TOLD = 0x20 | 0x08 | 0x04
"""Bits of the head that say which metadata there is."""


def split(data: bytes) -> tuple[bytes, Metadata]:
    """A WebP file of the same pixels alone, and what else was in it."""
    kept, facts, place = list[bytes](), dict[str, bytes](), 12
    while place + 8 <= len(data):
        name, length = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        end = place + 8 + length + length % 2
        if name not in PIXELS:
            if name in FACTS:
                facts.setdefault(FACTS[name], data[place + 8 : place + 8 + length])
            if end <= len(data) and (end + 8 > len(data) or is_name(data[end : end + 4])):
                place = end
                continue
            # Its length is damaged.
            following = re.compile(b"|".join(PIXELS)).search(data, place + 8)
            place = following.start() if following else len(data)
            continue
        chunk = data[place:end]
        if name == b"VP8X" and length:
            chunk = chunk[:8] + bytes((chunk[8] & ~TOLD,)) + chunk[9:]
        kept.append(chunk)
        place = end
    content = b"WEBP" + b"".join(kept)
    metadata = Metadata(
        facts.get("exif"),
        facts.get("xmp"),
        facts.get("profile"),
        animated=sum(chunk.startswith(b"ANMF") for chunk in kept) > 1,
    )
    return b"RIFF" + struct.pack("<I", len(content)) + content, metadata


def is_name(name: bytes) -> bool:
    """Whether a chunk could be called so."""
    return bool(re.fullmatch(rb"[A-Z0-9]{3}[A-Z0-9 ]", name))
