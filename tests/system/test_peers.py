"""Processes that train together, here two in one; those of their own are in training/test_ddp.py."""

import socket
from collections.abc import Iterator

import pytest
import torch

from biasgan.cli.config import started
from biasgan.cli.errors import plain_errors
from biasgan.system import peers
from biasgan.system.peers import Peers

pytestmark = pytest.mark.skipif(not torch.distributed.is_available(), reason="PyTorch was built without it")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Iterator[Peers]:
    """The leader, while this process is another one."""
    # What lingers at the end of a process that leads does so at once.
    monkeypatch.setattr(peers, "NOTICE", 0.0)
    port = free_port()
    leader = Peers("127.0.0.1", port, leads=True, serves=True, attempt="0")
    peers.join("127.0.0.1", port, leads=False, serves=False)
    yield leader
    peers.leave()
    leader.leave()


def test_all_agree_on_what_one_of_them_proposed(other: Peers) -> None:
    assert peers.agreed("folder", "one") == "one"
    assert other.agreed("folder", "another") == "one"
    assert other.agreed("started", "then") == started("%Y")


@pytest.mark.parametrize("fails", [False, True])
def test_the_first_to_fail_has_the_word(other: Peers, fails: bool, capsys: pytest.CaptureFixture[str]) -> None:
    if fails:
        assert other.first_to_fail()
        assert other.first_to_fail()
    with pytest.raises(SystemExit, match="1"), plain_errors():
        raise ValueError("text")
    assert capsys.readouterr().err == ("" if fails else "\nerror: text\n")
    assert other.first_to_fail() == fails


def test_a_broken_connection_is_called_what_it_is(other: Peers, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), plain_errors():
        raise RuntimeError("[gloo/pair.cc] Connection closed")
    said = capsys.readouterr().err
    assert said.startswith("\nerror: A process of this training ended without a word")
    assert said.endswith("PyTorch says: [gloo/pair.cc] Connection closed\n")


def test_a_process_on_its_own_has_the_word() -> None:
    assert peers.first_to_fail()
    assert peers.agreed("folder", "one") == "one"
    assert peers.lost(RuntimeError("gloo")) is None
