"""Speak to a running box over its HTTP API (the paths of web/simcourier_web/api)."""

from __future__ import annotations

import http.client
import ipaddress
import json
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from simcourier import __version__
from simcourier.cli.endings import EX_FAILED, Stop

if TYPE_CHECKING:
    from simcourier.config import Config

LOCAL_KEY_FILE = "local.key"
"""Where a running box leaves its command line's key, in the storage directory (app.py)."""
TIMEOUT_S = 10.0
_MAX_ANSWER = 16 << 20

Json = dict[str, Any]


class Unreachable(Stop):
    """Nobody answers, or somebody who is no simcourier."""


class Refused(Stop):
    """The box answered with a problem; `code` is the stable word of the API, `status` the HTTP status."""

    def __init__(self, sentence: str, code: str, status: int, problem: Json | None = None) -> None:
        super().__init__(sentence, EX_FAILED)
        self.code = code
        self.status = status
        self.problem: Json = problem or {}


class Box:
    """One running box and the key to it. Every method raises Unreachable or Refused."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url.rstrip("/")
        self._key = key

    def get(self, *path: str, **query: object) -> Json:
        """GET `/v1/<path>`; query values of None are left out."""
        wanted = urlencode({name: value for name, value in query.items() if value is not None})
        return self._ask("GET", _join(path) + (f"?{wanted}" if wanted else ""))

    def post(
        self,
        *path: str,
        body: Json | None = None,
        idempotency_key: str | None = None,
        patience_s: float = TIMEOUT_S,
    ) -> Json:
        """POST `/v1/<path>`; `patience_s` is how long the answer may take."""
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        return self._ask("POST", _join(path), body or {}, headers, patience_s)

    def put(self, *path: str, body: Json) -> Json:
        """PUT `/v1/<path>`."""
        return self._ask("PUT", _join(path), body)

    def delete(self, *path: str) -> Json:
        """DELETE `/v1/<path>`; empty where the box has nothing to say about it."""
        return self._ask("DELETE", _join(path))

    def _ask(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        headers: Json | None = None,
        patience_s: float = TIMEOUT_S,
    ) -> Json:
        try:
            status, raw = self._exchange(method, path, body, headers or {}, patience_s)
        except ConnectionRefusedError:
            raise Unreachable(
                f"nothing answers at {self.url}; is simcourier running? Start it with "
                "`systemctl start simcourier` or `simcourier run`"
            ) from None
        except TimeoutError:
            raise Unreachable(f"{self.url} did not answer within {patience_s:.0f} s") from None
        except http.client.HTTPException:
            raise Unreachable(f"what answers at {self.url} does not speak HTTP") from None
        except OSError as error:
            raise Unreachable(f"{self.url} can't be reached: {error.strerror or error}") from None
        answer = {} if status == 204 else _decode(raw)
        if answer is None:
            raise Unreachable(f"what answers at {self.url} is not simcourier (HTTP status {status})")
        if status >= 400:
            raise _refusal(answer, status)
        return answer

    def _exchange(
        self, method: str, path: str, body: Json | None, headers: Json, patience_s: float
    ) -> tuple[int, bytes]:
        # http.client and not urllib.request: no proxy of the environment may see a key or a code.
        connection = _connection(self.url, patience_s)
        try:
            content = None if body is None else json.dumps(body).encode()
            connection.request(method, path, content, {**self._headers(content), **headers})
            response = connection.getresponse()
            return response.status, response.read(_MAX_ANSWER)
        finally:
            connection.close()

    def _headers(self, content: bytes | None) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self._key}", "User-Agent": f"simcourier/{__version__}"}
        return headers if content is None else {**headers, "Content-Type": "application/json"}


def _join(path: tuple[str, ...]) -> str:
    return "/v1/" + "/".join(quote(part, safe="") for part in path)


def _connection(url: str, patience_s: float) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        return http.client.HTTPSConnection(
            host, parts.port, timeout=patience_s, context=ssl.create_default_context()
        )
    return http.client.HTTPConnection(host, parts.port, timeout=patience_s)


def _decode(raw: bytes) -> Json | None:
    try:
        answer = json.loads(raw)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _refusal(problem: Json, status: int) -> Refused:
    code = str(problem.get("code", ""))
    sentence = str(problem.get("detail") or problem.get("title") or f"the box answered with status {status}")
    if code == "unauthorized":
        sentence = "the box does not take this key; see `simcourier keys list` for those it knows"
    wait_s = problem.get("retry_after")
    if isinstance(wait_s, int):
        sentence = f"{sentence.rstrip('.')}; try again in {wait_s} s"
    return Refused(sentence, code, status, problem)


def local_url(config: Config) -> str:
    """The URL under which this machine reaches what `http.listen` says."""
    host, port = config.http.address
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
    return f"http://[{address}]:{port}" if address.version == 6 else f"http://{address}:{port}"


def connect(config_path: Path | None, url: str | None, key: str | None) -> Box:
    """The box that the options name: by its URL, or the one of a configuration. Raises Stop or ConfigError."""
    from simcourier.cli.options import load_config

    if url is not None:
        if key is None:
            raise Stop("--url needs a key: give one with --key or SIMCOURIER_KEY", 2)
        return Box(_checked(url), key)
    config, _ = load_config(config_path)
    return Box(local_url(config), key or local_key(config.storage.path))


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise Stop("--url must be like http://10.0.0.5:8080", 2)
    return url


def local_key(directory: Path) -> str:
    """The key that the box running on `directory` left for this machine's command line. Raises Stop."""
    path = directory / LOCAL_KEY_FILE
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        raise Unreachable(
            f"no simcourier is running with the storage directory {directory}; start it with "
            "`systemctl start simcourier` or `simcourier run`"
        ) from None
    except PermissionError:
        raise Stop(
            f"you may not read {path}; use sudo, be the user that runs simcourier, or give a key with --key"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(f"{path} can't be read: {error}") from None
