"""BPG through PyAV: libx265 encodes, FFmpeg decodes, and what BPG does about both is written here."""

import av
import numpy as np
from av.error import FFmpegError

from biasgan.codecs import bpg_container, bpg_planes, hevc
from biasgan.codecs.bpg_container import CHROMAS, Chroma, Picture
from biasgan.codecs.codec import CodecError
from biasgan.codecs.hevc_parameters import SequenceParameters


def can_encode() -> bool:
    """Whether this PyAV came with x265."""
    return hevc.ENCODER in av.codecs_available


def identity(level: int) -> dict[str, str | int]:
    """Releases of the libraries that encode and decode, and x265's preset."""
    libavcodec = ".".join(map(str, av.library_versions["libavcodec"]))
    return {
        "encoder": hevc.encoder_version(),
        "preset": hevc.PRESETS[level],
        "decoder": f"libavcodec {libavcodec}",
        "pyav": av.__version__,
    }


def encode(image: np.ndarray, qp: int, chroma: Chroma, level: int) -> bytes:
    """Encode (H, W, 3) or, for grey chroma, (H, W) uint8 pixels as a BPG file.

    Raises:
        CodecError: If x265 cannot encode them.
    """
    height, width = image.shape[:2]
    block = hevc.block_of(width, height)
    frame = hevc.new_frame(CHROMAS.index(chroma), *coded_size(width, height, block))
    bpg_planes.split(image, hevc.planes_of(frame), halved=chroma == "4:2:0")
    try:
        parameters, data = hevc.encode(frame, block, qp, hevc.PRESETS[level])
        expected = (CHROMAS.index(chroma), frame.width, frame.height, block)
        got = (parameters.chroma_format, parameters.width, parameters.height, 1 << parameters.tools.coding_block)
        if got != expected:
            raise ValueError(f"x265 made a picture of {got} where {expected} was expected")
    except (ValueError, FFmpegError) as error:
        raise CodecError(f"bpg cannot encode {width} x {height} pixels: {reason(error)}.") from error
    return bpg_container.write(Picture(chroma, width, height, parameters.tools, data))


def decode(picture: Picture) -> np.ndarray:
    """Decode the picture of a BPG file to (H, W, 3) uint8 RGB.

    Raises:
        CodecError: If FFmpeg finds it damaged; often it does not.
    """
    size = coded_size(picture.width, picture.height, 1 << picture.tools.coding_block)
    parameters = SequenceParameters(CHROMAS.index(picture.chroma), *size, picture.tools)
    try:
        frame = hevc.decode(parameters, picture.data)
    except (ValueError, FFmpegError) as error:
        raise CodecError(f"bpg cannot decode {picture.width} x {picture.height} pixels: {reason(error)}.") from error
    return bpg_planes.join(
        hevc.planes_of(frame),
        picture.height,
        picture.width,
        half_height=picture.chroma == "4:2:0",
        half_width=picture.chroma in ("4:2:0", "4:2:2"),
    )


def coded_size(width: int, height: int, block: int) -> tuple[int, int]:
    """Width and height in whole blocks."""
    return -(-width // block) * block, -(-height // block) * block


def reason(error: Exception) -> str:
    """What an error says, without the options that PyAV adds."""
    return (isinstance(error, FFmpegError) and error.strerror) or str(error)
