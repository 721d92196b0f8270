"""The status page's views: the whole box, one modem, and of each the fragment that keeps it live."""

from __future__ import annotations

from flask import Flask, Response, render_template

from simcourier.service import BoxStatus, ModemView, Service
from simcourier.service.loads import Load
from simcourier.sms.address import mask
from simcourier_web.auth import Gate
from simcourier_web.pages import fleet, words
from simcourier_web.pages.spans import span, visible

_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_CLASSES = {"otp": "Codes", "transactional": "Transactional", "bulk": "Bulk"}


class Pages:
    """The views for browsers; none of them changes anything."""

    def __init__(self, service: Service, gate: Gate) -> None:
        self._service = service
        self._gate = gate

    def install(self, app: Flask) -> None:
        """Add the routes."""
        app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
        app.add_url_rule("/", "page", self.box)
        app.add_url_rule("/live", "page_live", self.box_live)
        app.add_url_rule("/modems/<name>", "modem_page", self.modem)
        app.add_url_rule("/modems/<name>/live", "modem_page_live", self.modem_live)

    def box(self) -> Response:
        """The page of the whole box."""
        return self._box("page.html")

    def box_live(self) -> Response:
        """What changes on it."""
        return self._box("page_live.html")

    def _box(self, template: str) -> Response:
        self._gate.viewer()
        box, views = self._service.box.status(), self._service.modems.all()
        modems = [words.modem_line(view) for view in views]
        messages = [words.message_line(glimpse, box.now_ms) for glimpse in self._service.messages.recent()]
        received = [words.inbound_line(glimpse, box.now_ms) for glimpse in self._service.inbound.recent()]
        return _html(
            template,
            box=box,
            verdict=words.verdict(box, modems, self._service.config.storage.min_free_mb),
            modems=modems,
            messages=messages,
            received=received,
            queue=[(label, box.queue.get(name, 0)) for name, label in _CLASSES.items()],
            oldest=_oldest(box),
            room=words.room(box.free_mb),
            up_for=span((box.now_ms - box.started_at_ms) / 1000),
        )

    def modem(self, name: str) -> Response:
        """The page of one modem."""
        return self._modem("modem.html", name)

    def modem_live(self, name: str) -> Response:
        """What changes on it."""
        return self._modem("modem_live.html", name)

    def _modem(self, template: str, name: str) -> Response:
        self._gate.viewer()
        view = self._service.modems.one(name)
        return _html(
            template,
            modem=words.modem_line(view),
            facts=_facts(view),
            path=name,
        )


def _html(template: str, **context: object) -> Response:
    return Response(
        render_template(template, **context), headers=_SECURITY, content_type="text/html; charset=utf-8"
    )


def _oldest(box: BoxStatus) -> str:
    if box.oldest_queued_ms is None:
        return ""
    return span((box.now_ms - box.oldest_queued_ms) / 1000)


def _facts(view: ModemView) -> list[tuple[str, str]]:
    """What is known of a modem, without the numbers that name card and device."""
    card, load = view.snapshot, view.load
    make = " ".join(part for part in (card.manufacturer, card.model) if part)
    found = [
        ("Port", card.port),
        ("USB device", card.device),
        ("Make", make),
        ("Known as", card.quirks),
        ("Firmware", card.revision),
        ("Network", card.operator),
        ("Registration", card.registration),
        ("SIM of", " ".join(filter(None, (load.operator, card.network)))),
        ("SIM ends in", card.sim[-4:]),
        ("SIM's own number", mask(view.number) if view.number else ""),
        ("Held back", "" if load.held is None else fleet.held(load.held, card.name)[0]),
        ("Sent", _sent(load)),
        ("Balance", fleet.left(load.balance)),
        ("Delivery reports", card.reports),
        ("Last fault", _last_fault(view)),
        ("Faults since the start", ", ".join(f"{name} {n}" for name, n in sorted(view.faults.items()))),
        ("Recoveries since the last message", str(card.failures)),
        ("Sandbox", "Reaches virtual handsets only, for sandbox keys only" if view.sandbox else ""),
    ]
    return [(label, visible(value)) for label, value in found if value]


def _sent(load: Load) -> str:
    """Segments by hour, day and month, and of how many where that is bounded."""
    used, pace = load.used, load.pace
    spans = (("hour", used.hour, pace.hour), ("day", used.day, pace.day), ("month", used.month, pace.month))
    return ", ".join(f"{count}{f' of {bound}' if bound else ''} this {name}" for name, count, bound in spans)


def _last_fault(view: ModemView) -> str:
    found = view.mishap
    return "" if found is None else f"{fleet.mishap(found)}: {found.detail}".rstrip(": ")
