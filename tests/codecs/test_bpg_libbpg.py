"""The programs are not to be had here, so stand-ins take their place that know the same options and file formats."""

import stat
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage import data as samples

from biasgan.codecs import bpg
from biasgan.codecs.bpg import BPG
from biasgan.codecs.codec import CodecError

ROOT = Path(__file__).parents[2]
BPGENC = f"""#!{sys.executable}
import argparse, sys
sys.path.insert(0, {str(ROOT)!r})
if len(sys.argv) == 1:
    print("BPG Image Encoder version 0.9.8\\nusage: bpgenc [options] infile.[jpg|png]")
    sys.exit(1)
parser = argparse.ArgumentParser()
for name in "oqfcbem":
    parser.add_argument("-" + name)
parser.add_argument("image")
given = parser.parse_args()
assert (given.c, given.b) == ("ycbcr", "8")
from biasgan.codecs import bpg
from biasgan.io.images import read_image
from pathlib import Path
image = read_image(Path(given.image))
if image.shape[1] < 31 and given.e == "x265":
    import os, signal
    os.kill(os.getpid(), signal.SIGSEGV)
chroma = {{"420": "4:2:0", "444": "4:4:4"}}[given.f]
qp = int(given.q) + (3 if given.e == "jctvc" else 0)
Path(given.o).write_bytes(bpg.encode(image, qp, chroma, int(given.m)))
"""
BPGDEC = f"""#!{sys.executable}
import sys
sys.path.insert(0, {str(ROOT)!r})
if len(sys.argv) == 1:
    print("BPG Image Decoder version 0.9.8")
    sys.exit(1)
option, target, source = sys.argv[1:]
assert option == "-o"
from biasgan.codecs import bpg
from biasgan.io.images import write_png
from pathlib import Path
try:
    write_png(Path(target), bpg.decode(Path(source).read_bytes()))
except ValueError:
    print("Could not decode image", file=sys.stderr)
    sys.exit(1)
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (("bpgenc", BPGENC), ("bpgdec", BPGDEC)):
        file = tmp_path / name
        file.write_text(text)
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("programs")
@pytest.mark.parametrize("options", [{}, {"chroma": "4:4:4", "level": 2}])
def test_programs_are_called_with_the_options(options: dict[str, Any]) -> None:
    image = samples.astronaut()[:40, :50]
    coded = BPG(backend="libbpg", **options).encode(image, 37)
    expected = bpg.encode(image, 37, options.get("chroma", "4:2:0"), options.get("level", 8))
    assert coded.data == expected
    assert np.array_equal(coded.image, bpg.decode(expected))


@pytest.mark.usefixtures("programs")
def test_jctvc_is_taken_from_libbpg() -> None:
    codec = BPG(encoder="jctvc", level=1)
    image = samples.astronaut()[:24, :24]
    assert codec.encode(image, 37).data == bpg.encode(image, 40, level=1)
    assert codec.identity == {
        "codec": "bpg",
        "backend": "libbpg",
        "chroma": "4:2:0",
        "encoder": "bpgenc 0.9.8 jctvc",
        "level": 1,
        "decoder": "bpgdec 0.9.8",
    }


@pytest.mark.usefixtures("programs")
def test_programs_that_fail_are_named() -> None:
    codec = BPG(backend="libbpg")
    with pytest.raises(CodecError, match=r"bpgenc was ended by signal 11: it printed nothing"):
        codec.encode(samples.astronaut()[:24, :24], 37)
    with pytest.raises(CodecError, match=r"bpgdec ended with 1: Could not decode image"):
        codec.decode(b"no BPG")


@pytest.mark.parametrize("missing", ["bpgenc", "bpgdec"])
def test_missing_programs_are_named(programs: Path, missing: str) -> None:
    (programs / missing).unlink()
    with pytest.raises(FileNotFoundError, match=f"{missing} is not on the PATH. Build libbpg .* codec.backend=pyav"):
        BPG(backend="libbpg")


@pytest.mark.usefixtures("programs")
def test_without_pyav_the_programs_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert BPG().backend == "pyav"
    monkeypatch.setattr(bpg, "NEEDED", ("av", "not_installed_at_all"))
    assert BPG().backend == "libbpg"
