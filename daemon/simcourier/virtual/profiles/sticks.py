"""Sticks and phones of other makers."""

from __future__ import annotations

from dataclasses import replace

from simcourier.virtual.profile import BootLine, Busy, Chatter, Profile

ZTE = Profile(
    name="zte",
    manufacturer="ZTE INCORPORATED",
    model="K3565-Z",
    revision="BD_P673A2V1.0.0B09",
    unknown=frozenset({"+CEER"}),
    says={"+CFUN=?": "+CFUN: (0-1,4-7),(0-1)\nOK", },
    boot_lines=(BootLine(0.2, '+ZDONR: "Virtual",1,1,"CS_PS","ROAM_OFF"', needs_sim=True),
                BootLine(0.4, '+ZPASR: "UMTS"', needs_sim=True), BootLine(0.6, "+ZPSTM: 00", needs_sim=True)),
    needs_cpin_asked=True,
    chatter=(Chatter(("+ZUSIMR:2",), 2.0, "+CPMS?"),),
    creg_modes=(0, 1, 2),
    creg_form="short",
    ussd="ucs2",
    cnmi_refused=frozenset({(0, 2)}),
    csmp_clears_smsc=True,
)  # fmt: skip

ZTE_MF626 = replace(ZTE, name="zte-mf626", model="MF626", revision="BD_MF626V1.0.0B05", interrupts_cpms=True)

NOKIA = Profile(
    name="nokia",
    manufacturer="Nokia",
    model="Nokia N79",
    revision="V ICPR72_08w44.1\n17-10-08\nRM-348\n(c) Nokia\n11.049",
    says={
        "+CPMS?": "+CPMS: ,,,,,,,,\nOK",
        "+CPMS=?": "+CPMS: (),(),()\nOK",
        "+CPMS=": "CMS 302",
        "+CSMP?": "+CSMP: 49,167,0,0\nOK",
    },
    unknown=frozenset({"+CNUM", "+CPINR", "+CCID", "+ICCID", "+CEREG", "+CNMI", "+CNMA", "+CMMS"}),
    creg_modes=(0, 1, 2),
    creg_form="short",
)

QUALCOMM = Profile(
    name="qualcomm",
    manufacturer="QUALCOMM INCORPORATED",
    model="M6280",
    revision="M6280_V1.0.0 M6280_V1.0.0 1 [Sep 4 2008 12:00:00]",
    unknown=frozenset({"+CCID", "+ICCID", "+CPINR", "+CEREG"}),
    busy=(Busy(4.0, "CME 14", ("+CSCA",)),),
    needs_cpin_asked=True,
    creg_modes=(0, 1, 2),
    # Lists mode 2 and ds 1 and refuses both.
    cnmi_refused=frozenset({(0, 2), (3, 1)}),
    csmp_clears_smsc=True,
)

NOVATEL = Profile(
    name="novatel",
    manufacturer="Novatel Wireless Incorporated",
    model="MC950D",
    revision="4.27",
    unknown=frozenset({"+CCID", "+ICCID"}),
    creg_modes=(0, 1, 2),
    # A report given directly can't be acknowledged, and until it is no other comes.
    cnma="broken",
)

D_LINK = Profile(
    name="d-link",
    manufacturer="D-Link",
    model="DWM-156",
    revision="11.219.00.00.00",
    unknown=frozenset({"+CCID"}),
    creg_modes=(0, 1, 2),
    reports_unlisted=True,
)
