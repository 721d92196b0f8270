"""Quectel's and SIMCom's modules."""

from __future__ import annotations

from simcourier.virtual.profile import AFTER_SIM, BootLine, Busy, Chatter, Profile, sms_busy

CARD_ONLY = (("SM", "SR"), ("SM",), ("SM",))

QUECTEL = Profile(
    name="quectel",
    manufacturer="Quectel",
    model="EC25",
    revision="EC25EFAR06A01M4G",
    ati=("{manufacturer}", "{model}", "Revision: {revision}"),
    unknown=frozenset({"+CPINR"}),
    says={
        "+QCCID": "+QCCID: {iccid}\nOK",
        "+QURCCFG=": "OK",
        "+QURCCFG?": '+QURCCFG: "urcport","usbat"\nOK',
        "+QPINC?": '+QPINC: "SC",{pin_tries},{puk_tries}\nOK',
    },
    boot_lines=(BootLine(0.0, "RDY"), BootLine(1.0, "+CPIN: {cpin}"), BootLine(1.2, "+QUSIM: 1", needs_sim=True),
                BootLine(2.0, "+CFUN: 1"), BootLine(4.0, "+QIND: SMS DONE", needs_sim=True),
                BootLine(5.0, "+QIND: PB DONE", needs_sim=True)),
    busy=(Busy(0.5, "CME 14", AFTER_SIM), sms_busy(4.0, "CMS 314")),
    sim_gone=("+CPIN: NOT READY",),
    sim_back=("+CPIN: READY", "+QUSIM: 1", "+QIND: SMS DONE"),
    ceer='+CEER: "{words}",{cause}',
    cnmi_listed="(0-2),(0-3),(0,2),(0-2),(0,1)",
    # The report lies in "SR"; reading what is announced gives OK and no message.
    report_announced='"SM",0',
    reads_nothing=True,
)  # fmt: skip

QUECTEL_M95 = Profile(
    name="quectel-m95",
    manufacturer="Quectel_Ltd",
    model="Quectel_M95",
    revision="Revision: M95FAR02A08",
    ati=("{manufacturer}", "{model}", "{revision}"),
    unknown=frozenset({"+CPINR", "+CEREG"}),
    boot_lines=(BootLine(0.0, "RDY"), BootLine(0.5, "+CFUN: 1"), BootLine(1.0, "+CPIN: {cpin}"),
                BootLine(3.0, "Call Ready", needs_sim=True), BootLine(5.0, "SMS Ready", needs_sim=True)),
    busy=(sms_busy(5.0, "CMS 314"),),
    creg_modes=(0, 1, 2),
    creg_form="short",
    cnmi=((0, 1, 2, 3), (0, 1, 2, 3), (0, 2, 3), (0, 1, 2), (0, 1)),
    cnmi_listed="(0-3),(0-3),(0,2,3),(0-2),(0,1)",
    csms=(0, 128),
    stores=CARD_ONLY,
)  # fmt: skip

SIMCOM_2G = Profile(
    name="simcom-2g",
    manufacturer="SIMCOM_Ltd",
    model="SIMCOM_SIM800L",
    revision="Revision:1418B05SIM800L24",
    ati=("SIM800 R14.18",),
    unknown=frozenset({"+ICCID", "+CPINR", "+CEREG"}),
    says={
        "+CCID": "{iccid}\nOK",
        "+SPIC": "+SPIC: {pin_tries},{puk_tries},3,10\nOK",
    },
    unknown_answer="CME 100",
    loses_first=True,
    boot_lines=(BootLine(0.0, "RDY"), BootLine(0.3, "+CFUN: 1"), BootLine(1.0, "+CPIN: {cpin}"),
                BootLine(5.0, "Call Ready", needs_sim=True), BootLine(8.0, "SMS Ready", needs_sim=True)),
    busy=(sms_busy(8.0, "ERROR"),),
    sim_gone=("+CPIN: NOT READY",),
    sim_back=("+CPIN: READY", "Call Ready", "SMS Ready"),
    creg_modes=(0, 1, 2),
    creg_form="short",
    ceer="+CEER: {words}",
    character_sets=("IRA", "GSM", "UCS2"),
    cnmi=((0, 1, 2, 3), (0, 1, 2, 3), (0, 2), (0, 1), (0, 1)),
    cnmi_listed="(0-3),(0-3),(0,2),(0,1),(0,1)",
    cnmi_default=(2, 1, 0, 0, 0),
    stores=(("SM", "ME", "SM_P"), ("SM", "ME"), ("SM", "ME")),
)  # fmt: skip

SIMCOM_LTE = Profile(
    name="simcom-lte",
    manufacturer="SIMCOM INCORPORATED",
    model="SIMCOM_SIM7600E-H",
    revision="+CGMR: LE20B03SIM7600M22",
    unknown=frozenset({"+CCID"}),
    says={"+CPINR": "+CPINR: SIM PIN,{pin_tries},3\n+CPINR: SIM PUK,{puk_tries},10\nOK"},
    boot_lines=(BootLine(0.0, "+CPIN: {cpin}"), BootLine(3.0, "SMS DONE", needs_sim=True),
                BootLine(4.0, "PB DONE", needs_sim=True)),
    busy=(sms_busy(3.0, "CMS 314"),),
    chatter=(Chatter(("+CNSMOD: 8", "+NITZ: 2023/11/14,22:13:20+0,0"), 60.0),),
    sim_gone=("+SIMCARD: NOT AVAILABLE", "+CPIN: NOT READY"),
    sim_back=("+CPIN: READY", "SMS DONE", "PB DONE"),
    ceer="+CEER: {words}",
    cnmi_listed="(0-2),(0-3),(0,2),(0-2),(0,1)",
    cnmi_default=(2, 1, 0, 0, 0),
)  # fmt: skip

SIMCOM_7670G = Profile(
    name="simcom-7670g",
    manufacturer="SIMCOM INCORPORATED",
    model="SIM7670G",
    revision="2374B03SIM767XM5A_M",
    unknown=frozenset({"+CCID"}),
    says={"+CSMS?": "+CSMS: 0,1,1,1\nOK", },
    prompt="\r\n>\r\n",
    boot_lines=(BootLine(0.0, "*ATREADY: 1"), BootLine(1.0, "+CPIN: {cpin}"),
                BootLine(3.0, "SMS DONE", needs_sim=True), BootLine(4.0, "PB DONE", needs_sim=True)),
    busy=(sms_busy(3.0, "CMS 314"),),
    sim_gone=("+CPIN: SIM REMOVED",),
    sim_back=("+CPIN: READY", "SMS DONE"),
    cnmi_listed="(0-2),(0-3),(0,2),(0-2),(0,1)",
)  # fmt: skip
