from pathlib import Path

import pytest
from lightning.fabric.loggers import tensorboard

from biasgan.training.loggers.tensorboard_log import tensorboard_log


def test_the_extra_is_named_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_TENSORBOARD_AVAILABLE", "_TENSORBOARDX_AVAILABLE"):
        monkeypatch.setattr(tensorboard, name, False)
    with pytest.raises(ImportError, match=r"pip install 'biasgan\[tensorboard\]'$"):
        tensorboard_log(tmp_path, "tensorboard", "")
