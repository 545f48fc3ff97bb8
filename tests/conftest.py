import os

import pytest
import torch

# Networks and images are tiny here: threads would cost more than they bring, in this process and in those it starts.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test meets the caches and accounts of the person who runs it."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("BIASGAN_CACHE", str(home / "biasgan"))
    monkeypatch.setenv("TORCH_HOME", str(home / "torch"))
    monkeypatch.setenv("NETRC", str(home / "netrc"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
