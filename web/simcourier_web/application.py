"""The WSGI application: the JSON API and the status page over one service."""

from __future__ import annotations

from flask import Flask, request

from simcourier.errors import RequestError
from simcourier.service import Service
from simcourier_web import answers, operations, problems
from simcourier_web.api.audit import AuditApi
from simcourier_web.api.box import BoxApi
from simcourier_web.api.document import DocumentApi
from simcourier_web.api.explain import ExplainApi
from simcourier_web.api.inbound import InboundApi
from simcourier_web.api.keys import KeysApi
from simcourier_web.api.limits import LimitsApi
from simcourier_web.api.loops import LoopsApi
from simcourier_web.api.messages import MessagesApi
from simcourier_web.api.modems import ModemsApi
from simcourier_web.api.numbers import NumbersApi
from simcourier_web.api.privacy import PrivacyApi
from simcourier_web.api.secrets import SecretsApi
from simcourier_web.api.sims import SimsApi
from simcourier_web.api.stops import StopsApi
from simcourier_web.api.templates import TemplatesApi
from simcourier_web.api.ussd import UssdApi
from simcourier_web.api.verifications import VerificationsApi
from simcourier_web.api.webhooks import WebhooksApi
from simcourier_web.auth import Gate, refuse_key_in_address
from simcourier_web.hosts import HostCheck
from simcourier_web.pages.board import Pages


def create_application(service: Service) -> Flask:
    """Build the WSGI application that serves `service`."""
    app = Flask(__package__ or __name__)
    app.config["MAX_CONTENT_LENGTH"] = service.config.http.max_body_bytes
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    # A redirect to a tidier path would answer where an error belongs.
    app.url_map.merge_slashes = False
    # On every path, also on one that reads no body.
    app.before_request(_refuse_long_body)
    app.before_request(refuse_key_in_address)
    app.after_request(answers.finish)
    problems.install(app)
    gate = Gate(service)
    box = BoxApi(service, gate)
    for part in (box, Pages(service, gate)):
        part.install(app)
    apis = (
        KeysApi(service),
        MessagesApi(service),
        ExplainApi(service),
        VerificationsApi(service),
        ModemsApi(service),
        UssdApi(service),
        SimsApi(service),
        InboundApi(service),
        StopsApi(service),
        LoopsApi(service),
        AuditApi(service),
        LimitsApi(service),
        NumbersApi(service),
        PrivacyApi(service),
        SecretsApi(service),
        TemplatesApi(service),
        WebhooksApi(service),
        box,
    )
    declared = [operation for api in apis for operation in api.operations()]
    declared = [*declared, *DocumentApi(declared).operations()]
    operations.install(app, gate, declared)
    # Flask's own way to put something around all of an application.
    app.wsgi_app = HostCheck(app.wsgi_app, service.config.http)  # type: ignore[method-assign]
    return app


def _refuse_long_body() -> None:
    if (request.content_length or 0) > (request.max_content_length or 0):
        raise RequestError("payload-too-large", "The body is larger than this box accepts.")
