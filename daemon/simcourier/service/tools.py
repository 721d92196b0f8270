"""What every part of the service works with."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from simcourier.care.parts import CareParts
from simcourier.config import Config
from simcourier.dispatch.clock import Clock
from simcourier.dispatch.dispatcher import Dispatcher
from simcourier.hooks.hooks import Hooks
from simcourier.metrics import Metrics
from simcourier.outbox.audit import Audit
from simcourier.outbox.seal import Sealer
from simcourier.outbox.writer import Writer
from simcourier.radio.loop import Radio


@dataclass(frozen=True, slots=True)
class Tools:
    """The layers below, as the composition root built them."""

    config: Config
    engine: Engine
    writer: Writer
    dispatcher: Dispatcher
    radio: Radio
    sealer: Sealer
    metrics: Metrics
    clock: Clock
    audit: Audit
    hooks: Hooks
    care: CareParts
