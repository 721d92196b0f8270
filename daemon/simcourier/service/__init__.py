"""The one door for web and command line: accept, look up, cancel, and tell how the box is."""

from simcourier.care.balance import Balance
from simcourier.modem.facts import ModemState
from simcourier.service.box import BoxStatus
from simcourier.service.clients import Client
from simcourier.service.door import Service
from simcourier.service.drafts import CodeForm, StartRequest
from simcourier.service.idempotency import IdempotencyKey
from simcourier.service.keys import SCOPES
from simcourier.service.messages import Accepted, Glimpse, MessageView, SendRequest
from simcourier.service.modems import ModemView
from simcourier.service.numbers import Activity
from simcourier.service.tools import Tools
from simcourier.service.verifications import Started, VerificationView

LOCAL_KEY_FILE = "local.key"

__all__ = [
    "LOCAL_KEY_FILE",
    "SCOPES",
    "Accepted",
    "Activity",
    "Balance",
    "BoxStatus",
    "Client",
    "CodeForm",
    "Glimpse",
    "IdempotencyKey",
    "MessageView",
    "ModemState",
    "ModemView",
    "SendRequest",
    "Service",
    "StartRequest",
    "Started",
    "Tools",
    "VerificationView",
]
