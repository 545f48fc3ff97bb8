"""Processes that train together, here all in one; those of their own are in training/test_ddp.py."""

from collections.abc import Callable, Iterator

import pytest
import torch

from biasgan import peers
from biasgan.command import plain_errors
from biasgan.peers import Peers
from biasgan.training.trainer import free_port

pytestmark = pytest.mark.skipif(not torch.distributed.is_available(), reason="PyTorch was built without it")
