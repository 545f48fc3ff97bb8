"""Find the weights of a network in what others wrapped them in: by what is there, not by where it lies."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from torch import Tensor

Weights = Mapping[str, Tensor]

NETWORKS: Mapping[str, frozenset[str]] = {
    "generator": frozenset(("generator", "gen", "g")),
    "discriminator": frozenset(("discriminator", "disc", "critic", "d")),
}
"""Words by which names say whose the weights are: `netG`, `net_g`, `generator`, `G_ema` …"""
AVERAGED = frozenset(("ema", "averaged", "average", "avg", "swa"))
"""Words of names of moving averages of weights."""


class Candidate(NamedTuple):
    """Weights in a file.

    Attributes:
        path: Names that lead there.
        weights: By name.
    """

    path: tuple[str, ...]
    weights: Weights

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return sum(tensor.numel() for tensor in self.weights.values())

    def says(self, words: frozenset[str]) -> bool:
        """Whether a name that leads there has one of some words."""
        return any(words & set(words_of(name)) for name in self.path)


def find_state_dict(content: Mapping[str, Any], network: str) -> Candidate | None:
    """The weights of a network in the content of a file, wherever in it: averaged ones if there are any.

    Args:
        content: Containers and tensors.
        network: `generator` or `discriminator`.

    Returns:
        None if there are no weights at all.

    Raises:
        LookupError: If they are all of the other network, or of several between which nothing decides; says so.
    """
    wanted = NETWORKS[network]
    (other,) = (words for name, words in NETWORKS.items() if name != network)
    found = list(candidates(content, wanted, other))
    left = [one for one in found if one.says(wanted) or not one.says(other)]
    if found and not left:
        raise LookupError(f"is of a training without a {network}")
    left = [one for one in left if one.says(wanted)] or left
    most = max((one.size for one in left), default=0)
    # Without what is too small to be the network: a few numbers beside it.
    left = [one for one in left if 2 * one.size >= most]
    left = [one for one in left if one.says(AVERAGED)] or left
    if len(left) > 1:
        places = ", ".join(".".join(one.path) or "the top" for one in left)
        raise LookupError(f"has weights of several networks, at {places}; save the {network}'s alone")
    return left[0] if left else None


def candidates(
    content: Mapping[Any, Any], wanted: frozenset[str], other: frozenset[str], path: tuple[str, ...] = ()
) -> Iterator[Candidate]:
    """All weights in containers; those of parts whose names say a network by themselves."""
    weights: dict[str, Tensor] = {
        name: tensor for name, tensor in content.items() if isinstance(name, str) and isinstance(tensor, Tensor)
    }
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in weights.items():
        first, dot, rest = name.partition(".")
        if dot and (wanted | other) & set(words_of(first)):
            parts.setdefault(first, {})[rest] = tensor
    own = [Candidate((*path, first), part) for first, part in parts.items()]
    yield from own
    rest = {name: tensor for name, tensor in weights.items() if name.partition(".")[0] not in parts}
    # Numbers alone are counters and the like.
    if any(tensor.ndim for tensor in rest.values()) and not any(one.says(wanted) for one in own):
        yield Candidate(path, rest)
    for name, inside in content.items():
        # The state of an optimiser is numbered.
        if isinstance(name, str) and isinstance(inside, Mapping):
            yield from candidates(cast(Mapping[Any, Any], inside), wanted, other, (*path, name))


def unwrapped(weights: Weights, own: Sequence[str]) -> Weights:
    """Weights under a network's own names, whatever stands before them in a file.

    Args:
        weights: By names as `module._orig_mod.conv.weight`, others and counters among them or not.
        own: The network's names.

    Returns:
        Those of one place with exactly the own names; the given weights if there is no such place.
    """
    if not own:
        return weights
    first, names = own[0], frozenset(own)
    ends = {name.removesuffix(first) for name in weights if name.endswith(first)}
    places = {prefix: below(weights, prefix, names) for prefix in sorted(ends) if not prefix or prefix.endswith(".")}
    fitting = {prefix: part for prefix, part in places.items() if frozenset(part) == names}
    averaged = {prefix: part for prefix, part in fitting.items() if AVERAGED & set(words_of(prefix))}
    for parts in (averaged, fitting):
        if len(parts) == 1:
            return next(iter(parts.values()))
    return min(forms(weights), key=lambda form: len(form.keys() ^ names))


def forms(weights: Weights) -> Iterator[Weights]:
    """Weights as they are, and without each of the wrappers that all names share, outermost first."""
    while True:
        yield weights
        inner = below(weights, "")
        prefixes = {name.partition(".")[0] for name in inner}
        if len(inner) < len(weights):
            yield inner
        if len(prefixes) != 1 or prefixes & inner.keys():
            return
        weights = below(inner, f"{prefixes.pop()}.")


def below(weights: Weights, prefix: str, own: frozenset[str] = frozenset()) -> Weights:
    """Weights whose names begin so, without it, and without counters such as `n_averaged` that are not own."""
    part = {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}
    return {name: tensor for name, tensor in part.items() if tensor.ndim or "." in name or name in own}


def words_of(name: str) -> list[str]:
    """The words in a name, in small letters: `netG_ema` → net, g, ema."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
