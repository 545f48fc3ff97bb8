import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torchmetrics

from biasgan.io.checksums import sha256_of_file
from biasgan.io.weight_files import FILES, WeightFile, WeightsError, checked

CONTENT = b"some weights"
HASH = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    for name in ("HF_ENDPOINT", "HF_HUB_CACHE", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


@pytest.fixture
def file() -> WeightFile:
    """A file that nobody knows the hash of."""
    return WeightFile("some.pth", "pyiqa", ("lpips",), "none")


def put(file: WeightFile, content: bytes = CONTENT) -> None:
    file.path.parent.mkdir(parents=True, exist_ok=True)
    file.path.write_bytes(content)


def test_files_lie_where_their_libraries_look(tmp_path: Path) -> None:
    hub = tmp_path / "torch" / "hub"
    assert FILES["vgg19"].path == hub / "checkpoints" / "vgg19-dcbb9e9d.pth"
    assert FILES["lpips"].path == hub / "pyiqa" / "LPIPS_v0.1_alex-df73285e.pth"
    assert FILES["clip"].path == hub / "clip" / "RN50.pt"
    repository = tmp_path / "huggingface" / "hub" / "models--timm--resnet50.a1_in1k"
    assert FILES["resnet50"].path == repository / "snapshots" / "main" / "model.safetensors"


@pytest.mark.parametrize(("variable", "below"), [("HF_HOME", "hub"), ("HF_HUB_CACHE", "")])
def test_hugging_faces_cache_can_be_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, below: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))
    assert FILES["vit"].path.is_relative_to(
        tmp_path / "elsewhere" / below / "models--timm--vit_base_patch8_224.augreg2_in21k_ft_in1k"
    )


def test_empty_variables_choose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = FILES["niqe"].address
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HF_ENDPOINT", "HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, "")
    assert FILES["niqe"].address == before
    assert FILES["vit"].revision.is_relative_to(tmp_path / ".cache" / "huggingface" / "hub")


def test_a_revision_that_hugging_face_brought_is_found() -> None:
    file = FILES["resnet50"]
    file.revision.parent.mkdir(parents=True)
    file.revision.write_text("773525d5\n")
    assert file.path.parts[-2:] == ("773525d5", "model.safetensors")


def test_a_mirror_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror/")
    assert FILES["niqe"].address == (
        "https://mirror/chaofengc/IQA-PyTorch-Weights/resolve/main/niqe_modelparameters.mat"
    )
    assert FILES["resnet50"].address == "https://mirror/timm/resnet50.a1_in1k/resolve/main/model.safetensors"
    assert FILES["vgg16"].address == "https://download.pytorch.org/models/vgg16-397923af.pth"


def test_hashes_are_whole_or_those_of_the_name() -> None:
    for name, file in FILES.items():
        assert re.fullmatch("|([0-9a-f]{8}){1,8}", file.sha256), name
        assert len(file.sha256) in (0, 8, 64), name
        digits = re.search(r"-([0-9a-f]{8})\.", file.location)
        if digits:
            assert file.sha256.startswith(digits[1]), name
        assert file.used_by, name


def test_hashes_of_files_that_torchmetrics_has() -> None:
    folder = Path(torchmetrics.__file__).parent / "functional" / "image"
    for name, same in (("lpips", "lpips_models/alex.pth"), ("dists", "dists_models/weights.pt")):
        assert FILES[name].sha256 == sha256_of_file(folder / same)
        assert FILES[name].size == (folder / same).stat().st_size


@pytest.mark.parametrize("digits", [0, 8, 64])
def test_a_file_is_compared_with_what_is_known(file: WeightFile, digits: int) -> None:
    file = replace(file, sha256=HASH[:digits])
    with pytest.raises(WeightsError, match=r"some\.pth is missing\. Fetch .*\nbiasgan weights fetch lpips$"):
        file.check()
    put(file)
    assert file.check() == HASH
    put(file, b"others")
    if digits:
        other = hashlib.sha256(b"others").hexdigest()
        with pytest.raises(WeightsError, match=f"its SHA-256 is {other} instead of {HASH[:digits]}\\. Delete it"):
            file.check()


@pytest.mark.parametrize("digits", [0, 8])
def test_what_came_first_is_recorded(file: WeightFile, digits: int) -> None:
    file = replace(file, sha256=HASH[:digits])
    put(file)
    file.settle()
    assert file.record.read_text() == f"{HASH}  some.pth\n"
    assert file.known_sha256 == HASH
    put(file, b"others")
    with pytest.raises(WeightsError, match=f"instead of {HASH}"):
        file.settle()
    assert file.record.read_text() == f"{HASH}  some.pth\n"


def test_a_record_does_not_overrule_what_is_published(file: WeightFile) -> None:
    put(file)
    file.settle()
    assert replace(file, sha256="0" * 8).known_sha256 == "0" * 8
    whole = replace(file, sha256="1" * 64)
    assert whole.known_sha256 == "1" * 64


def test_a_whole_hash_needs_no_record(file: WeightFile) -> None:
    file = replace(file, sha256=HASH)
    put(file)
    file.settle()
    assert not file.record.exists()


def test_hugging_faces_cache_learns_of_a_file() -> None:
    file = replace(FILES["resnet50"], sha256=HASH)
    put(file)
    file.settle()
    assert file.revision.read_text() == "main"
    assert file.check() == HASH


def test_all_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FILES, "lpips", replace(FILES["lpips"], sha256=HASH))
    message = r"^No weights alexnet, lpips here\. Fetch what is missing with\nbiasgan weights fetch lpips$"
    with pytest.raises(WeightsError, match=message):
        checked("lpips")
    put(FILES["lpips"])
    with pytest.raises(WeightsError, match=r"^No weights alexnet here"):
        checked("lpips")
    monkeypatch.setitem(FILES, "alexnet", replace(FILES["alexnet"], sha256=""))
    put(FILES["alexnet"])
    assert checked("lpips") == {"alexnet": HASH, "lpips": HASH}
    assert checked("psnr") == {}
