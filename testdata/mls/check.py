#!/usr/bin/env python3
"""Reads and makes every vector of this folder a second time, with a CBOR of its own.

Python's standard library alone; no code is shared with the Rust side. What is signed inside is
checked in ../crypto. With arguments SNAPSHOT POLICY_TYPE OWNER, all but the type in hexadecimal,
also reads a snapshot: that its layout is as documented, that it names its group, and that the
policy of its group context is the owner's. Exits 1 and names the field when something differs.
"""

import hashlib
import json
import struct
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def raw(text):
    return bytes.fromhex(text)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def same(field, expected, computed):
    if isinstance(computed, bytes):
        computed = computed.hex()
    if expected != computed:
        raise AssertionError(f"{field}: file has {expected}, computed {computed}")


def head(major, value):
    """RFC 8949, section 3, in the shortest form, as section 4.2.1 has it."""
    if value < 24:
        return bytes([major << 5 | value])
    for code, width in enumerate((1, 2, 4, 8), 24):
        if value < 1 << 8 * width:
            return bytes([major << 5 | code]) + value.to_bytes(width, "big")
    raise ValueError("too large")


def encode(value):
    if value is True or value is False:
        return bytes([0xF5 if value else 0xF4])
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(encode, value))
    if isinstance(value, dict):
        pairs = sorted((encode(key), encode(item)) for key, item in value.items())
        return head(5, len(pairs)) + b"".join(key + item for key, item in pairs)
    raise TypeError(type(value))


def decode_one(data, at):
    """Any definite-length CBOR that the encoder above could meet, not only the shortest form."""
    major, small = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        if small not in (20, 21):
            raise ValueError("neither true nor false")
        return small == 21, at
    if small < 24:
        value = small
    else:
        width = 1 << small - 24
        value = int.from_bytes(data[at : at + width], "big")
        at += width
    if major == 0:
        return value, at
    if major == 2:
        if at + value > len(data):
            raise ValueError("cut short")
        return data[at : at + value], at + value
    items = []
    for _ in range(value * (2 if major == 5 else 1)):
        item, at = decode_one(data, at)
        items.append(item)
    if major == 4:
        return items, at
    if major == 5:
        return dict(zip(items[::2], items[1::2])), at
    raise ValueError(f"major type {major}")


def decode(data):
    value, end = decode_one(data, 0)
    if end != len(data):
        raise ValueError("something follows")
    if encode(value) != data:
        raise ValueError("not deterministic")
    return value


def account_id(root):
    return sha256(b"xchat-account-v1", root)


def device_id(device):
    return sha256(b"xchat-device-id-v1", device)[:16]


def check_credential(case):
    credential = {
        1: account_id(raw(case["root_public_key"])),
        2: device_id(raw(case["device_public_key"])),
        3: [raw(certificate) for certificate in case["certificates"]],
    }
    same("credential", case["credential"], encode(credential))
    if decode(raw(case["credential"])) != credential:
        raise AssertionError("the credential does not read as what it was made from")


def check_control_state(case):
    entries = sorted(
        [device_id(raw(gone["device_public_key"])), gone["leaf_index"], raw(gone["signed_control"])]
        for gone in case["departures"]
    )
    state = encode([1, entries])
    same("control_state", case["control_state"], state)
    if decode(raw(case["control_state"])) != [1, entries]:
        raise AssertionError("the control state does not read as what it was made from")
    version = struct.pack(">I", case["judge_version"])
    same("control_hash", case["control_hash"], sha256(b"xchat-control-state-v1", version, state))


def check_snapshot(snapshot, policy_type, owner):
    content, digest = snapshot[:-32], snapshot[-32:]
    same("hash", digest.hex(), sha256(content))
    same("version", 1, content[0])
    records, at = {}, 1
    while at < len(content):
        key, length = struct.unpack_from(">BI", content, at)
        at += 5
        records[key] = content[at : at + length]
        at += length
    same("end", len(content), at)
    same("keys in order", [1, 2, 3, 4], list(records))
    group_id = sha256(b"xchat-group-v1", b"\xc0" * 32, bytes(4))
    # OpenMLS's own CBOR of the context: bytes as arrays of numbers.
    flat = b"".join(map(encode, group_id))
    if flat not in records[2]:
        raise AssertionError("the group context does not name the group")
    policy = encode([1, 1, [[owner, 3]], False, False, [0, 0, 0]])
    if b"".join(map(encode, policy)) not in records[2] and policy not in records[2]:
        raise AssertionError(f"no extension {policy_type:#x} with the owner's policy")


CHECKS = {"credential": check_credential, "control_state": check_control_state}


def main(arguments):
    failures, agreed = [], 0
    files = {path.stem: path for path in FOLDER.glob("*.json")}
    if files.keys() != CHECKS.keys():
        failures.append(f"files without check or checks without file: {files.keys() ^ CHECKS.keys()}")
    for name in sorted(files.keys() & CHECKS.keys()):
        for index, case in enumerate(json.loads(files[name].read_text())["cases"]):
            try:
                CHECKS[name](case)
                agreed += 1
            except (AssertionError, KeyError, ValueError) as error:
                failures.append(f"{name}[{index}]: {error!r}")
    if arguments:
        snapshot, policy_type, owner = arguments
        try:
            check_snapshot(raw(snapshot), int(policy_type), raw(owner))
            agreed += 1
        except (AssertionError, ValueError) as error:
            failures.append(f"snapshot: {error!r}")
    print(f"{agreed} cases agree")
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
