"""What a test puts into a daemon from outside: careless lines of log, and, in a copy, no protection at all.

Written as a `sitecustomize` module, which Python imports before the program; the product has no setting like these.
"""

from __future__ import annotations

from pathlib import Path

CARELESS = '''
"""A programmer who logs what must not be logged, in every way there is."""
import logging
from simcourier import log
from simcourier.service.messages import Messages
from simcourier.verify import codes

accept = Messages.send


def careless(self, client, request, *more, **others):
    told = log.get("careless")
    text = request.text or ""
    digits = "".join(filter(str.isdigit, text)) or "none"
    told.info("a message", text=text, to=request.to, request={"vars": [text], "to": request.to})
    told.warning("a code of digits", said=f"it is {digits}", number=digits)
    logging.getLogger("waitress").error("a body: %s", f"code {digits}")
    try:
        raise ValueError(f"no such thing as '{text}'")
    except ValueError:
        told.exception("it failed")
        logging.getLogger("sqlalchemy.pool").exception("it failed in a library")
    return accept(self, client, request, *more, **others)


Messages.send = careless
make = codes.make


def careless_make(*given):
    code = make(*given)
    told = log.get("careless")
    told.info("a code was made", said=f"it is {code}", halves=f"it is {code[:5]}-{code[5:]}", code=code)
    told.warning(f"the code is {code}.")
    logging.getLogger("sqlalchemy.pool").error("made %s", code)
    return code


codes.make = careless_make
'''
UNGUARDED = '''
"""The same daemon without redaction, masking, sealing and wiping: what the canary must then be found in."""
import simcourier.redaction
import simcourier.log
from simcourier.at import trace
from simcourier.outbox import database, seal

simcourier.redaction.shaped = lambda text: text
simcourier.redaction._is_secret = lambda name: False
simcourier.redaction._QUOTED = simcourier.redaction.re.compile("(?!)")
simcourier.redaction._DIGITS = simcourier.redaction._QUOTED
trace.mask = trace.mask_unasked = lambda text: text
trace.Trace.sent_pdu = lambda self, pdu, now: self.sent(pdu, now)
seal.Sealer.seal_octets = lambda self, content, owner: b"\\x01" + content
seal.Sealer.open_octets = lambda self, sealed, owner: sealed[1:]
database.checkpoint = lambda engine, mode="PASSIVE": (0, 0, 0)
careful = database._set_up


def careless_set_up(connection, record):
    careful(connection, record)
    connection.execute("PRAGMA secure_delete=OFF")


database._set_up = careless_set_up
'''


def put_into(directory: Path, *hooks: str) -> Path:
    """A directory for PYTHONPATH from which these hooks are run."""
    directory.mkdir()
    (directory / "sitecustomize.py").write_text("\n".join(hooks))
    return directory
