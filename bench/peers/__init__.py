"""The systems that simcourier is compared with, each started by hand on the same virtual modems."""

from __future__ import annotations

from bench.peers.base import Peer
from bench.peers.gammu import Gammu
from bench.peers.kannel import Kannel
from bench.peers.loops import BareLoop, GsmmodemLoop
from bench.peers.smstools import Smstools

PEERS: tuple[type[Peer], ...] = (BareLoop, GsmmodemLoop, Smstools, Gammu, Kannel)

__all__ = ["PEERS", "BareLoop", "Gammu", "GsmmodemLoop", "Kannel", "Peer", "Smstools"]
