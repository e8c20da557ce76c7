#!/usr/bin/env python3
"""Writes content.json: messages and their ids, computed apart from the Rust code.

CBOR by RFC 8949 (canonical), the container and the message id by draft-ietf-mimi-content-08, the
account id's text by BIP 350. Standard library only.
"""
import hashlib
import json
import pathlib

CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def polymod(values):
    chk = 1
    for value in values:
        top = chk >> 25
        chk = (chk & 0x1FFFFFF) << 5 ^ value
        for i, gen in enumerate([0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3]):
            chk ^= gen if (top >> i) & 1 else 0
    return chk


def bech32m(hrp, data):
    bits, acc, five = 0, 0, []
    for byte in data:
        acc, bits = acc << 8 | byte, bits + 8
        while bits >= 5:
            bits -= 5
            five.append(acc >> bits & 31)
    if bits:
        five.append(acc << (5 - bits) & 31)
    expanded = [ord(c) >> 5 for c in hrp] + [0] + [ord(c) & 31 for c in hrp]
    chk = polymod(expanded + five + [0] * 6) ^ 0x2BC830A3
    five += [chk >> 5 * (5 - i) & 31 for i in range(6)]
    return hrp + "1" + "".join(CHARSET[d] for d in five)


def head(major, value):
    if value < 24:
        return bytes([major << 5 | value])
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if value < 1 << 8 * size:
            return bytes([major << 5 | code]) + value.to_bytes(size, "big")
    raise ValueError(value)


def bstr(data):
    return head(2, len(data)) + data


def tstr(text):
    data = text.encode()
    return head(3, len(data)) + data


def message(text, username, salt):
    null = b"\xf6"
    extensions = head(5, 0) if username is None else head(5, 1) + head(1, 0) + tstr(username)
    part = head(4, 5) + head(0, 1) + tstr("") + head(0, 1)
    part += tstr("text/plain;charset=utf-8") + bstr(text.encode())
    return head(4, 7) + bstr(salt) + null + bstr(b"") + null + null + extensions + part


def message_id(sender, room, content, salt):
    parts = [len(sender).to_bytes(2, "big"), sender, len(room).to_bytes(2, "big"), room]
    return b"\x01" + hashlib.sha256(b"".join(parts) + content + salt).digest()[:31]


def vector(text, username, seed):
    salt, account, conversation = bytes([seed] * 16), bytes([seed + 1] * 32), bytes([seed + 2] * 32)
    sender, room = "xchat:u/" + bech32m("xchat", account), "xchat:r/" + conversation.hex()
    content = message(text, username, salt)
    return {
        "text": text,
        "username": username,
        "salt": salt.hex(),
        "account": account.hex(),
        "conversation": conversation.hex(),
        "sender_uri": sender,
        "room_uri": room,
        "content": content.hex(),
        "message_id": message_id(sender.encode(), room.encode(), content, salt).hex(),
    }


VECTORS = [
    vector("hello", None, 1),
    vector("hello, may I?", "alice", 4),
    vector("tab\t escape \x1b[31m bell \x07 null \0 \u202e emoji \U0001f600", None, 7),
    vector("x" * 300, "a-longer-name-than-twenty-three-bytes", 10),
    vector("y" * 1_000, None, 13),
]

if __name__ == "__main__":
    path = pathlib.Path(__file__).with_name("content.json")
    path.write_text(json.dumps(VECTORS, indent=1, ensure_ascii=True) + "\n")
