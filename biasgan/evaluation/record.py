from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError, safe_open
from safetensors.torch import save  # pyright: ignore[reportUnknownVariableType] - bare dict
from torch import Tensor

from biasgan.io.files import atomic_write


@dataclass(frozen=True)
class Record:
    """What was measured on one image, kept in a file of its own: an interrupted evaluation goes on from these.

    Attributes:
        values: What was measured, by name.
        note: What it was measured on and with, in words: `of` says what the values depend on.
    """

    values: Mapping[str, Tensor]
    note: Mapping[str, str]

    def write(self, path: Path) -> None:
        """Write the record whole or not at all."""
        content = save({name: value.cpu().contiguous() for name, value in self.values.items()}, dict(self.note))
        with atomic_write(path) as temporary:
            temporary.write_bytes(content)

    @classmethod
    def read(cls, path: Path) -> "Record | None":
        """Read a record; None if there is none, or it is damaged."""
        try:
            with cast(Any, safe_open(path, framework="pt")) as file:
                return cls({name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {})  # noqa: SIM118
        except (FileNotFoundError, SafetensorError):
            return None
