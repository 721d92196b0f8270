"""The makes of modems that are known, and what is peculiar about each (MODEMS.md sections 1 and 2 name the sources)."""

from __future__ import annotations

from dataclasses import replace

from simcourier.at.quirks.quirks import Quirks

# Without LTE there is nothing to ask by CEREG, and each look at the network would ask it in vain.
_NO_LTE = frozenset({"AT+CEREG?", "AT+CEREG=1", "AT+CEREG=3"})

# `^RSSI`, `^HCSQ` and their like come every few seconds, E1752s say `^BOOT` as often: CURC 0 ends them.
# CLAC hangs an E3131, GETPORTMODE crashes an MU609. We do not know which models tell `^SIMST` all the same;
# where none comes, a SIM that goes shows by `+CREG`.
HUAWEI = Quirks(
    "huawei",
    hush=("AT^CURC=0",),
    never=frozenset({"AT+CLAC", "AT^GETPORTMODE"}),
    iccid=(("AT^ICCID?", "^ICCID"),),
    pin_tries=("AT^CPIN?", "^CPIN"),
    reset="AT^RESET",
    restarted=("^SIMST",),
)
# E3372-325 "Brovi": CPMS with one store or two is an error (gammu issue 908).
HUAWEI_BROVI = replace(HUAWEI, store_forms=(3,))

# Lists CNMI mode 2 and rejects it (ModemManager): 1 first. It says `+ZUSIMR:2` without end while messages wait
# in its store, until CPMS? is asked. CSMP would clear its service centre (python-gsmmodem's K3565-Z).
ZTE = Quirks(
    "zte",
    hush=("AT+CPMS?",),
    never=frozenset({"AT+CSMP", "AT+CLAC"}),
    iccid=(("AT+ICCID", "ICCID"), ("AT+ZGETICCID", "+ZGETICCID")),
    pin_tries=("AT+ZPINPUK=?", "+ZPINPUK"),
    modes=(1, 2, 3, 0),
)

# With ds 2 an EC25 keeps the report in "SR" and says `+CDSI: "SM",0` (chan-quectel pull request 75): direct first.
# Unsolicited lines come at one of its ports only: have it the AT port, where it has several.
QUECTEL = Quirks(
    "quectel",
    hush_usb=('AT+QURCCFG="urcport","usbat"',),
    iccid=(("AT+QCCID", "+QCCID"),),
    pin_tries=("AT+QPINC?", "+QPINC"),
    restarted=("+QIND: SMS DONE", "+QIND: PB DONE"),
)
SAID_OVER_USB = frozenset(QUECTEL.hush_usb)
"""What shows, in a dialogue, that the port was one of a USB device's."""
# M95, M26 and their like; CSMS 1 is an error there (warthog618/modem issue 17), and nothing needs it.
QUECTEL_2G = replace(QUECTEL, hush_usb=(), never=_NO_LTE)

# A SIM800L refuses ds 2, hands reports over under CSMS 0, and takes no SMS command before its `SMS Ready`.
SIMCOM_2G = Quirks(
    "simcom-2g",
    never=_NO_LTE,
    iccid=(("AT+CCID", "+CCID"),),
    pin_tries=("AT+SPIC", "+SPIC"),
    routes=(1,),
    restarted=("Call Ready", "UNDER-VOLTAGE POWER DOWN"),
)
SIMCOM_LTE = Quirks(
    "simcom-lte",
    iccid=(("AT+CICCID", "+ICCID"),),
    pin_tries=("AT+SPIC", "+SPIC"),
)

# Wants some 20 ms between an answer and the next command. With CSMS 1 each notice would have to be acknowledged
# (application note), so 0. An empty CNMI would reset all of it.
TELIT = Quirks(
    "telit",
    pause=0.02,
    never=frozenset({"AT+CNMI=", "AT+CSMP"}),
    iccid=(("AT#CCID", "#CCID"),),
    pin_tries=("AT#PCT", "#PCT"),
    reset="AT#REBOOT",
    restarted=("#QSS",),
)

# An MC8775 answers questions about CPMS and CNMI with a bare OK (gammu): the settings are believed then.
SIERRA = Quirks("sierra", iccid=(("AT!ICCID?", "!ICCID"),), reset="AT!RESET")

# A SARA-R4 has no notices unless they are set; CFUN 16 is its restart, and one of the SIM.
U_BLOX = Quirks("u-blox", reset="AT+CFUN=16", restarted=("+PBREADY",))

# Refuses bfr 0 with `+CMS ERROR: unknown error` (warthog618/modem pull request 8). Lists ds 1 only under CSMS 1,
# and then wants CNMA. An HC25 loses its service centre after ATZ.
CINTERION = Quirks(
    "cinterion",
    never=frozenset({"ATZ"}),
    iccid=(("AT^SCID", "^SCID"),),
    pin_tries=("AT^SPIC", "^SPIC"),
    service=1,
    buffering=1,
    restarted=("^SHUTDOWN", "^SCKS"),
)
# At 19200 baud a TC35 loses commands that follow an answer at once (kannel's modem definitions).
SIEMENS_TC35 = replace(CINTERION, never=_NO_LTE | CINTERION.never, pause=0.05)

# `AT+CPIN?` has no OK behind it, CNMI four fields, CPMS two stores at most; any mode counts as 2.
WAVECOM = Quirks(
    "wavecom",
    never=_NO_LTE,
    lone=frozenset({"AT+CPIN?"}),
    fields=4,
    store_forms=(2, 1),
    reset="AT+CFUN=1",
    restarted=("+WIND: 3", "+WIND: 4", "+WIND: 7", "+WIND: 8"),
)

# A phone: no notices, no stores, no restart by command (python-gsmmodem's profile of an N79).
NOKIA = Quirks(
    "nokia",
    never=_NO_LTE | {"AT+CNMI?", "AT+CNMI=?", "AT+CPMS?", "AT+CPMS=?"},
    routes=(),
    store_forms=(),
    reset="",
)

# Lists ds 1 and rejects it, takes 2 (ModemManager); CSMP would clear the service centre of an M6280.
QUALCOMM = Quirks("qualcomm", routes=(2, 1), never=frozenset({"AT+CSMP"}))
# A Novatel hands reports over, takes no acknowledgement for them, and is jammed by the first (oFono).
QUALCOMM_NOVATEL = replace(QUALCOMM, routes=(2,))
