"""From a spec to its network."""

from __future__ import annotations

from nvcodec.bitstream.network_spec import Backbone, NetworkSpec
from nvcodec.networks.enerv import ENeRV
from nvcodec.networks.hnerv import HNeRV
from nvcodec.networks.nerv import NeRV
from nvcodec.networks.network import Network
from nvcodec.networks.vast import VAST

_NETWORKS: dict[Backbone, type[Network]] = {
    Backbone.NERV: NeRV,
    Backbone.ENERV: ENeRV,
    Backbone.HNERV: HNeRV,
    Backbone.VAST: VAST,
}


def build_network(spec: NetworkSpec) -> Network:
    """The network that a spec describes, as a function of the flat parameter vector.

    Raises:
        MalformedError: the spec is not valid.
    """
    return _NETWORKS[spec.backbone](spec)
