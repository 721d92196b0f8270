"""Final result codes for errors, as numbers and in words (TS 27.007 section 9.2, TS 27.005 section 3.2.5)."""

from __future__ import annotations

CME_WORDS = {
    0: "phone failure",
    3: "operation not allowed",
    4: "operation not supported",
    10: "SIM not inserted",
    11: "SIM PIN required",
    12: "SIM PUK required",
    13: "SIM failure",
    14: "SIM busy",
    15: "SIM wrong",
    16: "incorrect password",
    20: "memory full",
    21: "invalid index",
    22: "not found",
    23: "memory failure",
    24: "text string too long",
    30: "no network service",
    31: "network timeout",
    32: "network not allowed - emergency calls only",
    50: "incorrect parameters",
    100: "unknown",
    515: "please wait, init in progress",
}

CMS_WORDS = {
    1: "Unassigned number",
    8: "Operator determined barring",
    10: "Call barred",
    21: "Short message transfer rejected",
    27: "Destination out of service",
    28: "Unidentified subscriber",
    29: "Facility rejected",
    30: "Unknown subscriber",
    38: "Network out of order",
    41: "Temporary failure",
    42: "Congestion",
    47: "Resources unavailable",
    50: "Requested facility not subscribed",
    69: "Requested facility not implemented",
    300: "ME failure",
    301: "SMS service of ME reserved",
    302: "operation not allowed",
    303: "operation not supported",
    304: "invalid PDU mode parameter",
    305: "invalid text mode parameter",
    310: "(U)SIM not inserted",
    311: "(U)SIM PIN required",
    313: "(U)SIM failure",
    314: "(U)SIM busy",
    316: "(U)SIM PUK required",
    320: "memory failure",
    321: "invalid memory index",
    322: "memory full",
    330: "SMSC address unknown",
    331: "no network service",
    332: "network timeout",
    340: "no +CNMA acknowledgement expected",
    500: "unknown error",
}


class FinalError(Exception):
    """A command ends with this final result code instead of OK."""

    def line(self, cmee: int) -> str:
        """Return the code as AT+CMEE asks for it; plain ERROR where it makes no difference."""
        return "ERROR"


class PlainError(FinalError):
    """`ERROR`: the command or its parameters are not known."""


class VerbatimError(FinalError):
    """An error line sent just as a scenario has it."""

    def line(self, cmee: int) -> str:
        """Return the scenario's line."""
        return str(self)


class CmeError(FinalError):
    """`+CME ERROR`, or plain ERROR while AT+CMEE=0."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code

    def line(self, cmee: int) -> str:
        """Return the code as a number, in words or not at all."""
        if cmee == 0:
            return "ERROR"
        return f"+CME ERROR: {CME_WORDS.get(self.code, 'unknown') if cmee == 2 else self.code}"


class CmsError(FinalError):
    """`+CMS ERROR`; 27.005 knows no switch for it, only the choice of words over a number."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code

    def line(self, cmee: int) -> str:
        """Return the code as a number or in words."""
        return f"+CMS ERROR: {CMS_WORDS.get(self.code, 'unknown error') if cmee == 2 else self.code}"


def from_scenario(code: str) -> FinalError:
    """Read `CMS 38`, `CME 14`, or any other line to be sent as it is."""
    kind, _, number = code.partition(" ")
    if number.isdigit() and kind in ("CMS", "CME"):
        return CmsError(int(number)) if kind == "CMS" else CmeError(int(number))
    return PlainError() if code == "ERROR" else VerbatimError(code)
