"""What a pickle names, told without unpickling it, which could run code."""

import pickletools
import re
import zipfile
from collections import deque
from io import BytesIO
from pathlib import Path
from typing import IO, NamedTuple

LEGACY = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
"""How files of PyTorch before 1.6 begin: with three pickles before that of the content."""
PLAIN = re.compile(
    r"torch\.(\w+|_utils\.\w+|_tensor\.\w+|storage\.(Typed|Untyped)Storage|serialization\.\w+|nn\.parameter\.\w+)"
    r"|collections\.(OrderedDict|Counter|defaultdict)|(builtins|__builtin__)\.set|_codecs\.encode"
)
"""What tensors and plain containers are made of."""
TENSORS = "torch.storage._load_from_bytes"
"""What tensors are made by that another than `torch.save` has pickled."""
NETWORK = "torch.nn.modules."
LONGEST_WORD = 64
"""Letters of a string that may be a key."""


class Pickled(NamedTuple):
    """What a file of pickles has in it."""

    of_torch: bool
    """Whether `torch.save` has written it; else `pickle.dump`."""
    names: list[str]
    """Classes and functions in the order in which they come."""
    words: set[str]
    """Short strings."""
    is_object: bool
    """Whether the whole is an object of a class, no container."""

    @property
    def objects(self) -> list[str]:
        """Those of the names that are neither of tensors nor of plain containers, sorted."""
        return sorted({name for name in self.names if not PLAIN.fullmatch(name)})

    def saving(self, path: Path) -> str:
        """Code with which somebody who trusts the file saves its weights alone."""
        load = f"pickle.load(open({str(path)!r}, 'rb'))"
        if self.of_torch:
            load = f"torch.load({str(path)!r}, weights_only=False)"
        of_key = ", where KEY is that of the weights"
        has_network = any(name.startswith(NETWORK) for name in self.objects)
        if self.is_object and has_network:
            return f"torch.save({load}.state_dict(), 'weights.pth')"
        if "state_dict" in self.words:
            return f"torch.save({load}['state_dict'], 'weights.pth')"
        if has_network:
            return f"torch.save({load}[KEY].state_dict(), 'weights.pth'){of_key}"
        if self.objects == [TENSORS]:
            return f"torch.save({load}, 'weights.pth')"
        has_tensors = any(name.startswith("torch.") for name in self.names)
        if not has_tensors and all(name.startswith("numpy.") for name in self.objects):
            arrays = f"{{name: torch.as_tensor(array) for name, array in {load}.items()}}"
            return f"torch.save({arrays}, 'weights.pth')"
        return f"torch.save({load}[KEY], 'weights.pth'){of_key}"


def pickled_in(path: Path) -> Pickled | None:
    """Look through the pickle of a file, of `torch.save` or plain; None if there is none, or only a part of it."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                (name,) = (name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl")
                return scan(BytesIO(archive.read(name)), of_torch=True)
        with path.open("rb") as file:
            legacy = file.read(len(LEGACY)) == LEGACY
            file.seek(0)
            for _ in range(3 if legacy else 0):
                for _ in pickletools.genops(file):
                    pass
            return scan(file, of_torch=legacy)
    except (ValueError, EOFError, OverflowError, MemoryError):
        return None


def scan(file: IO[bytes], of_torch: bool) -> Pickled:
    """Look through one pickle, from where a file is read.

    Raises:
        ValueError: If it is none, or does not end.
    """
    names: list[str] = []
    words: set[str] = set()
    first = ""
    last: deque[object] = deque([None, None], maxlen=2)
    memo: dict[object, object] = {}
    for opcode, argument, _ in pickletools.genops(file):
        kind = opcode.name
        first = first or ("" if kind in ("PROTO", "FRAME") else kind)
        if kind == "GLOBAL":
            names.append(str(argument).replace(" ", "."))
        elif kind == "STACK_GLOBAL":
            names.append(".".join(map(str, last)))
        elif kind == "MEMOIZE":
            memo[len(memo)] = last[-1]
        elif kind.endswith("PUT"):
            memo[argument] = last[-1]
        elif kind.endswith("GET"):
            last.append(memo.get(argument))
        else:
            last.append(argument)
            if isinstance(argument, str) and len(argument) <= LONGEST_WORD:
                words.add(argument)
    is_object = not first.startswith("EMPTY") and bool(names) and not PLAIN.fullmatch(names[0])
    return Pickled(of_torch, names, words, is_object)
