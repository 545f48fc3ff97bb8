from functools import lru_cache
from typing import Any, cast

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange

from biasgan.codecs.hevc_parameters import (
    PPS,
    SLICES,
    SPS,
    START_CODE,
    SequenceParameters,
    nal_units,
    parameter_sets,
    read_sequence_parameters,
)

PIXEL_FORMATS = ("gray", "yuv420p", "yuv422p", "yuv444p")
"""FFmpeg's names by HEVC's number of the chroma format."""
create: Any = av.CodecContext.create  # PyAV types what it makes in part only
SEI = (39, 40)
ENCODER = "libx265"
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo")
TRANSFORM_DEPTHS = {"placebo": 4, "veryslow": 3, "slower": 3}
SMALLEST_PICTURE = 16
"""FFmpeg's wrapper of x265 takes no shorter side."""
OPTIONS = (
    "keyint=1:min-keyint=1:bframes=0:rect=1:amp=1:temporal-mvp=1:log2-max-poc-lsb=8:repeat-headers=1:aud=0:hrd=0:hash=0:"
    "annexb=1:scaling-list=off:multi-pass-opt-rps=0:open-gop=0:pools=1:frame-threads=1:wpp=0:aq-mode=0:cutree=0:"
    "slices=1:allow-non-conformance=1:vui-timing-info=0:vui-hrd-info=0:log-level=-1"
)
"""x265's settings for a picture that BPG can carry, constant quantiser and one thread."""


@lru_cache
def encoder_version() -> str:
    """What x265 says of itself in a stream."""
    frame = new_frame(0, SMALLEST_PICTURE, SMALLEST_PICTURE)
    for plane in planes_of(frame):
        plane[:] = 128
    text = next(unit for kind, unit in encode_units(frame, SMALLEST_PICTURE, 51, "ultrafast", "info=1") if kind in SEI)
    return text[text.index(b"x265") :].split(b":[")[0].decode("ascii", "replace")


def block_of(width: int, height: int) -> int:
    """Side of the smallest coding block for a picture of a size in pixels; the coded size is a multiple of it."""
    return 8 if min(width, height) > 8 else SMALLEST_PICTURE


def new_frame(chroma_format: int, width: int, height: int) -> VideoFrame:
    """A frame to be filled.

    Args:
        chroma_format: 0 grey, 1 4:2:0, 3 4:4:4.
        width: Coded, in luma samples.
        height: Coded, in luma samples.
    """
    return VideoFrame(width, height, PIXEL_FORMATS[chroma_format])


def planes_of(frame: VideoFrame) -> list[np.ndarray]:
    """The planes of a frame in its own memory, (H, ≥ W) uint8 each: what follows the W samples of a row is padding."""
    return [
        np.frombuffer(cast(bytes, plane), np.uint8).reshape(-1, plane.line_size)[: plane.height]
        for plane in frame.planes
    ]


def encode(frame: VideoFrame, block: int, qp: int, preset: str) -> tuple[SequenceParameters, bytes]:
    """Compress a frame to one intra picture.

    Args:
        frame: Of 8 bits, its sides multiples of the block's.
        block: Side of the smallest coding block; see `block_of`.
        qp: x265's constant quantiser, 0 to 51.
        preset: One of x265's.

    Returns:
        What the sequence parameter set of the stream says, read back, and the stream from its picture parameter set
        on, without the first start code.

    Raises:
        ValueError: If x265 made what a BPG decoder would not understand.
    """
    units = encode_units(frame, block, qp, preset, "info=0")
    parameters = [read_sequence_parameters(unit[2:]) for kind, unit in units if kind == SPS]
    kept = [unit for kind, unit in units if kind == PPS or kind in SLICES]
    if len(parameters) != 1 or [kind for kind, _ in units if kind == PPS] != [PPS] or len(kept) != 2:
        raise ValueError(f"{encoder_version()} made NAL units of the types {[kind for kind, _ in units]}")
    return parameters[0], START_CODE.join(kept)


def encode_units(frame: VideoFrame, block: int, qp: int, preset: str, more: str) -> list[tuple[int, bytes]]:
    """NAL units that x265 makes of a frame."""
    shorter = min(frame.width, frame.height)
    tree = next(side for side in (64, 32, 16) if side <= max(shorter, 16))
    depth = min(TRANSFORM_DEPTHS.get(preset, 1), tree.bit_length() - 3)
    sizes = f"ctu={tree}:max-tu-size={min(32, tree)}:min-cu-size={block}"
    depths = f"tu-inter-depth={depth}:tu-intra-depth={depth}"
    context = create(ENCODER, "w")
    context.width, context.height, context.pix_fmt = frame.width, frame.height, frame.format.name
    context.color_range = ColorRange.JPEG
    context.thread_count = 1
    context.options = {
        "preset": preset,
        "tune": "ssim",
        "x265-params": f"qp={qp}:{sizes}:{depths}:{OPTIONS}:{more}",
    }
    packets = context.encode(frame) + context.encode(None)
    return nal_units(b"".join(bytes(packet) for packet in packets))


def decode(parameters: SequenceParameters, data: bytes) -> VideoFrame:
    """Decode one intra picture.

    Args:
        parameters: What its sequence parameter set would say.
        data: The stream from its picture parameter set on, without the first start code.

    Raises:
        ValueError: If there is no whole picture in it.
        FFmpegError: If FFmpeg finds it damaged; often it does not.
    """
    # No parameter sets but ours: others could ask for a picture of any size.
    kept = [unit for kind, unit in nal_units(data) if kind == PPS or kind in SLICES]
    stream = parameter_sets(parameters) + START_CODE + START_CODE.join(kept)
    context = create("hevc", "r")
    context.thread_count = 1
    frames: list[VideoFrame] = context.decode(av.Packet(stream)) + context.decode(None)
    if len(frames) != 1:
        raise ValueError(f"it has {len(frames)} pictures")
    (frame,) = frames
    expected = (parameters.width, parameters.height, PIXEL_FORMATS[parameters.chroma_format])
    got = (frame.width, frame.height, frame.format.name)
    if got != expected:
        raise ValueError(f"its picture is {got} instead of {expected}")
    return frame
