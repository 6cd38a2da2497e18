#!/usr/bin/env python3
"""Writes mint.jsonl and verify.jsonl beside itself.

Uses nothing but Python's own hmac, base64 and json, which is what made the tokens that are in use,
so that the expected values owe nothing to the code that they test.
"""

import base64
import hashlib
import hmac
import json
import pathlib

HERE = pathlib.Path(__file__).parent
KEYS = {
    "count": "".join(f"{n:02x}" for n in range(32)),
    "upper": "AB" * 32,
    "blanks": " ".join(["c0 ff ee"] * 11),
    "long": "5a" * 100,
}
TEXTS = [
    "edge",
    "base",
    "a",
    "with space",
    'quote"backslash\\slash/',
    "tab\tnewline\nreturn\r",
    "".join(map(chr, range(0, 32))),
    "\x7f\x80\x9f\xa0",
    "<script>&amp;'",
    "größe",
    "日本語",
    "\u2028\u2029\ufeff\uffff",
    "😀\U0010ffff\U00010000",
    "é",
    "x" * 200,
    "null",
    "1",
]


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def sign(key, payload_text):
    mac = hmac.new(bytes.fromhex(key), payload_text.encode("ascii"), hashlib.sha256)
    return payload_text + "." + b64(mac.digest())


def token(key, claims):
    return sign(key, b64(json.dumps(claims, separators=(",", ":")).encode("ascii")))


def mint_rows():
    for index, n in enumerate(TEXTS):
        s = TEXTS[(index * 7 + 1) % len(TEXTS)]
        for key in KEYS.values():
            claims = {"v": 1, "n": n, "s": s, "iat": 1760000000 + index}
            yield {"key": key, "n": n, "s": s, "iat": claims["iat"], "token": token(key, claims)}
    key = KEYS["count"]
    for iat in [0, 1, 2**31, 2**53 + 1, 2**64 - 1]:
        claims = {"v": 1, "n": "edge", "s": "base", "iat": iat}
        yield {"key": key, "n": "edge", "s": "base", "iat": iat, "token": token(key, claims)}
    claims = {"v": 1, "n": "edge", "s": "base", "iat": 5, "exp": 65}
    yield {"key": key, "n": "edge", "s": "base", "iat": 5, "exp": 65, "token": token(key, claims)}
    claims["kid"] = "2026-a"
    yield {
        "key": key, "n": "edge", "s": "base", "iat": 5, "exp": 65, "kid": "2026-a",
        "token": token(key, claims),
    }


SEGMENTS = "E300: Malformed token: expected 2 dot-separated segments"
SIGNATURE = "E300: Malformed token: invalid signature encoding"
PAYLOAD = "E300: Malformed token: invalid payload encoding"
CLAIMS = "E300: Malformed token: missing required claims"
WRONG = "E301: Invalid token signature"


def verify_rows():
    key, other = KEYS["count"], KEYS["upper"]
    good = {"v": 1, "n": "edge", "s": "base", "iat": 1760000000}

    def row(text, answer, name="edge", now=1760000000, ring=key):
        return {"ring": ring, "token": text, "name": name, "now": now, "answer": answer}

    def claims(answer, **changes):
        changed = {**good, **changes}
        changed = {k: v for k, v in changed.items() if v is not ...}
        return row(token(key, changed), answer)

    def raw(data, answer):
        return row(sign(key, b64(data)), answer)

    text = token(key, good)
    head, tail = text.split(".")
    yield row(text, "ok")
    for broken in ["", ".", "..", head, tail, head + "." + tail + ".", "." + text, text + ".x"]:
        answer = SEGMENTS if broken.count(".") != 1 else WRONG
        yield row(broken, answer)
    for broken in ["!", "=", tail + "=", tail[:-2] + "/" + tail[-1], tail + "AA", tail.replace(tail[3], "+"), "é", tail[:5] + " " + tail[6:]]:
        yield row(head + "." + broken, SIGNATURE)
    # The last character of 32 bytes carries two bits that mean nothing: only zero is canonical.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for step in (1, 2, 3):
        last = alphabet[alphabet.index(tail[-1]) + step]
        yield row(head + "." + tail[:-1] + last, SIGNATURE)
    yield row(head + ".", WRONG)
    yield row(head + "." + tail + "A", WRONG)  # 33 bytes
    yield row(head + "." + b64(b"x" * 31), WRONG)
    yield row(head + "." + b64(b"x" * 32), WRONG)
    yield row(head + "." + b64(b"x" * 33), WRONG)
    yield row(token(other, good), WRONG)

    yield row(sign(key, "not~base64"), PAYLOAD)
    yield row(sign(key, head + "="), PAYLOAD)
    yield row(sign(key, "Zh"), PAYLOAD)  # bits that carry nothing
    yield row(sign(key, ""), PAYLOAD)
    for data in [b"", b"{", b"\xff\xfe", b"[]", b"1", b"null", b'"x"', b"{}x", b'{"v":1,}', b"\xef\xbb\xbf{}"]:
        yield raw(data, PAYLOAD)
    yield raw(b'{"v":1,"n":"\\ud800","s":"base"}', PAYLOAD)  # half a character

    yield claims("E300: Unsupported token version: 2", v=2)
    yield claims("E300: Unsupported token version: 0", v=0)
    yield claims("E300: Unsupported token version: 1", v="1")
    yield claims("E300: Unsupported token version: 1.0", v=1.0)
    yield claims("E300: Unsupported token version: true", v=True)
    yield claims("E300: Unsupported token version: null", v=None)
    yield claims("E300: Unsupported token version: None", v=...)
    for changes in [{"n": ...}, {"s": ...}, {"n": ""}, {"s": ""}, {"n": None}, {"n": 1}, {"s": ["base"]}]:
        yield claims(CLAIMS, **changes)
    yield claims("E300: Unsupported token version: 2", v=2, n=...)  # in this order

    yield row(text, "E301: Token identity mismatch: token=edge url=other", name="other")
    yield row(text, "E301: Token identity mismatch: token=edge url=Edge", name="Edge")
    yield row(text, "E301: Token identity mismatch: token=edge url=", name="")

    yield claims("ok", iat=...)
    yield claims("ok", iat=2**40)
    yield claims("ok", iat="soon")
    yield claims("ok", extra={"a": [1]})
    for n in TEXTS:
        yield row(token(key, {**good, "n": n}), "ok", name=n)
    # Written another way, the same claims are as good: the signature is over the text.
    yield raw(json.dumps(good, indent=2, sort_keys=True).encode(), "ok")

    short = {**good, "exp": 1760000060}
    yield row(token(key, short), "ok", now=1760000059)
    yield row(token(key, short), "E301: Token expired", now=1760000060)
    yield row(token(key, short), "E301: Token identity mismatch: token=edge url=x", name="x", now=1770000000)
    for exp in ["1770000000", 1770000000.5, -1, None, True, 2**64]:
        yield claims("E300: Malformed token: invalid claim exp", exp=exp)
    yield claims("E300: Malformed token: invalid claim kid", kid=7)

    ring = f"# rotation\nnew={other}\n\nold={key}\n"
    yield row(text, "ok", ring=ring)
    yield row(token(other, good), "ok", ring=ring)
    yield row(token(key, {**good, "kid": "old"}), "ok", ring=ring)
    yield row(token(other, {**good, "kid": "new"}), "ok", ring=ring)
    yield row(token(key, {**good, "kid": "new"}), WRONG, ring=ring)
    yield row(token(key, {**good, "kid": "gone"}), WRONG, ring=ring)
    yield row(token(key, {**good, "kid": "any"}), "ok", ring=key)
    yield row(token(KEYS["long"], good), WRONG, ring=ring)


def write(name, rows):
    lines = [json.dumps(row, ensure_ascii=True) + "\n" for row in rows]
    (HERE / name).write_text("".join(lines))


write("mint.jsonl", mint_rows())
write("verify.jsonl", verify_rows())
