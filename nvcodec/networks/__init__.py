"""The decoder networks: a spec becomes a function of the flat parameter vector."""

from nvcodec.networks.build import build_network
from nvcodec.networks.design import BaseGrid, NetworkDesign, base_grid, choose_strides
from nvcodec.networks.network import Network, output_activation
from nvcodec.networks.positional import time_encoding
from nvcodec.networks.solving import budget_of_width, solve_network

__all__ = [
    "BaseGrid",
    "Network",
    "NetworkDesign",
    "base_grid",
    "budget_of_width",
    "build_network",
    "choose_strides",
    "output_activation",
    "solve_network",
    "time_encoding",
]
