from typing import Literal, NamedTuple

from biasgan.codecs.bits import BitReader, BitWriter
from biasgan.codecs.hevc_parameters import Tools, read_tools, write_tools

MAGIC = b"BPG\xfb"
Chroma = Literal["grey", "4:2:0", "4:2:2", "4:4:4"]
CHROMAS: tuple[Chroma, ...] = ("grey", "4:2:0", "4:2:2", "4:4:4")
"""By BPG's number, which is HEVC's too."""
COLOUR_SPACES = ("YCbCr of BT.601", "RGB", "YCgCo", "YCbCr of BT.709", "YCbCr of BT.2020")


class Picture(NamedTuple):
    """The content of a BPG file: one still picture of 8 bits in full-range BT.601.

    Attributes:
        chroma: Sampling of the chroma planes, each sample in the middle of those it stands for.
        width: In pixels.
        height: In pixels.
        tools: HEVC's block sizes and coding tools.
        data: HEVC's picture parameter set and slices, the first without its start code.
    """

    chroma: Chroma
    width: int
    height: int
    tools: Tools
    data: bytes


def write(picture: Picture) -> bytes:
    """A BPG file of a picture.

    Source: BPG specification 0.9.8.
    """
    bits = BitWriter()
    write_tools(bits, picture.tools, in_sequence=False)
    tools = bits.padded()
    head = MAGIC + bytes((CHROMAS.index(picture.chroma) << 5, 0))
    sizes = (picture.width, picture.height, 0, len(tools))
    return head + b"".join(map(variable_length, sizes)) + tools + picture.data


def read(file: bytes) -> Picture:
    """The picture in a BPG file; its extensions (EXIF, ICC …) are passed over.

    Raises:
        ValueError: If the file is damaged, no BPG file, or of a kind that is not supported; says what it is.
    """
    if file[:4] != MAGIC:
        raise ValueError("it does not begin as BPG files do")
    bits = BitReader(file[4:6])
    pixel_format, alpha, depth = bits.fixed(3), bits.flag(), bits.fixed(4) + 8
    colours, extended, alpha_of_kind_2 = bits.fixed(4), bits.flag(), bits.flag()
    limited, animated = bits.flag(), bits.flag()
    unsupported = {
        "an alpha plane": alpha or alpha_of_kind_2,
        f"{depth} bits": depth != 8,
        "MPEG-2's chroma positions": pixel_format in (4, 5),
        f"pixel format {pixel_format}": pixel_format > 5,
        COLOUR_SPACES[colours] if colours < len(COLOUR_SPACES) else f"colour space {colours}": colours != 0,
        "limited range": limited,
        "animation": animated,
    }
    found = [name for name, present in unsupported.items() if present]
    if found:
        raise ValueError(f"it has {', '.join(found)}, not supported: one still picture of 8-bit full-range BT.601 is")

    position = 6
    width, position = read_variable_length(file, position)
    height, position = read_variable_length(file, position)
    if not width or not height:
        raise ValueError(f"it has {width} x {height} pixels")
    length, position = read_variable_length(file, position)
    if extended:
        skipped, position = read_variable_length(file, position)
        position += skipped
    end = position + length if length else len(file)
    tools_length, position = read_variable_length(file, position)
    start = position + tools_length
    if not position < start < end <= len(file):
        raise ValueError("it ends early")
    tools = read_tools(BitReader(file[position:start]), in_sequence=False)
    return Picture(CHROMAS[pixel_format], width, height, tools, file[start:end])


def variable_length(number: int) -> bytes:
    """A number in groups of seven bits: ue7."""
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(reversed(groups))


def read_variable_length(data: bytes, position: int) -> tuple[int, int]:
    """A number in groups of seven bits, at most five of them, and the position behind it.

    Raises:
        ValueError: If it is longer or cut off.
    """
    number = 0
    for end, byte in enumerate(data[position : position + 5], position + 1):
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, end
    raise ValueError("it has a damaged number in its head")
