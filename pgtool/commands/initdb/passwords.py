"""What pg_authid stores instead of a password: a SCRAM-SHA-256 verifier, or an MD5 hash.

RFC 5802 and 7677: StoredKey and ServerKey of the salted password. The password is prepared
by SASLprep (RFC 4013) where that is possible, and taken as it is where not.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import stringprep
import unicodedata
from base64 import b64encode

ITERATIONS = 4096
SALT_BYTES = 16
_PROHIBITED = (
    stringprep.in_table_c12, stringprep.in_table_c21_c22, stringprep.in_table_c3,
    stringprep.in_table_c4, stringprep.in_table_c5, stringprep.in_table_c6,
    stringprep.in_table_c7, stringprep.in_table_c8, stringprep.in_table_c9,
    stringprep.in_table_a1,
)  # fmt: skip


def stored_password(password: str, user: str, method: str = "scram-sha-256") -> str:
    """The text for rolpassword."""
    if method == "md5":
        return "md5" + hashlib.md5((password + user).encode("utf-8", "surrogateescape")).hexdigest()
    return scram_verifier(password)


def scram_verifier(password: str, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """``SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey``."""
    salt = os.urandom(SALT_BYTES) if salt is None else salt
    prepared = saslprep(password)
    secret = (password if prepared is None else prepared).encode("utf-8", "surrogateescape")
    salted = hashlib.pbkdf2_hmac("sha256", secret, salt, iterations)
    client = hmac.digest(salted, b"Client Key", "sha256")
    stored = hashlib.sha256(client).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    text = [b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${iterations}:{text[0]}${text[1]}:{text[2]}"


def saslprep(password: str) -> str | None:
    """The prepared password; None where the rules allow none."""
    if password.isascii():
        return password if password.isprintable() and password else None
    mapped = "".join(
        " " if stringprep.in_table_c12(c) else c
        for c in password
        if not stringprep.in_table_b1(c)
    )  # fmt: skip
    out = unicodedata.normalize("NFKC", mapped)
    if not out or any(test(c) for c in out for test in _PROHIBITED):
        return None
    if any(map(stringprep.in_table_d1, out)):
        ends = stringprep.in_table_d1(out[0]) and stringprep.in_table_d1(out[-1])
        if not ends or any(map(stringprep.in_table_d2, out)):
            return None
    return out
