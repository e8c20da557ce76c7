#!/usr/bin/env python3
"""Computes every vector of this folder a second time, from docs/protocol/derivations.md alone.

Python's standard library and the two oracles beside this file; no code is shared with the Rust side.
Not computed here, for want of an implementation that does not come from us: Argon2id (the first
nonce of a proof, the key of a locked store key) and the BIP-39 word list (entropy to words). The
rest of those vectors is. Exits 1 and names the field when something differs.
"""

import hashlib
import hmac
import json
import math
import struct
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import ed25519
import xchacha

FOLDER = Path(__file__).resolve().parent


def raw(text):
    return bytes.fromhex(text)


def u8(number):
    return struct.pack(">B", number)


def u32(number):
    return struct.pack(">I", number)


def u64(number):
    return struct.pack(">Q", number)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def hmac256(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def hkdf(secret, info):
    """RFC 5869 with no salt and one block of output."""
    return hmac256(hmac256(bytes(32), secret), info, b"\x01")


def same(field, expected, computed):
    if isinstance(computed, bytes):
        computed = computed.hex()
    if expected != computed:
        raise AssertionError(f"{field}: file has {expected}, computed {computed}")


def same_signature(field, label, seed, message, signature):
    """Made anew, verified, and refused when anything about it is different."""
    same(field, signature.hex(), ed25519.sign(seed, label + message))
    public = ed25519.public_key(seed)
    changed = signature[:-1] + bytes([signature[-1] ^ 1])
    if not ed25519.verify(public, label + message, signature):
        raise AssertionError(f"{field}: does not verify")
    if ed25519.verify(public, message, signature) or ed25519.verify(public, label + message, changed):
        raise AssertionError(f"{field}: verifies without its label or when changed")


def bech32m(prefix, data):
    """BIP-350."""
    alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    bits, count = int.from_bytes(data, "big"), len(data) * 8
    pad = -count % 5
    bits, count = bits << pad, count + pad
    values = [bits >> shift & 31 for shift in range(count - 5, -1, -5)]
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = 1
    for value in expanded + values + [0] * 6:
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> i & 1 else 0
    check ^= 0x2BC830A3
    values += [check >> shift & 31 for shift in range(25, -1, -5)]
    return prefix + "1" + "".join(alphabet[value] for value in values)


def account_id(root):
    return sha256(b"xchat-account-v1", root)


def device_id(device):
    return sha256(b"xchat-device-id-v1", device)[:16]


def server_id(key):
    return sha256(b"xchat-server-v1", key)


def check_ids(case):
    key = ed25519.public_key(raw(case["seed"]))
    same("public_key", case["public_key"], key)
    same("account_id", case["account_id"], account_id(key))
    same("account_text", case["account_text"], bech32m("xchat", account_id(key)))
    same("device_id", case["device_id"], device_id(key))
    same("server_id", case["server_id"], server_id(key))


def check_derivations(case):
    if case["kind"] == "group_id":
        parts = raw(case["conversation"]), u32(case["incarnation"])
        same("group_id", case["group_id"], sha256(b"xchat-group-v1", *parts))
    elif case["kind"] == "partition":
        domain = b"xchat-partition-v1"
        data = u8(len(domain)), domain, raw(case["conversation"])
        number = int.from_bytes(hmac256(raw(case["key"]), *data)[:8], "big")
        same("partition", case["partition"], number % case["partitions"])
    elif case["kind"] == "control_hash":
        parts = u32(case["judge_version"]), raw(case["control_state"])
        same("control_hash", case["control_hash"], sha256(b"xchat-control-state-v1", *parts))
    else:
        raise AssertionError("unknown kind")


def check_phrase(case):
    words = case["words"].encode()
    same("number of words", 24, len(words.split()))
    seed = hashlib.pbkdf2_hmac("sha512", words, b"mnemonic", 2048, 64)
    root_seed = hkdf(seed, b"xchat/root/ed25519/v1")
    root = ed25519.public_key(root_seed)
    same("root_seed", case["root_seed"], root_seed)
    same("root_public_key", case["root_public_key"], root)
    same("account_text", case["account_text"], bech32m("xchat", account_id(root)))


def check_certificate(case):
    root, device, signer = (
        ed25519.public_key(raw(case[name])) for name in ("root_seed", "device_seed", "signer_seed")
    )
    signed = root + device + u64(case["not_before_ms"]) + u8(case["may_certify"]) + signer
    certificate = raw(case["certificate"])
    same("signed fields", certificate[:-64].hex(), signed)
    seed = raw(case["signer_seed"])
    same_signature("signature", b"xchat-device-v1", seed, signed, certificate[-64:])


def check_login(case):
    seed = raw(case["device_seed"])
    once = raw(case["nonce"]) if case["kind"] == "login" else sha256(raw(case["token"]))
    server, device = server_id(raw(case["server_public_key"])), device_id(ed25519.public_key(seed))
    transcript = server + device + once + u64(case["time_ms"])
    same("transcript", case["transcript"], transcript)
    label = {"login": b"xchat-login-v1", "refresh": b"xchat-refresh-v1"}[case["kind"]]
    same_signature("signature", label, seed, transcript, raw(case["signature"]))


def check_control(case):
    seed = raw(case["device_seed"])
    certificates = [raw(certificate) for certificate in case["certificates"]]
    detail = raw(case["detail"])
    body = b"".join((
        raw(case["conversation"]), u32(case["incarnation"]), u8(case["kind"]),
        account_id(raw(case["root_public_key"])), device_id(ed25519.public_key(seed)),
        u64(case["counter"]), u64(case["created_at_ms"]),
        u8(len(certificates)), *certificates, u32(len(detail)), detail,
    ))
    signed = raw(case["signed_control"])
    same("body", signed[:-64].hex(), u32(len(body)) + body)
    same_signature("signature", b"xchat-control-v1", seed, body, signed[-64:])


def check_envelope(case):
    header = b"".join((
        raw(case["conversation"]), u32(case["incarnation"]), u64(case["epoch"]),
        raw(case["sender"]), u64(case["counter"]), u8(case["kind"]), u64(case["created_at_ms"]),
    ))
    same("canonical_header", case["canonical_header"], header)
    same("digest", case["digest"], sha256(b"xchat-env-v1", header, raw(case["payload"])))


def check_head(case):
    head = sha256(b"xchat-head-v1", raw(case["conversation"]))
    same("head_hash_0", case["head_hash_0"], head)
    for link in case["links"]:
        bucket = link["bucket"] or {"class": 0, "index": 0}
        head = sha256(
            b"xchat-head-v1", head, u64(link["sequence"]), u64(link["appended_at_ms"]),
            u64(link["accepted_at_ms"]), u8(bucket["class"]), u64(bucket["index"]),
            raw(link["control_hash"]), raw(link["digest"]),
        )
        same(f"head_hash of {link['sequence']}", link["head_hash"], head)


def check_proof(case):
    challenge = (
        u64(case["issued_at_ms"]) + u8(case["effort"]) + u8(case["target_bits"]) + raw(case["random"])
    )
    signed = raw(case["signed_challenge"])
    same("challenge", signed[:-64].hex(), challenge)
    seed = raw(case["server_seed"])
    same_signature("signature", b"xchat-challenge-v1", seed, challenge, signed[-64:])
    proof = raw(case["proof"])
    subject = challenge + raw(case["root_public_key"]) + proof[:8]

    def meets_target(second_nonce):
        hashed = int.from_bytes(sha256(b"xchat-target-v1", subject, u64(second_nonce)), "big")
        return hashed >> 256 - case["target_bits"] == 0

    first = next(nonce for nonce in range(2**32) if meets_target(nonce))
    same("second nonce", proof[8:].hex(), u64(first))


def size_class(length):
    """Padmé, with floating-point logarithms where the Rust side counts bits."""
    if length <= 128:
        return 128
    exponent = math.floor(math.log2(length))
    step = 2 ** (exponent - math.floor(math.log2(exponent)) - 1)
    return math.ceil(length / step) * step


def check_padding(case):
    if case["kind"] == "class":
        same("class", case["class"], size_class(case["length"]))
    else:
        marked = raw(case["content"]) + b"\x80"
        same("padded", case["padded"], marked.ljust(size_class(len(marked)), b"\x00"))


def check_safety(case):
    halves = []
    for key in map(raw, case["root_public_keys"]):
        hashed = hashlib.sha512(b"xchat-safety-v1" + account_id(key) + key).digest()
        for _ in range(5_199):
            hashed = hashlib.sha512(hashed + key).digest()
        parts = (int.from_bytes(hashed[i : i + 5], "big") % 100_000 for i in range(0, 30, 5))
        halves.append(" ".join(f"{part:05}" for part in parts))
    same("safety_number", case["safety_number"], " ".join(sorted(halves)))


def check_store(case):
    secret = raw(case["secret"])
    if case["kind"] == "subkey":
        same("subkey", case["subkey"], hkdf(secret, b"xchat/store/sub/v1/" + case["name"].encode()))
    elif case["kind"] == "table_key":
        table = case["table"].encode()
        data = u32(len(table)), table, raw(case["id"])
        key = hmac256(hkdf(secret, b"xchat/store/tables/v1"), *data)
        same("table_key", case["table_key"], key)
        same("row", case["row"], key + u64(case["sequence"]))
    elif case["kind"] == "sealed":
        nonce, key = raw(case["nonce"]), hkdf(secret, b"xchat/store/values/v1")
        sealed = nonce + xchacha.seal(key, nonce, raw(case["aad"]), raw(case["plaintext"]))
        same("sealed", case["sealed"], sealed)
    elif case["kind"] == "locked":
        head = u8(1) + u32(case["memory_kib"]) + u32(case["passes"]) + raw(case["salt"])
        locked = raw(case["locked_key"])
        same("length", 97, len(locked))
        same("head and nonce", locked[:49].hex(), head + raw(case["nonce"]))
    else:
        raise AssertionError("unknown kind")


CHECKS = {
    "certificate": check_certificate,
    "control": check_control,
    "derivations": check_derivations,
    "envelope": check_envelope,
    "head": check_head,
    "ids": check_ids,
    "login": check_login,
    "padding": check_padding,
    "phrase": check_phrase,
    "proof": check_proof,
    "safety": check_safety,
    "store": check_store,
}


def main():
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
    print(f"{agreed} cases agree")
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
