"""Modems that come up, answer by answer: what the tests of bring-up have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from modem_desk import OK, Desk, Reply, ScriptedModem

from simcourier.modem.facts import ModemChanged, ModemState


def line(text: str) -> str:
    return f"\r\n{text}\r\n" + OK


def desk(answers: Mapping[str, Reply] | None = None) -> Desk:
    return Desk(ScriptedModem(answers))


def times(*answers: str | None) -> Callable[[str], str | None]:
    """Give these answers one after the other, then the last one for ever."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def states(desk: Desk) -> list[ModemState]:
    """The states that were told, each once per stay."""
    told = [fact.snapshot.state for fact in desk.told(ModemChanged)]
    return [state for before, state in zip([None, *told], told, strict=False) if state is not before]


def cnmi(options: str, *refused: str, kept: str | None = None) -> dict[str, Reply]:
    """A modem with these options that refuses some settings, and may keep another than it was given."""

    class State:
        value = "0,0,0,0,0"

    def set_to(command: str) -> str:
        value = command.partition("=")[2]
        if value in refused:
            return "\r\n+CMS ERROR: 303\r\n"
        State.value = kept or value
        return OK

    class Answers(dict[str, Reply]):
        pass

    answers = Answers(
        {"AT+CNMI=?": line(f"+CNMI: {options}"), "AT+CNMI?": lambda _: line(f"+CNMI: {State.value}")}
    )
    for mode in range(4):
        for mt in range(2):
            for ds in range(3):
                for bfr in ("", ",0", ",1"):
                    answers[f"AT+CNMI={mode},{mt},0,{ds}{bfr}"] = set_to
    return answers
