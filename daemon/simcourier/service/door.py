"""The one door for web and command line: a part for each thing that callers may do."""

from __future__ import annotations

from simcourier.config import Config
from simcourier.metrics import Metrics
from simcourier.service.audit import AuditTrail
from simcourier.service.box import Box
from simcourier.service.checks import Checks
from simcourier.service.clients import Clients
from simcourier.service.drafts import Drafts
from simcourier.service.explaining import Explaining
from simcourier.service.failures import FailureCounts
from simcourier.service.guard import Guard
from simcourier.service.idempotency import Repeats
from simcourier.service.inbound import Inbound
from simcourier.service.limits import Limits
from simcourier.service.loads import Loads
from simcourier.service.loops import LoopTests
from simcourier.service.messages import Messages
from simcourier.service.modems import Modems
from simcourier.service.numbers import Numbers
from simcourier.service.privacy import Privacy
from simcourier.service.room import Room
from simcourier.service.secrets import Secrets
from simcourier.service.sims import Sims
from simcourier.service.stops import Stops
from simcourier.service.templates import Templates
from simcourier.service.tools import Tools
from simcourier.service.ussd import UssdDesk
from simcourier.service.verifications import Verifications
from simcourier.service.webhooks import Webhooks


class Service:
    """What callers may do; every method of every part is safe to call from any thread but the writer's."""

    def __init__(self, tools: Tools, local_secret: str) -> None:
        self.config: Config = tools.config
        self.metrics: Metrics = tools.metrics
        self.room = Room(tools)
        self.clients = Clients(tools, local_secret)
        self.guard = Guard(tools)
        self.limits = Limits(tools, self.guard)
        loads = Loads(tools)
        self.sims = Sims(tools, loads)
        self.modems = Modems(tools, self.sims, loads)
        self.ussd = UssdDesk(tools, self.modems)
        self.templates = Templates(tools)
        repeats, failures = Repeats(tools), FailureCounts(tools)
        drafts = Drafts(tools, self.templates)
        self.messages = Messages(tools, self.room, self.guard, self.templates, repeats)
        self.explaining = Explaining(tools)
        self.verifications = Verifications(tools, self.room, self.guard, drafts, repeats, failures)
        self.checks = Checks(tools, self.guard, drafts, failures)
        self.numbers = Numbers(tools)
        self.inbound = Inbound(tools)
        self.stops = Stops(tools)
        self.loops = LoopTests(tools)
        self.webhooks = Webhooks(tools)
        self.audit = AuditTrail(tools)
        self.privacy = Privacy(tools)
        self.secrets = Secrets(tools)
        self.box = Box(tools, self.room)
