"""The WSGI application: the JSON API and the status page over one service."""

from __future__ import annotations

from flask import Flask

from simcourier.service import Service
from simcourier_web import answers, problems
from simcourier_web.api.box import BoxApi
from simcourier_web.api.messages import MessagesApi
from simcourier_web.api.modems import ModemsApi
from simcourier_web.auth import Gate
from simcourier_web.pages.board import Pages


def create_application(service: Service) -> Flask:
    """Build the WSGI application that serves `service`."""
    app = Flask(__package__ or __name__)
    app.config["MAX_CONTENT_LENGTH"] = service.config.http.max_body_bytes
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    # A redirect to a tidier path would answer where an error belongs.
    app.url_map.merge_slashes = False
    app.after_request(answers.finish)
    problems.install(app)
    gate = Gate(service)
    for part in (
        MessagesApi(service, gate),
        ModemsApi(service, gate),
        BoxApi(service, gate),
        Pages(service, gate),
    ):
        part.install(app)
    return app
