"""Call what the nodes of a configuration describe, in plain containers."""

from collections.abc import Mapping
from functools import partial
from pkgutil import resolve_name
from typing import Any, TypeVar, cast

Built = TypeVar("Built")

ABOUT_THE_CALL = ("_target_", "_args_", "_partial_", "_convert_", "_recursive_")
"""Keys of a node that are no arguments; the last two are Hydra's, to which plain containers are the same."""


class BuildError(ValueError):
    """What a node describes cannot be called so; the message says why."""


def build(kind: type[Built], node: Mapping[str, Any], **more: object) -> Built:
    """Call what a node describes: `_target_`, with the other keys as arguments, and before it what these describe.

    `_args_` lists arguments without names. With `_partial_: true` the target awaits further arguments.

    Args:
        kind: What is to come of it.
        node: In plain containers; strings are taken as they are.
        more: Further arguments, taken as they are.

    Raises:
        BuildError: If there is no such target, or it takes no such arguments.
        TypeError: If it makes something of another kind.
    """
    made = called({**{name: built(value) for name, value in node.items()}, **more})
    if not isinstance(made, kind):
        raise TypeError(f"{node.get('_target_')} makes a {type(made).__name__}; expected a {kind.__name__}.")
    return made


def built(part: object) -> object:
    """A part of a configuration, with what was called in the place of nodes."""
    if isinstance(part, list | tuple):
        return [built(value) for value in cast(list[object], part)]
    if not isinstance(part, Mapping):
        return part
    parts = {name: built(value) for name, value in cast(Mapping[str, object], part).items()}
    return called(parts) if "_target_" in parts else parts


def called(node: Mapping[str, Any]) -> object:
    """Call what a node describes whose arguments are made.

    Raises:
        BuildError: If there is no such target, or it takes no such arguments.
    """
    name = node.get("_target_")
    try:
        target = resolve_name(str(name))
    # To import a module runs it, which may end in anything.
    except Exception as error:
        raise BuildError(f"{name} cannot be imported: {error or type(error).__name__}") from error
    named = {key: value for key, value in node.items() if key not in ABOUT_THE_CALL}
    if node.get("_partial_"):
        return partial(target, *node.get("_args_", ()), **named)
    try:
        return target(*node.get("_args_", ()), **named)
    except (AttributeError, LookupError, TypeError) as error:
        # Mostly of an argument that there is not, or of another type.
        raise BuildError(str(error) or type(error).__name__) from error
