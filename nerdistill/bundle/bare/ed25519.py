"""Ed25519 signatures, checked in plain Python after RFC 8032, section 5.1.

Slow (some milliseconds) and not constant in time: nothing here is secret.
"""

import base64
import hashlib
from typing import Optional, Tuple

from nerdistill.bundle.bare.refusal import Refused

Point = Tuple[int, int, int, int]
"""Extended homogeneous coordinates (X, Y, Z, T): x = X/Z, y = Y/Z, x * y = T/Z."""

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, PRIME - 2, PRIME) % PRIME
ROOT_OF_MINUS_ONE = pow(2, (PRIME - 1) // 4, PRIME)
NEUTRAL = (0, 1, 1, 0)
KEY_BYTES = 32
SIGNATURE_BYTES = 64

# What precedes the key in a SubjectPublicKeyInfo (RFC 8410).
INFO = bytes.fromhex("302a300506032b6570032100")
BEGIN, END = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"


def _add(one: Point, other: Point) -> Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % PRIME
    b = (one[1] + one[0]) * (other[1] + other[0]) % PRIME
    c = 2 * one[3] * other[3] * D % PRIME
    d = 2 * one[2] * other[2] % PRIME
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % PRIME, g * h % PRIME, f * g % PRIME, e * h % PRIME)


def _times(number: int, point: Point) -> Point:
    product = NEUTRAL
    while number > 0:
        if number & 1:
            product = _add(product, point)
        point = _add(point, point)
        number >>= 1
    return product


def _same(one: Point, other: Point) -> bool:
    return (one[0] * other[2] - other[0] * one[2]) % PRIME == 0 and (
        one[1] * other[2] - other[1] * one[2]
    ) % PRIME == 0


def _x_of(y: int, sign: int) -> Optional[int]:
    """The x on the curve, or None where there is none (RFC 8032, 5.1.3)."""
    if y >= PRIME:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, PRIME - 2, PRIME) % PRIME
    if square == 0:
        return None if sign else 0
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if (x * x - square) % PRIME != 0:
        x = x * ROOT_OF_MINUS_ONE % PRIME
    if (x * x - square) % PRIME != 0:
        return None
    return PRIME - x if x & 1 != sign else x


def _point(data: bytes) -> Optional[Point]:
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = _x_of(y, sign)
    return None if x is None else (x, y, 1, x * y % PRIME)


_BASE_Y = 4 * pow(5, PRIME - 2, PRIME) % PRIME
_BASE_X = _x_of(_BASE_Y, 0) or 0
BASE = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % PRIME)


def verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature of a message was made with the private half of a key.

    Args:
        public: 32 bytes.
        message: any bytes.
        signature: 64 bytes; of any other length, or not in its one canonical form, it is false.
    """
    if len(public) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    key, r = _point(public), _point(signature[:KEY_BYTES])
    s = int.from_bytes(signature[KEY_BYTES:], "little")
    if key is None or r is None or s >= ORDER:
        return False
    hashed = hashlib.sha512(signature[:KEY_BYTES] + public + message).digest()
    k = int.from_bytes(hashed, "little") % ORDER
    return _same(_times(s, BASE), _add(r, _times(k, key)))


def parse_key(text: str) -> bytes:
    """The 32 bytes of a public key, given as a PEM file's text or as 64 hexadecimal digits.

    Raises:
        Refused: it is neither.
    """
    words = text.strip()
    try:
        if words.startswith(BEGIN) and words.endswith(END):
            data = base64.b64decode("".join(words[len(BEGIN) : -len(END)].split()), validate=True)
            if data.startswith(INFO) and len(data) == len(INFO) + KEY_BYTES:
                return data[len(INFO) :]
        elif len(words) == 2 * KEY_BYTES:
            return bytes.fromhex(words)
    except ValueError:
        pass
    raise Refused(
        "the key is no public ed25519 key",
        "Name the file of the public key (NAME.pub, its first line is {}), or give its 64 "
        "hexadecimal digits.".format(BEGIN),
    )
