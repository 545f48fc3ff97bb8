"""A generator goes to the hub and comes back: by huggingface_hub's own client, and a server that speaks as the hub."""

import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from huggingface_hub import constants
from PIL import Image

import biasgan
from biasgan import enhance, export
from biasgan.runs.weights import find_discriminator, find_generator, load_generator

from ..conftest import Command, Finished, tiny
from ..io.hub_server import HubServer, commit_id, hub_server

# Of huggingface_hub's use of its own client.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

MODEL = "hf:somebody/model"
SHORT = ("iterations=1", "pretrain_iterations=0")


@pytest.fixture
def hub(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """The server, as if HF_ENDPOINT named it, which huggingface_hub reads only once; somebody is logged in."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("HF_TOKEN", "right")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path_factory.mktemp("cache")))
    # The other way of uploading has a protocol of its own, in a library of its own.
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with hub_server() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.address)
        addresses = f"{server.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", addresses)
        yield server


@pytest.fixture
def exporting(command: Command) -> Command:
    return partial(command, main=export.main)


def front_matter(hub: HubServer) -> dict[str, object]:
    card = hub.commits["somebody/model"][-1]["README.md"].decode()
    return yaml.safe_load(card.split("---\n")[1])


def test_a_run_goes_there_and_comes_back(exporting: Command, finished: Finished, hub: HubServer) -> None:
    done = exporting("--run", str(finished.folder), "--to", MODEL, "--licence", "cc-by-4.0")
    assert done == (0, f"{hub.address}/somebody/model\n", "")
    image = np.full((20, 30, 3), 77, np.uint8)
    assert np.array_equal(biasgan.load(MODEL)(image), biasgan.load(finished.folder)(image))
    summary = json.loads((finished.folder / "summary.json").read_text())
    facts = front_matter(hub)
    assert (facts["license"], facts["library_name"], facts["pipeline_tag"]) == (
        "cc-by-4.0",
        "biasgan",
        "image-to-image",
    )
    assert facts["tags"] == ["image-restoration", "jpeg", "realesrgan", "full"]
    assert facts["metrics"] == ["psnr", "ssim"]
    assert str(summary["restored"]["psnr"]) in yaml.safe_dump(facts["model-index"])
    card = hub.commits["somebody/model"][-1]["README.md"].decode()
    assert 'restored = biasgan.load("hf:somebody/model")("photo.jpg")' in card
    assert card.count("---\n") == 2


def test_a_licence_that_the_hub_does_not_know_keeps_its_name(exporting: Command, hub: HubServer) -> None:
    assert exporting("--run", "bundled", "--to", MODEL, "--licence", "Mine | 2").status == 0
    assert (front_matter(hub)["license"], front_matter(hub)["license_name"]) == ("other", "Mine | 2")
    assert exporting("--run", "bundled-pixel", "--to", MODEL).status == 0
    assert "license" not in front_matter(hub)


@pytest.fixture
def there(exporting: Command, hub: HubServer) -> list[str]:
    """Two commits: the bundled generator, and then its pixel-trained twin."""
    for run in ("bundled", "bundled-pixel"):
        assert exporting("--run", run, "--to", MODEL).status == 0
    hub.asked.clear()
    return [commit_id("somebody/model", number) for number in (1, 2)]


def same(one: str, other: str) -> bool:
    weights = [load_generator(name).state_dict() for name in (one, other)]
    return all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_revision_stays_what_it_is(there: list[str]) -> None:
    assert same(MODEL, "bundled-pixel")
    assert same(f"{MODEL}@{there[0]}", "bundled")
    # What a training started from is recorded with its commit.
    assert find_generator(MODEL).place == f"{MODEL}@{there[1]}"


def test_what_is_in_the_cache_needs_no_network(
    there: list[str], hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert same(MODEL, "bundled-pixel")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.asked.clear()
    assert same(MODEL, "bundled-pixel")
    assert not hub.asked
    with pytest.raises(OSError, match="hf:somebody/other is not in the cache, and the hub cannot be reached"):
        biasgan.load("hf:somebody/other")


def test_photographs_are_restored_by_it(there: list[str], command: Command, tmp_path: Path) -> None:
    Image.new("RGB", (20, 20), "teal").save(tmp_path / "photo.png")
    done = command("photo.png", "--model", f"{MODEL}@{there[0]}", main=enhance.main)
    assert (done.status, done.err) == (0, "")


def test_a_training_starts_from_it(there: list[str], command: Command, pictures: Path, tmp_path: Path) -> None:
    options = [option for option in tiny(pictures) if not option.startswith("generator.")]
    done = command(*options, *SHORT, f"init_from={MODEL}", "hydra.run.dir=run")
    assert done.status == 0, done.err
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["started_from"]["generator"] == f"{MODEL}@{there[1]}"


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"hf: needs huggingface_hub, .*: pip install 'biasgan\[hub\]'"):
        biasgan.load(MODEL)


def test_what_goes_wrong_is_said_in_a_line(
    there: list[str], exporting: Command, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.commits["somebody/data"] = [{"README.md": b""}]
    for name, message in {
        "hf:nobody/there": "there is no such repository, or it is not yours to see. Log in with: hf auth login",
        "hf:somebody/data": "has no model of biasgan's: no file generator.safetensors",
        f"{MODEL}@none": "this repository has no such revision",
        "hf:model": "expected hf:USER/NAME or hf:USER/NAME@REVISION",
    }.items():
        with pytest.raises((OSError, ValueError), match=message) as raised:
            biasgan.load(name)
        assert "\n" not in str(raised.value)
    with pytest.raises(FileNotFoundError, match=r"no file discriminator\.safetensors"):
        find_discriminator(MODEL)
    for token, message in (("wrong", "the hub answers 403, You may not write"), ("", "you are not logged in")):
        monkeypatch.setenv("HF_TOKEN", token)
        done = exporting("--run", "bundled", "--to", MODEL)
        assert done.status == 1
        assert message in done.err
        assert done.err.count("\n") == 2
    both = exporting("--run", "bundled", "--to", MODEL, "--format", "onnx")
    assert both.status == 2
    assert "give either --format, for a file, or --to, for the hub" in both.err
