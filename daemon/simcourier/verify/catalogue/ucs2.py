"""The built-in texts of languages with letters of their own: 70 characters are an SMS."""

from __future__ import annotations

from simcourier.verify.catalogue.gsm import Texts

UK: Texts = {
    "login": (
        "Код {code} для входу в {app}. Діє {minutes} хв. Нікому не кажіть",
        "Код входу {code}. Діє {minutes} хв. Нікому не кажіть",
        "Код входу {code}, {minutes} хв",
    ),
    "transaction": (
        "Код {code}: {amount} для {payee}, {minutes} хв. Нікому не кажіть",
        "Код {code}\n{amount}\n{payee}",
    ),
    "signup": (
        "Код {code} для реєстрації в {app}. Діє {minutes} хв. Не розголошуйте",
        "Код реєстрації {code}. Діє {minutes} хв. Нікому не кажіть",
        "Код реєстрації {code}, {minutes} хв",
    ),
    "reset": (
        "Код {code} для зміни пароля {app}. Діє {minutes} хв. Нікому не кажіть",
        "Код зміни пароля {code}. Діє {minutes} хв. Нікому не кажіть",
        "Код зміни пароля {code}, {minutes} хв",
    ),
    "generic": (
        "Код {code} для {app}. Діє {minutes} хв. Нікому не кажіть",
        "Ваш код {code}. Діє {minutes} хв. Нікому не кажіть",
        "Ваш код {code}, {minutes} хв",
    ),
}

HI: Texts = {
    "login": (
        "{code} आपका {app} लॉगिन कोड है। {minutes} मिनट मान्य। किसी को न बताएं",
        "{code} आपका लॉगिन कोड है। {minutes} मिनट मान्य। किसी को न बताएं",
        "लॉगिन कोड {code}, {minutes} मिनट",
    ),
    "transaction": (
        "{code}: {payee} को {amount} देने का कोड। किसी को न बताएं",
        "कोड {code}\n{amount}\n{payee}",
    ),
    "signup": (
        "{code} आपका {app} साइन-अप कोड है। {minutes} मिनट मान्य। किसी को न बताएं",
        "{code} आपका साइन-अप कोड है। {minutes} मिनट मान्य। किसी को न बताएं",
        "साइन-अप कोड {code}, {minutes} मिनट",
    ),
    "reset": (
        "{code} आपका {app} पासवर्ड कोड है। {minutes} मिनट मान्य। किसी को न बताएं",
        "{code} आपका पासवर्ड कोड है। {minutes} मिनट मान्य। किसी को न बताएं",
        "पासवर्ड कोड {code}, {minutes} मिनट",
    ),
    "generic": (
        "{code} आपका {app} कोड है। {minutes} मिनट मान्य। किसी को न बताएं",
        "{code} आपका कोड है। {minutes} मिनट मान्य। किसी को न बताएं",
        "आपका कोड {code}, {minutes} मिनट",
    ),
}

AR: Texts = {
    "login": (
        "رمز {code} للدخول إلى {app}، صالح {minutes} د. لا تشاركه مع أحد",
        "رمز الدخول {code} صالح {minutes} د. لا تشاركه مع أحد",
        "رمز الدخول {code} صالح {minutes} د",
    ),
    "transaction": (
        "رمز {code} لدفع {amount} إلى {payee}. لا تشاركه مع أحد",
        "رمز {code}\n{amount}\n{payee}",
    ),
    "signup": (
        "رمز {code} للتسجيل في {app}، صالح {minutes} د. لا تشاركه مع أحد",
        "رمز التسجيل {code} صالح {minutes} د. لا تشاركه مع أحد",
        "رمز التسجيل {code} صالح {minutes} د",
    ),
    "reset": (
        "رمز {code} لتغيير كلمة مرور {app}، صالح {minutes} د. لا تشاركه",
        "رمز {code} لتغيير كلمة المرور، صالح {minutes} د. لا تشاركه",
        "رمز {code} لكلمة مرور جديدة، {minutes} د",
    ),
    "generic": (
        "رمز التحقق {code} من {app}، صالح {minutes} د. لا تشاركه مع أحد",
        "رمز التحقق {code} صالح {minutes} د. لا تشاركه مع أحد",
        "رمز التحقق {code} صالح {minutes} د",
    ),
}
