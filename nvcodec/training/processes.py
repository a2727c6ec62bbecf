"""Processes that train a window together, each some of its chunks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed

from nvcodec.errors import DeviceError, TrainingError


@dataclass(frozen=True)
class Processes:
    """A process among those that train together, over PyTorch's default process group.

    A chunk's own parameters and embeddings are trained by one process alone, what chunks share by all: each iteration
    adds up its gradients once. Everything that is drawn at random is drawn by every process, so that the training is
    that of a single one but for rounding. Processes are of machines of one kind: what each works out for itself, such
    as the size of a network, has to be the same.

    Attributes:
        rank: of this process; the first, 0, writes the file.
        count: of processes.
    """

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process decides what all have to agree on."""
        return self.rank == 0

    def chunks_of(self, num_chunks: int) -> range:
        """The chunks, of so many, that this process trains."""
        return range(self.rank, num_chunks, self.count)

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace float32 tensors of one device by their sums over all processes, in one transfer."""
        if self.count == 1:
            return
        together = torch.cat([tensor.detach().flatten() for tensor in tensors])
        distributed.all_reduce(together)
        for tensor, total in zip(tensors, torch.split(together, [t.numel() for t in tensors]), strict=True):
            tensor.detach().copy_(total.view_as(tensor))

    def take_from_owners(self, of_chunks: Sequence[Tensor]) -> None:
        """Give every process the tensors, one for each chunk, as those have them that train them."""
        if self.count == 1:
            return
        for chunk_idx, tensor in enumerate(of_chunks):
            distributed.broadcast(tensor.detach(), src=chunk_idx % self.count)

    def take_from_first(self, tensor: Tensor) -> None:
        """Give every process a tensor as the first has it."""
        if self.count > 1:
            distributed.broadcast(tensor, src=0)

    def first_says(self, number: int, device: torch.device) -> int:
        """A number as the first process has it; ``device`` is where the process trains."""
        if self.count == 1:
            return number
        said = torch.tensor(number, dtype=torch.int64, device=device)
        self.take_from_first(said)
        return int(said)


ALONE = Processes()


@contextmanager
def joined(device: str) -> Iterator[Processes]:
    """The group that ``torchrun`` speaks of in the environment, joined within; this process alone if it does not.

    Args:
        device: as the user names it; each process on a machine with GPUs gets one of its own unless it is ``cpu``.

    Raises:
        DeviceError: there are more processes than GPUs.
        TrainingError: raised within where the first process is gone.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield ALONE
        return
    uses_gpus = device != "cpu" and torch.cuda.is_available()
    if uses_gpus:
        gpu = int(os.environ["LOCAL_RANK"])
        if gpu >= torch.cuda.device_count():
            raise DeviceError(f"{gpu + 1} processes need as many GPUs, there are {torch.cuda.device_count()}", "device")
        torch.cuda.set_device(gpu)
    # While one process writes or reads a window the others wait, for as long as that takes.
    distributed.init_process_group("nccl" if uses_gpus else "gloo", timeout=timedelta(days=30))
    processes = Processes(distributed.get_rank(), count)
    try:
        yield processes
    except RuntimeError as error:
        # gloo has no exceptions of its own.
        if processes.is_first or ("gloo" not in str(error) and not isinstance(error, distributed.DistError)):
            raise
        raise TrainingError("another process of this encode has ended") from error
    finally:
        distributed.destroy_process_group()
