"""Which executor encodes the windows of a video."""

from __future__ import annotations

from dataclasses import replace

import torch

from nvcodec.encoder.cluster import RayCluster
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.executors import Executor, SeveralProcesses, ThisProcess
from nvcodec.errors import ConfigError
from nvcodec.training.processes import Processes


def choose_executor(
    config: EncoderConfig, workers: int | None, cluster: str | None, processes: Processes
) -> tuple[Executor, EncoderConfig]:
    """Where to encode windows, and the settings with the threads for each.

    Raises:
        ConfigError: the numbers are out of range or contradict each other, or there is no such cluster.
        DeviceError: there are fewer GPUs than workers.
    """
    if workers is not None and workers < 1:
        raise ConfigError(f"{workers} is not allowed; allowed is at least 1", "workers")
    if processes.count > 1 and (cluster is not None or workers not in (None, 1)):
        raise ConfigError("cannot go together with processes that train each window together", "workers")
    if cluster is not None:
        config = replace(config, threads=config.threads or 1)
        return RayCluster(cluster, config, workers), config
    if workers in (None, 1):
        return ThisProcess(processes), config
    config = replace(config, threads=config.threads or max(1, torch.get_num_threads() // workers))
    return SeveralProcesses(workers, config), config
