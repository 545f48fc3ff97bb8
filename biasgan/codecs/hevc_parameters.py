from dataclasses import dataclass

from biasgan.codecs.bits import BitReader, BitWriter

START_CODE = b"\0\0\1"
VPS, SPS, PPS = 32, 33, 34
SLICES = range(22)
"""NAL unit types of coded pictures."""
RANGE_FLAGS = 9


@dataclass(frozen=True)
class PCM:
    """Where samples may be stored as they are.

    Attributes:
        luma_depth: Bits of a luma sample, from 1.
        chroma_depth: Bits of a chroma sample, from 1.
        smallest: log₂ of the smallest such block's side.
        steps: From the smallest to the largest, as a difference of log₂.
        unfiltered: Whether the loop filter leaves these blocks alone.
    """

    luma_depth: int
    chroma_depth: int
    smallest: int
    steps: int
    unfiltered: bool


@dataclass(frozen=True)
class Tools:
    """The part of a sequence parameter set that a BPG file carries: block sizes and coding tools.

    Attributes:
        coding_block: log₂ of the smallest coding block's side, 3 to 6.
        coding_block_steps: From there to the coding tree block, as a difference of log₂.
        transform_block: log₂ of the smallest transform block's side, from 2.
        transform_block_steps: From there to the largest, as a difference of log₂.
        transform_depth: Largest depth of the transform tree in intra blocks.
        sample_adaptive_offset: Whether that filter may be used.
        pcm: Stored blocks, if there may be any.
        strong_intra_smoothing: Whether that filter may be used.
        range_extension: The nine flags of the range extension, or none.
    """

    coding_block: int
    coding_block_steps: int
    transform_block: int
    transform_block_steps: int
    transform_depth: int
    sample_adaptive_offset: bool
    pcm: PCM | None
    strong_intra_smoothing: bool
    range_extension: tuple[bool, ...]

    def check(self) -> None:
        """Refuse sizes that no HEVC picture has.

        Raises:
            ValueError: Names them.
        """
        tree = self.coding_block + self.coding_block_steps
        largest = self.transform_block + self.transform_block_steps
        if not (
            4 <= tree <= 6
            and self.transform_block < self.coding_block
            and largest <= min(tree, 5)
            and self.transform_depth <= tree - self.transform_block
        ):
            raise ValueError(
                f"it has coding blocks of 2^{self.coding_block} to 2^{tree} pixels, transform blocks of "
                f"2^{self.transform_block} to 2^{largest} and a transform depth of {self.transform_depth}"
            )


@dataclass(frozen=True)
class SequenceParameters:
    """What a sequence parameter set says.

    Attributes:
        chroma_format: 0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4.
        width: Coded, in luma samples.
        height: Coded, in luma samples.
        tools: Block sizes and coding tools.
    """

    chroma_format: int
    width: int
    height: int
    tools: Tools


def write_tools(bits: BitWriter, tools: Tools, in_sequence: bool) -> None:
    """Append block sizes and coding tools.

    Args:
        bits: Appended to.
        tools: What to append.
        in_sequence: As a sequence parameter set has them, with what BPG leaves out because it is always the same;
            else as a BPG header has them.
    """
    bits.golomb(tools.coding_block - 3)
    bits.golomb(tools.coding_block_steps)
    bits.golomb(tools.transform_block - 2)
    bits.golomb(tools.transform_block_steps)
    if in_sequence:
        bits.golomb(tools.transform_depth)  # of inter blocks, of which there are none
    bits.golomb(tools.transform_depth)
    if in_sequence:
        bits.fixed(0b01, 2)  # no scaling lists, asymmetric partitions
    bits.fixed(tools.sample_adaptive_offset, 1)
    bits.fixed(tools.pcm is not None, 1)
    if tools.pcm:
        bits.fixed(tools.pcm.luma_depth - 1, 4)
        bits.fixed(tools.pcm.chroma_depth - 1, 4)
        bits.golomb(tools.pcm.smallest - 3)
        bits.golomb(tools.pcm.steps)
        bits.fixed(tools.pcm.unfiltered, 1)
    if in_sequence:
        bits.golomb(0)  # no sets of reference pictures
        bits.fixed(0b01, 2)  # no long-term ones, temporal motion vectors
    bits.fixed(tools.strong_intra_smoothing, 1)
    if in_sequence:
        bits.fixed(0, 1)  # no usability information
    bits.fixed(bool(tools.range_extension), 1)
    if tools.range_extension:
        bits.fixed(0b1000_0000, 8)
        for flag in tools.range_extension:
            bits.fixed(flag, 1)


def read_tools(bits: BitReader, in_sequence: bool) -> Tools:
    """Read block sizes and coding tools; see `write_tools`.

    Raises:
        ValueError: If they end early, are out of range, or have what BPG does not allow.
    """
    coding_block = bits.golomb() + 3
    coding_block_steps = bits.golomb()
    transform_block = bits.golomb() + 2
    transform_block_steps = bits.golomb()
    inter_depth = bits.golomb() if in_sequence else None
    transform_depth = bits.golomb()
    if in_sequence:
        expect("transform depth of inter blocks", inter_depth, transform_depth)
        expect("scaling lists and asymmetric partitions", bits.fixed(2), 0b01)
    sample_adaptive_offset = bits.flag()
    pcm = None
    if bits.flag():
        pcm = PCM(bits.fixed(4) + 1, bits.fixed(4) + 1, bits.golomb() + 3, bits.golomb(), bits.flag())
    if in_sequence:
        expect("number of reference picture sets", bits.golomb(), 0)
        expect("long-term reference pictures and temporal motion vectors", bits.fixed(2), 0b01)
    strong_intra_smoothing = bits.flag()
    if in_sequence and bits.flag():
        # FFmpeg has x265 write that the range is full, and nothing else.
        expect("usability information", bits.fixed(8), 0b001_101_10)
        expect("further usability information", bits.fixed(7), 0)
    range_extension: tuple[bool, ...] = ()
    if bits.flag():
        expect("extension other than that of the range", bits.fixed(8), 0b1000_0000)
        range_extension = tuple(bits.flag() for _ in range(RANGE_FLAGS))
    tools = Tools(
        coding_block,
        coding_block_steps,
        transform_block,
        transform_block_steps,
        transform_depth,
        sample_adaptive_offset,
        pcm,
        strong_intra_smoothing,
        range_extension,
    )
    tools.check()
    return tools


def expect(name: str, got: object, expected: object) -> None:
    """Refuse a value that BPG does not allow.

    Raises:
        ValueError: Names it.
    """
    if got != expected:
        raise ValueError(f"its {name} should be {expected}, not {got}")


def write_profile(bits: BitWriter) -> None:
    """Append profile and level: range extensions, 6.2, large enough for all that BPG has."""
    profile = 4
    bits.fixed(profile, 8)
    bits.fixed(1 << (31 - profile), 32)
    bits.fixed(0b1001, 4)  # progressive frames
    bits.fixed(0, 44)
    bits.fixed(186, 8)


def write_picture_buffer(bits: BitWriter) -> None:
    """Append the sizes of the decoder's buffer: pictures come out as they go in."""
    bits.fixed(1, 1)
    for number in (1, 0, 0):
        bits.golomb(number)


def parameter_sets(parameters: SequenceParameters) -> bytes:
    """Video and sequence parameter set, as a decoder of BPG files has to make them up, in Annex B form.

    Source: BPG specification 0.9.8, HEVC header and decoder; H.265 7.3.2.
    """
    video = BitWriter()
    video.fixed(0b0000_11_000000_000_1, 16)  # set 0, base layer alone, one layer, one sub-layer
    video.fixed(0xFFFF, 16)
    write_profile(video)
    write_picture_buffer(video)
    video.fixed(0, 6)
    video.golomb(0)
    video.fixed(0b00, 2)

    sequence = BitWriter()
    sequence.fixed(0b0000_000_1, 8)
    write_profile(sequence)
    sequence.golomb(0)
    sequence.golomb(parameters.chroma_format)
    if parameters.chroma_format == 3:
        sequence.fixed(0, 1)
    sequence.golomb(parameters.width)
    sequence.golomb(parameters.height)
    sequence.fixed(0, 1)  # no conformance window
    sequence.golomb(0)  # 8 bits, luma
    sequence.golomb(0)  # and chroma
    sequence.golomb(4)  # 8 bits of picture order count
    write_picture_buffer(sequence)
    write_tools(sequence, parameters.tools, in_sequence=True)
    return nal_unit(VPS, video) + nal_unit(SPS, sequence)


def read_sequence_parameters(payload: bytes) -> SequenceParameters:
    """Read back a sequence parameter set that an encoder made for BPG.

    Args:
        payload: The NAL unit after its header, still escaped.

    Raises:
        ValueError: If it says what a BPG decoder would not assume.
    """
    bits = BitReader(payload.replace(b"\0\0\3", b"\0\0"))
    expect("parameter set and sub-layers", bits.fixed(7), 0)
    bits.fixed(1 + 88 + 8)  # nesting, profile and level
    expect("sequence parameter set", bits.golomb(), 0)
    chroma_format = bits.golomb()
    if chroma_format == 3:
        expect("separate colour planes", bits.flag(), False)
    width, height = bits.golomb(), bits.golomb()
    expect("conformance window", bits.flag(), False)
    expect("luma bit depth", bits.golomb() + 8, 8)
    expect("chroma bit depth", bits.golomb() + 8, 8)
    expect("bits of picture order count", bits.golomb() + 4, 8)
    bits.flag()
    for _ in range(3):
        bits.golomb()
    return SequenceParameters(chroma_format, width, height, read_tools(bits, in_sequence=True))


def nal_unit(kind: int, bits: BitWriter) -> bytes:
    """A NAL unit with its start code: closed with a stop bit, escaped so that it has no start code within."""
    bits.fixed(1, 1)
    payload = bits.padded()
    escaped = bytearray()
    for byte in payload:
        if byte <= 3 and escaped.endswith(b"\0\0"):
            escaped.append(3)
        escaped.append(byte)
    return START_CODE + bytes((kind << 1, 1)) + bytes(escaped)


def nal_units(stream: bytes) -> list[tuple[int, bytes]]:
    """Type and bytes, header included, of the NAL units of an Annex B stream."""
    units = (unit.rstrip(b"\0") for unit in stream.split(START_CODE))
    return [(unit[0] >> 1 & 63, unit) for unit in units if unit]
