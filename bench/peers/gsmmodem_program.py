"""python-gsmmodem-new used the way its own examples do: connect, then sendSms in a loop, one thread a modem."""

from __future__ import annotations

import os
import queue
import sys
import threading

from gsmmodem.exceptions import GsmModemException
from gsmmodem.modem import GsmModem


def tell(word: str) -> None:
    """A line for the bench."""
    os.write(1, word.encode() + b"\n")


def work(port: str, messages: queue.SimpleQueue[tuple[str, str] | None], talks: bool) -> None:
    """Send what comes through one modem."""

    def on_report(_report: object) -> None:
        if talks:
            tell("report")

    # By default reports are stored and read by a thread of the library, which now and then types its AT+CMGD between
    # another thread's prompt and PDU: under load messages fail with +CMS ERROR 304 or are not answered for 35 s.
    # As +CDS they do no harm: the library can't parse these.
    options = {} if talks else {"AT_CNMI": "2,1,0,1,0"}
    modem = GsmModem(port, 115200, smsStatusReportCallback=on_report, **options)
    modem.smsTextMode = False
    modem.connect()
    tell("ready")
    while (message := messages.get()) is not None:
        try:
            modem.sendSms(*message)
        except GsmModemException as error:
            print(f"failed: {error!r}", flush=True)
        if talks:
            tell("done")


def main() -> None:
    """Run until standard input ends (with --hold: after all of it was sent, until killed)."""
    hold = "--hold" in sys.argv
    messages: queue.SimpleQueue[tuple[str, str] | None] = queue.SimpleQueue()
    for port in sys.argv[1:]:
        if port != "--hold":
            threading.Thread(target=work, args=(port, messages, not hold), daemon=True).start()
    lines = sys.stdin.buffer.readlines() if hold else sys.stdin.buffer
    for line in lines:
        to, _, text = line.decode().rstrip("\n").partition("\t")
        messages.put((to, text))
    if hold:
        threading.Event().wait()


if __name__ == "__main__":
    main()
