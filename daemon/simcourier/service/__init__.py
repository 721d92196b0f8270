"""The one door for web and command line: accept, look up, cancel, and tell how the box is."""

from simcourier.modem.facts import ModemState
from simcourier.service.box import BoxStatus
from simcourier.service.clients import Client
from simcourier.service.door import Service
from simcourier.service.keys import SCOPES
from simcourier.service.messages import Accepted, Glimpse, IdempotencyKey, MessageView, SendRequest
from simcourier.service.modems import ModemView
from simcourier.service.tools import Tools

LOCAL_KEY_FILE = "local.key"

__all__ = [
    "LOCAL_KEY_FILE",
    "SCOPES",
    "Accepted",
    "BoxStatus",
    "Client",
    "Glimpse",
    "IdempotencyKey",
    "MessageView",
    "ModemState",
    "ModemView",
    "SendRequest",
    "Service",
    "Tools",
]
