"""The secrets of the tests."""

from urllib.parse import quote

from detective_async import Account, Credentials

PASSWORD = "pass/w@rd+hunter-zwei"
USER_AND_PASSWORD = f"robot:{quote(PASSWORD, safe='')}"
SECRETS = {
    "access key id": "ASIAQX7LEAKYLEAKY5QZ",
    "secret key": "wJalr/XUtn+FEMIleakyK7MDENGbPxRfiCYzEXAMPLE=",
    "session token": "FwoGZXIvYXdzEJr//////////wEaDLeaky+Token/" + "Zq9" * 40 + "==",
    "message": 'Please join: the "code word" is\n\\Öffne-Sesam\\ & <quickly>',
    "code word": "ffne-Sesam",
    "e-mail address": "zaphod.b+leaky@heartofgold.example.com",
    "local part": "zaphod.b+leaky",
    "e-mail address with a quote": "trillian.o'leaky@heartofgold.example.com",
    "local part with a quote": "trillian.o",
    "e-mail address beyond ASCII": "märvin_leaky@heartofgold.example.com",
    "local part beyond ASCII": "rvin_leaky",
    "password": PASSWORD,
    "part of the password": "hunter-zwei",
    "user and password": f"robot:{PASSWORD}",
}
KEYS = Credentials(SECRETS["access key id"], SECRETS["secret key"], SECRETS["session token"])
ADDRESSES = [secret for name, secret in SECRETS.items() if name.startswith("e-mail")]
ACCOUNTS = [Account(f"{n:012}", address) for n, address in enumerate(ADDRESSES, start=1)]
MESSAGE = SECRETS["message"]


def parts_of(keys: Credentials) -> tuple[str, str, str | None]:
    """Return the parts of credentials."""
    return keys.access_key_id, keys.secret_access_key, keys.session_token
