import json
import os
import pickle
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from skimage import data as samples
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio

from biasgan.codecs import bpg, bpg_pyav, hevc
from biasgan.codecs.bpg import BPG
from biasgan.codecs.bpg_container import CHROMAS, Picture, read, write
from biasgan.codecs.codec import CodecError
from biasgan.codecs.hevc_parameters import START_CODE, SequenceParameters, parameter_sets

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "bpg_vectors"
VECTORS: list[dict[str, Any]] = json.loads((FOLDER / "manifest.json").read_text())["vectors"]
SIDES = (1, 2, 7, 8, 9, 16, 17, 31, 33, 63, 64, 65, 127)


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    return samples.astronaut()[:150, 100:301]


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def source_of(vector: dict[str, Any]) -> np.ndarray:
    """What a reference file was made from."""
    found = re.fullmatch(r"skimage\.data (\w+), crop x=(\d+) y=(\d+)", vector["source"])
    assert found
    left, top = int(found[2]), int(found[3])
    image: np.ndarray = getattr(samples, found[1])()
    return image[top : top + vector["height"], left : left + vector["width"]]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_reference_files_decode_as_the_reference_decoder_does(vector: dict[str, Any]) -> None:
    decoded = bpg.decode((FOLDER / vector["bpg"]).read_bytes())
    assert decoded.shape == (vector["height"], vector["width"], 3)
    assert np.array_equal(decoded, pixels(FOLDER / vector["png"]))


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["encoder"] == "x265"], ids=lambda vector: vector["name"])
def test_encoding_is_close_to_the_reference_encoder(vector: dict[str, Any]) -> None:
    """A newer x265 spends a little more at equal QP, for a little less error."""
    source = source_of(vector)
    colour = source if source.ndim == 3 else source[..., np.newaxis].repeat(3, axis=2)
    ours = bpg.encode(source, vector["qp"], "4:4:4" if vector["chroma"] == "444" else "4:2:0", vector["level"])
    assert 1 < len(ours) / vector["bytes"] < 1.15
    reference = peak_signal_noise_ratio(colour, pixels(FOLDER / vector["png"]))
    assert 0.1 < peak_signal_noise_ratio(colour, bpg.decode(ours)) - reference < 0.6


@pytest.mark.parametrize(("width", "height"), [*product(SIDES, SIDES)])
def test_every_size_survives(width: int, height: int) -> None:
    image = samples.astronaut()[100 : 100 + height, 180 : 180 + width]
    for chroma in bpg.CHROMAS:
        decoded = bpg.decode(bpg.encode(image, 20, chroma, level=1))
        assert decoded.shape == image.shape
        assert mean_squared_error(image, decoded) < (150 if chroma == "4:2:0" else 30)
    grey = image[..., 1]
    decoded = bpg.decode(bpg.encode(grey, 20, level=1))
    assert decoded.shape == image.shape
    assert np.array_equal(decoded, decoded[..., :1].repeat(3, axis=2))
    assert mean_squared_error(grey, decoded[..., 0]) < 30


@pytest.mark.parametrize(("height", "width"), [(33, 47), (64, 130)])
def test_half_width_chroma_is_decoded(height: int, width: int) -> None:
    """4:2:2, which we do not write: made of planes here, coded with hardly any loss."""
    block = hevc.block_of(width, height)
    frame = hevc.new_frame(CHROMAS.index("4:2:2"), *bpg_pyav.coded_size(width, height, block))
    rows, columns = np.mgrid[: frame.height, : frame.width // 2]
    luma, cb, cr = hevc.planes_of(frame)
    luma[:] = 120
    cb[:, : frame.width // 2] = 60 + rows + columns
    cr[:, : frame.width // 2] = 200 - rows - columns // 2
    parameters, data = hevc.encode(frame, block, 0, "veryslow")
    decoded = bpg.decode(write(Picture("4:2:2", width, height, parameters.tools, data)))
    assert decoded.shape == (height, width, 3)
    # Chroma sample n is in the middle of pixels 2n and 2n + 1.
    y, x = np.mgrid[:height, :width]
    blue, red = 60 + y + (x - 0.5) / 2 - 128, 200 - y - (x - 0.5) / 4 - 128
    expected = np.stack([120 + 1.402 * red, 120 - 0.344136 * blue - 0.714136 * red, 120 + 1.772 * blue], axis=2)
    inner = np.s_[:, 8:-8]
    assert np.abs(decoded[inner] - expected.clip(0, 255)[inner]).max() < 6


def test_parameter_sets_within_a_file_do_not_count() -> None:
    """The head says what the picture is; another size in the stream would have memory taken for it."""
    file = (FOLDER / "chelsea_64x64_q37.bpg").read_bytes()
    picture = read(file)
    others = parameter_sets(SequenceParameters(1, 4096, 4096, picture.tools))
    data = others.removeprefix(START_CODE) + START_CODE + picture.data
    assert np.array_equal(bpg.decode(write(picture._replace(data=data))), bpg.decode(file))


@pytest.mark.parametrize("shape", [(3, 70_000), (20_000, 5)])
def test_long_pictures_survive(shape: tuple[int, int]) -> None:
    image = np.resize(samples.astronaut(), (*shape, 3))
    assert bpg.decode(bpg.encode(image, 37, level=1)).shape == image.shape


def test_files_begin_as_the_reference_encoder_writes_them(photograph: np.ndarray) -> None:
    vector = next(v for v in VECTORS if v["name"] == "astro_256x256_q32")
    ours = bpg.encode(source_of(vector), 32)
    # Magic, format, 256 x 256, length to the end, then the tools: blocks of 8 to 64, transforms of 4 to 32.
    assert ours[:15] == (FOLDER / vector["bpg"]).read_bytes()[:15]
    assert ours[:15].hex(" ") == "42 50 47 fb 20 00 82 00 82 00 00 03 92 47 40"
    assert bpg.encode(photograph[..., 0], 37, level=1)[4] == 0
    assert bpg.encode(photograph, 37, "4:4:4", level=1)[4] == 0x60


def test_more_qp_fewer_bits_and_more_error(photograph: np.ndarray) -> None:
    coded = [BPG().encode(photograph, qp) for qp in (22, 27, 32, 37, 42, 47)]
    assert all(np.array_equal(one.image, bpg.decode(one.data)) for one in coded)
    bits = [one.bits for one in coded]
    errors = [mean_squared_error(photograph, one.image) for one in coded]
    assert bits == sorted(bits, reverse=True)
    assert errors == sorted(errors)


def test_more_effort_fewer_bits(photograph: np.ndarray) -> None:
    assert len(bpg.encode(photograph, 32, level=8)) < len(bpg.encode(photograph, 32, level=1))


def test_threads_and_copies_make_the_same_bytes(photograph: np.ndarray) -> None:
    codec: BPG = pickle.loads(pickle.dumps(BPG(level=3)))
    with ThreadPoolExecutor(4) as pool:
        coded = list(pool.map(codec.encode, [photograph] * 8, [37] * 8))
    once = BPG(level=3).encode(photograph, 37)
    assert all(one.data == once.data and np.array_equal(one.image, once.image) for one in coded)


def test_any_memory_layout_is_taken(photograph: np.ndarray) -> None:
    turned = photograph[::-1, ::2]
    turned.flags.writeable = False
    assert bpg.encode(turned, 30, level=1) == bpg.encode(turned.copy(), 30, level=1)


def test_identity_tells_what_the_bits_depend_on() -> None:
    identity = BPG().identity
    assert identity == {
        "codec": "bpg",
        "backend": "pyav",
        "chroma": "4:2:0",
        "encoder": identity["encoder"],
        "preset": "veryslow",
        "decoder": "libavcodec " + ".".join(map(str, av.library_versions["libavcodec"])),
        "pyav": av.__version__,
    }
    assert re.fullmatch(r"x265 \(build \d+\) - [\w.+-]+", str(identity["encoder"]))
    assert len({str(BPG(chroma, level).identity) for chroma in ("4:2:0", "4:4:4") for level in range(1, 10)}) == 18


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chroma": "4:2:2"}, r"codec.chroma must be one of 4:2:0, 4:4:4; got '4:2:2'"),
        ({"level": 0}, "codec.level must be one of 1, .*, 9; got 0"),
        ({"backend": "ffmpeg"}, "codec.backend must be one of auto, pyav, libbpg; got 'ffmpeg'"),
        ({"encoder": "x264"}, "codec.encoder must be one of x265, jctvc; got 'x264'"),
        ({"encoder": "jctvc", "backend": "pyav"}, "jctvc is within bpgenc alone; set codec.backend=libbpg"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BPG(**options)


def test_bad_input_is_named(photograph: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"bpg quality .* from 0 to 51 \(smaller is better\); got 52\. Set qp=37"):
        bpg.encode(photograph, 52)
    with pytest.raises(ValueError, match="level must be from 1 to 9; got 10"):
        bpg.encode(photograph, 37, level=10)
    with pytest.raises(CodecError, match=r"bpg takes images of \(H, W, 3\) uint8; got .* float64"):
        bpg.encode(photograph / 255, 37)
    with pytest.raises(CodecError, match=r"bpg takes images of \(H, W, 3\) uint8; got \(0, 8, 3\)"):
        bpg.encode(photograph[:0, :8], 37)
    with pytest.raises(CodecError, match=r"of at most .* pixels; got 70000 x 70000"):
        bpg.encode(np.broadcast_to(photograph[:1, :1], (70_000, 70_000, 3)), 37)


def test_a_picture_of_many_pixels_is_refused_before_memory_is_taken(photograph: np.ndarray) -> None:
    data = bpg.encode(photograph[:8, :8], 37, level=1)
    large = data[:6] + bytes.fromhex("84 80 00 84 80 00") + data[8:]
    with pytest.raises(CodecError, match=r"of at most .* pixels; got 65536 x 65536"):
        bpg.decode(large)


def test_an_option_that_x265_does_not_take_is_noticed(photograph: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ignores names that it does not know, so the stream is read back."""
    monkeypatch.setattr(hevc, "OPTIONS", hevc.OPTIONS.replace("amp=1", "amq=1"))
    with pytest.raises(CodecError, match="asymmetric partitions should be 1, not 0"):
        bpg.encode(photograph, 37, level=5)


def test_a_stream_of_other_blocks_is_noticed(photograph: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hevc, "OPTIONS", f"{hevc.OPTIONS}:min-cu-size=16")
    with pytest.raises(CodecError, match=r"x265 made a picture of \(1, 192, 144, 16\) where \(1, 192, 144, 8\) was"):
        bpg.encode(photograph[:144, :192], 37, level=5)


def test_what_x265_refuses_is_told_in_short(photograph: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hevc, "OPTIONS", f"{hevc.OPTIONS}:min-cu-size=24")
    with pytest.raises(CodecError) as caught:
        bpg.encode(photograph, 37, level=5)
    assert str(caught.value) == "bpg cannot encode 201 x 150 pixels: Invalid data found when processing input."


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bpg_pyav, "can_encode", lambda: False)
    with pytest.raises(ImportError, match="This PyAV has no libx265, so it cannot encode BPG: pip install"):
        BPG()


@pytest.mark.parametrize("call", ["BPG()", "decode(open(sys.argv[1], 'rb').read())"])
@pytest.mark.parametrize("missing", ["av", "numba"])
def test_an_install_without_the_extra_says_so(missing: str, call: str) -> None:
    """JPEG goes on without it."""
    code = f"""
import sys
sys.modules[{missing!r}] = None
from biasgan.codecs import bpg, jpeg
jpeg.JPEG()
bpg.{call}
"""
    vector = str(FOLDER / VECTORS[0]["bpg"])
    done = subprocess.run([sys.executable, "-c", code, vector], cwd=ROOT, capture_output=True, text=True, check=False)
    assert f"ImportError: BPG needs {missing}, which is not installed: pip install 'biasgan[bpg]'" in done.stderr


def convert(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "biasgan.codecs.bpg", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_the_command_converts_files(tmp_path: Path, photograph: np.ndarray) -> None:
    Image.fromarray(photograph).save(tmp_path / "in.png")
    done = convert("encode", tmp_path / "in.png", tmp_path / "out.bpg", "--qp", "30")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "out.bpg").read_bytes() == bpg.encode(photograph, 30)
    assert convert("decode", tmp_path / "out.bpg", tmp_path / "out.png").returncode == 0
    assert np.array_equal(pixels(tmp_path / "out.png"), bpg.decode(bpg.encode(photograph, 30)))


def test_the_command_keeps_grey_grey(tmp_path: Path, photograph: np.ndarray) -> None:
    Image.fromarray(photograph[..., 0]).save(tmp_path / "in.png")
    bpg.main(["encode", str(tmp_path / "in.png"), str(tmp_path / "out.bpg"), "--level", "1"])
    assert (tmp_path / "out.bpg").read_bytes() == bpg.encode(photograph[..., 0], 37, level=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("encode", "missing.png", "out.bpg"), "missing.png cannot be read: No such file"),
        (("decode", "missing.bpg", "out.png"), "No such file"),
        (("decode", "text", "out.png"), "bpg cannot decode 4 bytes: it does not begin as BPG files do"),
        (("encode", "text", "out.bpg"), "text is not an image"),
        (("encode", "in.png", "out.bpg", "--qp", "99"), "from 0 to 51"),
        (("encode", "in.png", "nowhere/out.bpg"), "No such file"),
    ],
)
def test_the_command_fails_plainly(
    tmp_path: Path, photograph: np.ndarray, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(photograph).save("in.png")
    Path("text").write_text("text")
    with pytest.raises(SystemExit) as ended:
        bpg.main(arguments)
    assert re.match(f"error: .*{message}", str(ended.value.code))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.png", "text"]
