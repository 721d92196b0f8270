"""The built-in texts of languages that find all their words in the GSM alphabet, or other ones."""

from __future__ import annotations

Texts = dict[str, tuple[str, ...]]
"""By purpose: the text, and shorter ones in the order in which they are tried."""

EN: Texts = {
    "login": (
        "{code} is your {app} sign-in code. It expires in {minutes} min. Never share it with anyone.",
        "{code} is your sign-in code. It expires in {minutes} min. Never share it.",
    ),
    "transaction": (
        "{code} is your code to pay {amount} to {payee}. It expires in {minutes} min. Never share it with anyone.",
        "Code {code}\n{amount} to {payee}",
    ),
    "signup": (
        "{code} is your code to sign up for {app}. It expires in {minutes} min. Never share it with anyone.",
        "{code} is your code to sign up. It expires in {minutes} min. Never share it.",
    ),
    "reset": (
        "{code} is your code to reset your {app} password. It expires in {minutes} min. Never share it with anyone.",
        "{code} is your code to reset your password. It expires in {minutes} min. Never share it.",
    ),
    "generic": (
        "{code} is your {app} code. It expires in {minutes} min. Never share it with anyone.",
        "{code} is your code. It expires in {minutes} min. Never share it.",
    ),
}

DE: Texts = {
    "login": (
        "{code} ist Ihr Anmeldecode für {app}. Gültig: {minutes} Min. Geben Sie ihn an niemanden weiter.",
        "{code} ist Ihr Anmeldecode. Gültig: {minutes} Min. Geben Sie ihn an niemanden weiter.",
    ),
    "transaction": (
        "{code} ist Ihr Code für die Zahlung von {amount} an {payee}. Gültig: {minutes} Min. Nicht weitergeben.",
        "Code {code}\n{amount} an {payee}",
    ),
    "signup": (
        "{code} ist Ihr Code zum Registrieren bei {app}. Gültig: {minutes} Min. Geben Sie ihn an niemanden weiter.",
        "{code} ist Ihr Code zum Registrieren. Gültig: {minutes} Min. Geben Sie ihn an niemanden weiter.",
    ),
    "reset": (
        "{code} ist Ihr Code für ein neues Passwort bei {app}. Gültig: {minutes} Min. Nicht weitergeben.",
        "{code} ist Ihr Code für ein neues Passwort. Gültig: {minutes} Min. Nicht weitergeben.",
    ),
    "generic": (
        "{code} ist Ihr Code für {app}. Gültig: {minutes} Min. Geben Sie ihn an niemanden weiter.",
        "{code} ist Ihr Code. Gültig: {minutes} Min. Geben Sie ihn an niemanden weiter.",
    ),
}

FR: Texts = {
    "login": (
        "{code} est votre code de connexion à {app}. Il expire dans {minutes} min. Ne le communiquez à personne.",
        "{code} est votre code de connexion. Il expire dans {minutes} min. Ne le communiquez à personne.",
    ),
    "transaction": (
        "{code} est votre code pour payer {amount} à {payee}. Il expire dans {minutes} min. Ne le donnez à personne.",
        "Code {code}\n{amount} à {payee}",
    ),
    "signup": (
        "{code} est votre code d'inscription à {app}. Il expire dans {minutes} min. Ne le communiquez à personne.",
        "{code} est votre code d'inscription. Il expire dans {minutes} min. Ne le communiquez à personne.",
    ),
    "reset": (
        "{code} est votre code pour changer le mot de passe {app}. Il expire dans {minutes} min."
        " Ne le donnez à personne.",
        "{code} est votre code pour changer de mot de passe. Il expire dans {minutes} min. Ne le donnez à personne.",
    ),
    "generic": (
        "{code} est votre code {app}. Il expire dans {minutes} min. Ne le communiquez à personne.",
        "{code} est votre code. Il expire dans {minutes} min. Ne le communiquez à personne.",
    ),
}

ES: Texts = {
    "login": (
        "{code} es tu clave para acceder a {app}. Caduca en {minutes} min. No la compartas con nadie.",
        "{code} es tu clave de acceso. Caduca en {minutes} min. No la compartas con nadie.",
    ),
    "transaction": (
        "{code} es tu clave para pagar {amount} a {payee}. Caduca en {minutes} min. No la compartas con nadie.",
        "Clave {code}\n{amount} a {payee}",
    ),
    "signup": (
        "{code} es tu clave para registrarte en {app}. Caduca en {minutes} min. No la compartas con nadie.",
        "{code} es tu clave de registro. Caduca en {minutes} min. No la compartas con nadie.",
    ),
    "reset": (
        "{code} es tu clave para cambiar la contraseña de {app}. Caduca en {minutes} min. No la compartas con nadie.",
        "{code} es tu clave para cambiar la contraseña. Caduca en {minutes} min. No la compartas con nadie.",
    ),
    "generic": (
        "{code} es tu clave de {app}. Caduca en {minutes} min. No la compartas con nadie.",
        "{code} es tu clave. Caduca en {minutes} min. No la compartas con nadie.",
    ),
}

PT: Texts = {
    "login": (
        "Use {code} para entrar em {app}. Expira em {minutes} min. Nunca o partilhe com ninguém.",
        "Use {code} para entrar. Expira em {minutes} min. Nunca o partilhe com ninguém.",
    ),
    "transaction": (
        "Use {code} para pagar {amount} a {payee}. Expira em {minutes} min. Nunca o partilhe com ninguém.",
        "Use {code}\n{amount} a {payee}",
    ),
    "signup": (
        "Use {code} para criar a sua conta em {app}. Expira em {minutes} min. Nunca o partilhe com ninguém.",
        "Use {code} para criar a sua conta. Expira em {minutes} min. Nunca o partilhe com ninguém.",
    ),
    "reset": (
        "Use {code} para mudar a palavra-passe de {app}. Expira em {minutes} min. Nunca o partilhe com ninguém.",
        "Use {code} para mudar a palavra-passe. Expira em {minutes} min. Nunca o partilhe com ninguém.",
    ),
    "generic": (
        "Use {code} para continuar em {app}. Expira em {minutes} min. Nunca o partilhe com ninguém.",
        "Use {code} para continuar. Expira em {minutes} min. Nunca o partilhe com ninguém.",
    ),
}

PT_BR: Texts = {
    "login": (
        "Use {code} para entrar em {app}. Expira em {minutes} min. Nunca compartilhe com ninguém.",
        "Use {code} para entrar. Expira em {minutes} min. Nunca compartilhe com ninguém.",
    ),
    "transaction": (
        "Use {code} para pagar {amount} a {payee}. Expira em {minutes} min. Nunca compartilhe com ninguém.",
        "Use {code}\n{amount} a {payee}",
    ),
    "signup": (
        "Use {code} para criar sua conta em {app}. Expira em {minutes} min. Nunca compartilhe com ninguém.",
        "Use {code} para criar sua conta. Expira em {minutes} min. Nunca compartilhe com ninguém.",
    ),
    "reset": (
        "Use {code} para redefinir a senha de {app}. Expira em {minutes} min. Nunca compartilhe com ninguém.",
        "Use {code} para redefinir a senha. Expira em {minutes} min. Nunca compartilhe com ninguém.",
    ),
    "generic": (
        "Use {code} para continuar em {app}. Expira em {minutes} min. Nunca compartilhe com ninguém.",
        "Use {code} para continuar. Expira em {minutes} min. Nunca compartilhe com ninguém.",
    ),
}

IT: Texts = {
    "login": (
        "{code} è il tuo codice di accesso a {app}. Scade tra {minutes} min. Non comunicarlo a nessuno.",
        "{code} è il tuo codice di accesso. Scade tra {minutes} min. Non comunicarlo a nessuno.",
    ),
    "transaction": (
        "{code} è il tuo codice per pagare {amount} a {payee}. Scade tra {minutes} min. Non comunicarlo a nessuno.",
        "Codice {code}\n{amount}\n{payee}",
    ),
    "signup": (
        "{code} è il tuo codice per registrarti su {app}. Scade tra {minutes} min. Non comunicarlo a nessuno.",
        "{code} è il tuo codice per registrarti. Scade tra {minutes} min. Non comunicarlo a nessuno.",
    ),
    "reset": (
        "{code} è il tuo codice per cambiare la password di {app}. Scade tra {minutes} min."
        " Non comunicarlo a nessuno.",
        "{code} è il tuo codice per cambiare la password. Scade tra {minutes} min. Non comunicarlo a nessuno.",
    ),
    "generic": (
        "{code} è il tuo codice per {app}. Scade tra {minutes} min. Non comunicarlo a nessuno.",
        "{code} è il tuo codice. Scade tra {minutes} min. Non comunicarlo a nessuno.",
    ),
}

PL: Texts = {
    "login": (
        "{code} to kod logowania do {app}. Wygasa za {minutes} min. Nie podawaj go nikomu.",
        "{code} to kod logowania. Wygasa za {minutes} min. Nie podawaj go nikomu.",
    ),
    "transaction": (
        "{code} to kod autoryzacji transakcji: {amount} dla {payee}. Wygasa za {minutes} min."
        " Nie podawaj go nikomu.",
        "Kod {code}\n{amount} dla {payee}",
    ),
    "signup": (
        "{code} to kod rejestracji w {app}. Wygasa za {minutes} min. Nie podawaj go nikomu.",
        "{code} to kod rejestracji. Wygasa za {minutes} min. Nie podawaj go nikomu.",
    ),
    "reset": (
        "{code} to kod do odzyskania konta w {app}. Wygasa za {minutes} min. Nie podawaj go nikomu.",
        "{code} to kod do odzyskania konta. Wygasa za {minutes} min. Nie podawaj go nikomu.",
    ),
    "generic": (
        "{code} to kod do {app}. Wygasa za {minutes} min. Nie podawaj go nikomu.",
        "{code} to jednorazowy kod. Wygasa za {minutes} min. Nie podawaj go nikomu.",
    ),
}

TR: Texts = {
    "login": (
        "{app} giris kodunuz: {code}. {minutes} dk gecerlidir. Kimseyle paylasmayin.",
        "Giris kodunuz: {code}. {minutes} dk gecerlidir. Kimseyle paylasmayin.",
    ),
    "transaction": (
        "Onay kodunuz: {code}. Tutar: {amount}, alici: {payee}. {minutes} dk gecerlidir. Kimseyle paylasmayin.",
        "Kod {code}\n{amount}\n{payee}",
    ),
    "signup": (
        "{app} kayit kodunuz: {code}. {minutes} dk gecerlidir. Kimseyle paylasmayin.",
        "Kayit kodunuz: {code}. {minutes} dk gecerlidir. Kimseyle paylasmayin.",
    ),
    "reset": (
        "{app} sifre yenileme kodunuz: {code}. {minutes} dk gecerlidir. Kimseyle paylasmayin.",
        "Sifre yenileme kodunuz: {code}. {minutes} dk gecerlidir. Kimseyle paylasmayin.",
    ),
    "generic": (
        "{app} kodunuz: {code}. {minutes} dk gecerlidir. Kimseyle paylasmayin.",
        "Kodunuz: {code}. {minutes} dk gecerlidir. Kimseyle paylasmayin.",
    ),
}

ID: Texts = {
    "login": (
        "{code} adalah kode masuk {app} Anda. Berlaku {minutes} menit. Jangan berikan kepada siapa pun.",
        "{code} adalah kode masuk Anda. Berlaku {minutes} menit. Jangan berikan kepada siapa pun.",
    ),
    "transaction": (
        "{code} adalah kode untuk membayar {amount} kepada {payee}. Berlaku {minutes} menit."
        " Jangan berikan kepada siapa pun.",
        "Kode {code}\n{amount} ke {payee}",
    ),
    "signup": (
        "{code} adalah kode pendaftaran {app} Anda. Berlaku {minutes} menit. Jangan berikan kepada siapa pun.",
        "{code} adalah kode pendaftaran Anda. Berlaku {minutes} menit. Jangan berikan kepada siapa pun.",
    ),
    "reset": (
        "{code} adalah kode untuk mengganti kata sandi {app}. Berlaku {minutes} menit."
        " Jangan berikan kepada siapa pun.",
        "{code} adalah kode untuk mengganti kata sandi. Berlaku {minutes} menit. Jangan berikan kepada siapa pun.",
    ),
    "generic": (
        "{code} adalah kode {app} Anda. Berlaku {minutes} menit. Jangan berikan kepada siapa pun.",
        "{code} adalah kode Anda. Berlaku {minutes} menit. Jangan berikan kepada siapa pun.",
    ),
}
