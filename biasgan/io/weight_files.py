"""Published weights that features and metrics need: where they come from, and where they are kept."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from biasgan.io.checksums import sha256_of_file
from biasgan.io.files import atomic_write

PYIQA = "PolyForm Noncommercial 1.0.0 (pyiqa)"
TORCHVISION = "BSD-3-Clause (torchvision)"
DIGITS = 64


class WeightsError(ValueError):
    """A file of weights that is missing or is not what was published; the message says what to do."""


@dataclass(frozen=True)
class WeightFile:
    """A published file of weights.

    Attributes:
        location: What follows the host in its address.
        cache: Whose cache it is kept in, so that the library that loads it finds it there.
        used_by: Metrics, or `vgg19` for the features of trainings.
        licence: Of the project that publishes it.
        sha256: As hexadecimal digits: all, or only the first eight where no more is known; those are part of the
            file's name. Empty if nobody states it: then it is that of the file that came first.
        size: In bytes, if known.
    """

    location: str
    cache: Literal["torchvision", "pyiqa", "clip", "timm"]
    used_by: tuple[str, ...]
    licence: str
    sha256: str = ""
    size: int | None = None

    @property
    def address(self) -> str:
        """Where it is published; HF_ENDPOINT names another host than huggingface.co, such as a mirror."""
        host = {
            "torchvision": "https://download.pytorch.org/models",
            "clip": "https://openaipublic.azureedge.net/clip/models",
            "pyiqa": f"{hub()}/chaofengc/IQA-PyTorch-Weights/resolve/main",
            "timm": f"{hub()}/timm",
        }[self.cache]
        return f"{host}/{self.location}"

    @property
    def path(self) -> Path:
        """Where it is kept; TORCH_HOME, HF_HOME, HF_HUB_CACHE and XDG_CACHE_HOME choose another folder."""
        name = PurePosixPath(self.location).name
        if self.cache == "timm":
            revision = self.revision.read_text().strip() if self.revision.is_file() else "main"
            return self.revision.parents[1] / "snapshots" / revision / name
        return torch_hub() / {"torchvision": "checkpoints"}.get(self.cache, self.cache) / name

    @property
    def revision(self) -> Path:
        """The file by which Hugging Face's cache knows what `main` is at present."""
        repository = self.location.partition("/")[0]
        return hub_cache() / f"models--timm--{repository}" / "refs" / "main"

    @property
    def record(self) -> Path:
        """Where the hash is kept that the file had when it came, as sha256sum reads it."""
        return self.path.with_name(f"{self.path.name}.sha256")

    @property
    def known_sha256(self) -> str:
        """The published hash, or that which was recorded where no whole one is published."""
        if len(self.sha256) < DIGITS and self.record.is_file():
            recorded = self.record.read_text().partition(" ")[0]
            if recorded.startswith(self.sha256):
                return recorded
        return self.sha256

    def check(self) -> str:
        """Compare the file that is there with what is known of it.

        Returns:
            Its SHA-256.

        Raises:
            WeightsError: If it is missing, damaged or another file.
        """
        if not self.path.is_file():
            raise WeightsError(f"{self.path} is missing. {fetch_command(self.used_by[0])}")
        got = sha256_of_file(self.path)
        if not got.startswith(self.known_sha256):
            raise WeightsError(
                f"{self.path} is damaged or another file: its SHA-256 is {got} instead of {self.known_sha256}. "
                f"Delete it. {fetch_command(self.used_by[0])}"
            )
        return got

    def settle(self) -> None:
        """Make a file that has just come known to its cache, and record its hash where no whole one is published.

        Raises:
            WeightsError: As `check`.
        """
        got = self.check()
        if self.cache == "timm" and not self.revision.is_file():
            write(self.revision, "main")
        if len(self.known_sha256) < DIGITS:
            write(self.record, f"{got}  {self.path.name}\n")


FILES = {
    "vgg19": WeightFile(
        "vgg19-dcbb9e9d.pth", "torchvision", ("vgg19",), TORCHVISION,
        "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44", 574673361,
    ),
    "vgg16": WeightFile(
        "vgg16-397923af.pth", "torchvision", ("dists",), TORCHVISION,
        "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0", 553433881,
    ),
    "alexnet": WeightFile(
        "alexnet-owt-7be5be79.pth", "torchvision", ("lpips",), TORCHVISION,
        "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02", 244408911,
    ),
    "resnet50": WeightFile(
        "resnet50.a1_in1k/resolve/main/model.safetensors", "timm", ("ahiq", "hyperiqa", "topiq_fr"), "Apache-2.0 (timm)"
    ),
    "vit": WeightFile(
        "vit_base_patch8_224.augreg2_in21k_ft_in1k/resolve/main/model.safetensors", "timm", ("ahiq", "maniqa"),
        "Apache-2.0 (timm)",
    ),
    "clip": WeightFile(
        "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762/RN50.pt", "clip", ("clipiqa",), "MIT (CLIP)",
        "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762",
    ),
    "inception": WeightFile(
        "pt_inception-2015-12-05-6726825d.pth", "pyiqa", ("fid", "patch_fid", "kid"), PYIQA,
        "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2", 95628359,
    ),
    "ahiq": WeightFile("AHIQ_vit_p8_epoch33-da3ea303.pth", "pyiqa", ("ahiq",), PYIQA, "da3ea303"),
    "dists": WeightFile(
        "DISTS_weights-f5e65c96.pth", "pyiqa", ("dists",), PYIQA,
        "f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218", 12288,
    ),
    "hyperiqa": WeightFile("HyperIQA-resnet50-koniq10k-c96c41b1.pth", "pyiqa", ("hyperiqa",), PYIQA, "c96c41b1"),
    "lpips": WeightFile(
        "LPIPS_v0.1_alex-df73285e.pth", "pyiqa", ("lpips",), PYIQA,
        "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0", 6009,
    ),
    "maniqa": WeightFile("ckpt_koniq10k.pt", "pyiqa", ("maniqa",), PYIQA),
    "musiq": WeightFile("musiq_koniq_ckpt-e95806b9.pth", "pyiqa", ("musiq",), PYIQA, "e95806b9"),
    "niqe": WeightFile("niqe_modelparameters.mat", "pyiqa", ("niqe", "pi"), PYIQA),
    "nrqm": WeightFile("NRQM_model.mat", "pyiqa", ("pi",), PYIQA),
    "topiq": WeightFile("cfanet_fr_kadid_res50-2c4cc61d.pth", "pyiqa", ("topiq_fr",), PYIQA, "2c4cc61d"),
}  # fmt: skip
"""Every file, by its name here.

Whole hashes are those of the address (CLIP), of the same files in torchmetrics (LPIPS, DISTS), or of several public
records that agree with the digits in the file's name.
"""


def files_of(user: str) -> dict[str, WeightFile]:
    """The files that a metric needs, or `vgg19`, by name; none for one without weights."""
    return {name: file for name, file in FILES.items() if user in file.used_by}


def checked(user: str) -> dict[str, str]:
    """Check all files that a metric needs.

    Returns:
        Name of each file here → its SHA-256.

    Raises:
        WeightsError: If some are missing, naming all of them, or one is damaged.
    """
    files = files_of(user)
    missing = [name for name, file in files.items() if not file.path.is_file()]
    if missing:
        raise WeightsError(f"No weights {', '.join(missing)} here. {fetch_command(user)}")
    return {name: file.check() for name, file in files.items()}


def fetch_command(user: str) -> str:
    """What to tell those who lack a file."""
    return f"Fetch what is missing with\nbiasgan weights fetch {user}"


def hub() -> str:
    """Hugging Face's address, or that of a mirror."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def torch_hub() -> Path:
    """PyTorch's cache, without its half a gigabyte for those who only look at the table."""
    if "torch.hub" in sys.modules:
        return Path(sys.modules["torch.hub"].get_dir())
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("TORCH_HOME") or f"{cache}/torch").expanduser() / "hub"


def hub_cache() -> Path:
    """Hugging Face's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{cache}/huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or f"{home}/hub").expanduser()


def write(path: Path, text: str) -> None:
    """Write a small file, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_text(text)
