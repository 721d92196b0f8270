"""Huawei's sticks and what descends from them."""

from __future__ import annotations

from simcourier.virtual.profile import BootLine, Chatter, Profile

CARD_ONLY = (("SM", "SR"), ("SM",), ("SM",))

_HUAWEI_ATI = (
    "Manufacturer: {manufacturer}",
    "Model: {model}",
    "Revision: {revision}",
    "IMEI: {imei}",
    "+GCAP: +CGSM,+DS,+ES",
)
_HUAWEI_SAYS = {
    "^ICCID?": "^ICCID: {iccid}\nOK",
    "^CPIN?": "^CPIN: {cpin},,{puk_tries},{pin_tries},10,3\nOK",
    "^CURC=": "OK",
    "^PORTSEL=": "OK",
    "^SYSINFO": "^SYSINFO:2,3,0,5,1,,4\nOK",
    "^HWVER": '^HWVER:"CH2E303SM"\nOK',
    # The first number is not what AT+CSMS= has set.
    "+CSMS?": "+CSMS: 0,1,1,1\nOK",
}
_HUAWEI_UNKNOWN = frozenset({"+CCID", "+ICCID", "+CPINR"})
_SIM_GONE = ("^SIMST:255,0", "^SRVST:0")
_SIM_BACK = ("^SIMST:1,0", "^SRVST:2")

HUAWEI = Profile(
    name="huawei",
    manufacturer="huawei",
    model="E3372",
    revision="21.200.07.00.00",
    ati=_HUAWEI_ATI,
    unknown=_HUAWEI_UNKNOWN,
    says={**_HUAWEI_SAYS, "+CLAC": ""},
    final_gap="\r\n",
    boot_lines=(BootLine(0.0, "^SIMST:1,0", needs_sim=True), BootLine(0.5, "^SRVST:2", needs_sim=True)),
    chatter=(
        Chatter(("^RSSI: 19", '^HCSQ:"LTE",42,38,101,14', "\r\n^MODE:7,7\r\r\n"), 5.0, "^CURC=0"),
        Chatter(("^DSFLOWRPT:0000000A,00000000,00000000,0000,0000,0003E800,0003E800",), 7.0, "^CURC=0"),
    ),
    creg_modes=(0, 1, 2),
    creg_form="bare",
    ceer="+CEER: {words}",
    ussd="packed",
    cnmi_listed="(0-2),(0-3),(0,2),(0-2),(0,1)",
    full='^SMMEMFULL:"SM"',
    sim_gone=_SIM_GONE,
    sim_back=_SIM_BACK,
)

HUAWEI_E1550 = Profile(
    name="huawei-e1550",
    manufacturer="huawei",
    model="E1550",
    revision="11.608.14.00.00",
    ati=_HUAWEI_ATI,
    unknown=_HUAWEI_UNKNOWN,
    says=_HUAWEI_SAYS,
    chatter=(Chatter(("^RSSI:19", "^BOOT:20588402,0,0,0,72"), 3.0, "^CURC=0"),),
    creg_modes=(0, 1, 2),
    creg_form="bare",
    ussd="packed",
    cnmi_refused=frozenset({(3, 1)}),
    stores=CARD_ONLY,
    full='^SMMEMFULL:"SM"',
    hangs_on_long_pdu=True,
    ucs2_limit=133,
    sim_gone=_SIM_GONE,
    sim_back=_SIM_BACK,
)

HUAWEI_E1752 = Profile(
    name="huawei-e1752",
    manufacturer="huawei",
    model="E1752",
    revision="11.126.13.00.00",
    ati=_HUAWEI_ATI,
    unknown=_HUAWEI_UNKNOWN,
    says={**_HUAWEI_SAYS, "+CMMS": "CMS 500", "+CMMS=": "CMS 500", "+CMMS?": "CMS 500"},
    unknown_answer="COMMAND NOT SUPPORT",
    final_gap="\r\n",
    stuttering=frozenset({"+CLAC"}),
    chatter=(Chatter(("^BOOT:20588402,0,0,0,72",), 3.0, "^CURC=0"), Chatter(("^RSSI: 17",), 11.0, "^CURC=0")),
    creg_modes=(0, 1, 2),
    creg_form="bare",
    ussd="packed",
    stores=(("ME", "MT", "SM", "SR"),) * 3,
    first_index=0,
    sim_gone=_SIM_GONE,
    sim_back=_SIM_BACK,
)

HUAWEI_E3131 = Profile(
    name="huawei-e3131",
    manufacturer="huawei",
    model="E3131",
    revision="21.157.00.00.00",
    ati=_HUAWEI_ATI,
    unknown=_HUAWEI_UNKNOWN,
    says={**_HUAWEI_SAYS, "+CLAC": "", '+CPMS="MT"': "CMS 302"},
    chatter=(Chatter(("^RSSI:14", '\r\n^HCSQ:"WCDMA",30,28,40\r\r\n'), 5.0, "^CURC=0"),),
    creg_modes=(0, 1, 2),
    creg_form="bare",
    ussd="ucs2",
    # Lists mode 2 and refuses it.
    cnmi_listed="(0-2),(0-3),(0,2),(0-2),(0,1)",
    cnmi_refused=frozenset({(0, 2)}),
    # A report lies in the SIM's store and is announced for another.
    stores=(("ME", "MT", "SM", "SR"), ("ME", "SM"), ("ME", "SM")),
    report_store="SM",
    report_announced='"MT",{index}',
    full='^SMMEMFULL:"SM"',
    sim_gone=_SIM_GONE,
    sim_back=_SIM_BACK,
)

BROVI = Profile(
    name="brovi",
    manufacturer="huawei",
    model="E3372-325",
    revision="3.0.2.61",
    ati=_HUAWEI_ATI,
    unknown=_HUAWEI_UNKNOWN,
    says={key: _HUAWEI_SAYS[key] for key in ("^ICCID?", "^CPIN?")},
    cpms_arguments=(3,),
    cnum="none",
)
