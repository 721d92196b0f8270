"""Modules of other makers, most of them on a board or behind RS-232."""

from __future__ import annotations

from dataclasses import replace

from simcourier.virtual.profile import BootLine, Busy, Profile, sms_busy

TELIT = Profile(
    name="telit",
    manufacturer="Telit",
    model="HE910-D",
    revision="12.00.004",
    unknown=frozenset({"+CPINR"}),
    says={
        "#CCID": "#CCID: {iccid}\nOK",
        "#PORTCFG?": "#PORTCFG: 0,0\nOK",
        "#QSS?": "#QSS: 0,1\nOK",
    },
    cnmi_empty_resets=True,
    sim_gone=("#QSS: 0",),
    sim_back=("#QSS: 1", "#QSS: 2", "#QSS: 3"),
    creg_form="short",
    cnmi=((0, 1, 2, 3), (0, 1, 2, 3), (0, 2, 3), (0, 1, 2), (0, 1)),
    cnmi_listed="(0-3),(0-3),(0,2,3),(0-2),(0,1)",
)

TELIT_GM862 = replace(
    TELIT,
    name="telit-gm862",
    model="GM862-QUAD",
    revision="10.00.004",
    command_limit=80,
    # That a pause is wanted is hearsay; that all which comes sooner is lost is the worst it could mean.
    pause_s=0.02,
)

SIERRA = Profile(
    name="sierra",
    manufacturer="Sierra Wireless, Incorporated",
    model="MC7455",
    revision="SWI9X30C_02.24.05.06",
    unknown=frozenset({"+CCID"}),
    says={"+ICCID": "ICCID: {iccid}\nOK", "!ICCID?": "!ICCID: {iccid}\nOK"},
    boot_lines=(BootLine(1.0, "+PACSP0", needs_sim=True),),
    cnmi=((1, 2), (0, 1, 2), (0, 2), (0, 1, 2), (0, 1)),
    cnmi_listed="(1,2),(0-2),(0,2),(0-2),(0-1)",
    cnmi_default=(1, 0, 0, 0, 0),
)

SIERRA_MC8775 = Profile(
    name="sierra-mc8775",
    manufacturer="Sierra Wireless, Inc.",
    model="MC8775",
    revision="H1_1_8_15MCAP",
    unknown=frozenset({"+ICCID", "+CEREG"}),
    says={
        "+CPMS?": "OK",
        "+CPMS=?": "OK",
        "+CNMI?": "OK",
    },
    boot_lines=(BootLine(1.0, "+PACSP0", needs_sim=True),),
    creg_modes=(0, 1, 2),
    cnmi_listed="(0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)",
)

U_BLOX = Profile(
    name="u-blox",
    manufacturer="u-blox",
    model="SARA-R410M-02B",
    revision="L0.0.00.00.05.06",
    boot_lines=(BootLine(0.0, "+AT: READY"), BootLine(4.0, "+PBREADY", needs_sim=True)),
    busy=(sms_busy(3.0, "CMS 314"),),
    cnmi=((0, 1, 2), (0, 1, 2, 3), (0, 1, 2, 3), (0, 1, 2), (0, 1)),
    cnmi_listed="(0-2),(0-3),(0-3),(0-2),(0-1)",
    cnmi_default=(1, 0, 0, 0, 0),
    stores=(("ME", "MT", "SM", "SR"), ("ME", "SM"), ("ME", "SM")),
    report_store="ME",
    report_announced='"MT",{index}',
)

CINTERION = Profile(
    name="cinterion",
    manufacturer="Cinterion",
    model="BGS2-W",
    revision="REVISION 02.000",
    ati=("{manufacturer}", "{model}", "{revision}"),
    unknown=frozenset({"+CCID", "+ICCID", "+CPINR", "+CEREG"}),
    says={"^SCID": "^SCID: {iccid}\nOK", "^SPIC?": "^SPIC: SIM PIN\nOK",
          "^SPIC": "^SPIC: {pin_tries}\nOK", },
    boot_lines=(BootLine(0.0, "^SYSSTART"), BootLine(2.0, "+CIEV: signal,3", needs_sim=True)),
    sim_gone=("^SCKS: 0", "+CIEV: simstatus,0"),
    sim_back=("^SCKS: 1", "+CIEV: simstatus,5"),
    creg_modes=(0, 1, 2),
    creg_form="short",
    ceer='+CEER: "{words}"',
    cnmi=((0, 1, 2, 3), (0, 1, 2, 3), (0, 2, 3), (0, 1, 2), (1,)),
    cnmi_listed="(0-3),(0-3),(0,2,3),(0-2),(1)",
    cnmi_default=(0, 0, 0, 0, 1),
    cnmi_error="CMS 500",
    direct_needs_csms=True,
    smsc_lost_by_reset=True,
)  # fmt: skip

WAVECOM = Profile(
    name="wavecom",
    manufacturer=" WAVECOM MODEM",
    model=" MULTIBAND  900E  1800",
    revision="ERROR",
    unknown=frozenset({"+CGMR", "+GMR", "+CPINR", "+ICCID", "+CEREG"}),
    says={
        "+CSAS": "OK",
        "+WIND=": "OK",
        "+CCID": '+CCID: "{iccid}"\nOK',
    },
    unfinished=frozenset({"+CPIN?"}),
    boot_lines=(
        BootLine(0.0, "+WIND: 3"),
        BootLine(1.0, "+WIND: 1"),
        BootLine(3.0, "+WIND: 4", needs_sim=True),
    ),
    busy=(sms_busy(3.0, "CME 515"), Busy(1.0, "CME 515", ("+CPIN", "+CIMI", "+CSCA"))),
    sim_gone=("+WIND: 0",),
    sim_back=("+WIND: 1", "+WIND: 4"),
    creg_modes=(0, 1, 2),
    creg_form="short",
    cnmi_listed="(0,1,2),(0,1,2,3),(0,1,2,3),(0,1,2),(0,1)",
    cnmi=((0, 1, 2), (0, 1, 2, 3), (0, 1, 2, 3), (0, 1, 2), (0, 1)),
    stores=(("SM", "BM", "SR"), ("SM",)),
    cpms_listed='(("SM","BM","SR"),("SM"))',
    cpms_arguments=(1, 2),
    cds="+CDS : ",
)
