"""The makes of modem that can be played, each with what is known to be odd about it.

The facts were gathered from other programs' sources, recorded dialogues and makers' manuals; where two models of one
make differ in a way that matters, each is a profile. What a make's own answer is not known for is the standard's.
"""

from __future__ import annotations

from simcourier.virtual.profile import STANDARD
from simcourier.virtual.profiles.huawei import BROVI, HUAWEI, HUAWEI_E1550, HUAWEI_E1752, HUAWEI_E3131
from simcourier.virtual.profiles.modules import (
    CINTERION,
    SIERRA,
    SIERRA_MC8775,
    TELIT,
    TELIT_GM862,
    U_BLOX,
    WAVECOM,
)
from simcourier.virtual.profiles.quectel_simcom import (
    QUECTEL,
    QUECTEL_M95,
    SIMCOM_2G,
    SIMCOM_7670G,
    SIMCOM_LTE,
)
from simcourier.virtual.profiles.sticks import D_LINK, NOKIA, NOVATEL, QUALCOMM, ZTE, ZTE_MF626

PROFILES = {
    profile.name: profile
    for profile in (STANDARD, HUAWEI, HUAWEI_E1550, HUAWEI_E1752, HUAWEI_E3131, BROVI, ZTE, ZTE_MF626, QUECTEL,
                    QUECTEL_M95, SIMCOM_2G, SIMCOM_LTE, SIMCOM_7670G, TELIT, TELIT_GM862, SIERRA, SIERRA_MC8775, U_BLOX,
                    CINTERION, WAVECOM, NOKIA, QUALCOMM, NOVATEL, D_LINK)
}  # fmt: skip
