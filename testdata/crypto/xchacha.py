"""XChaCha20-Poly1305 after RFC 8439 and draft-irtf-cfrg-xchacha-03: a test oracle and nothing else."""

import struct

WORD = 0xFFFFFFFF
CONSTANTS = struct.unpack("<4I", b"expand 32-byte k")


def quarter(s, a, b, c, d):
    for x, y, z, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        s[x] = (s[x] + s[y]) & WORD
        s[z] ^= s[x]
        s[z] = (s[z] << bits | s[z] >> 32 - bits) & WORD


def rounds(state):
    s = list(state)
    for _ in range(10):
        for a, b, c, d in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)):
            quarter(s, a, b, c, d)
        for a, b, c, d in ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            quarter(s, a, b, c, d)
    return s


def hchacha(key, nonce16):
    s = rounds([*CONSTANTS, *struct.unpack("<8I", key), *struct.unpack("<4I", nonce16)])
    return struct.pack("<8I", *s[:4], *s[12:])


def chacha(key, counter, nonce12, data):
    out = bytearray()
    for offset in range(0, len(data), 64):
        state = [*CONSTANTS, *struct.unpack("<8I", key), counter, *struct.unpack("<3I", nonce12)]
        words = [(a + b) & WORD for a, b in zip(state, rounds(state))]
        counter += 1
        block = data[offset : offset + 64]
        out += bytes(a ^ b for a, b in zip(block, struct.pack("<16I", *words)))
    return bytes(out)


def poly1305(key, message):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    accumulator = 0
    for offset in range(0, len(message), 16):
        block = message[offset : offset + 16] + b"\x01"
        accumulator = (accumulator + int.from_bytes(block, "little")) * r % (2**130 - 5)
    return ((accumulator + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def seal(key, nonce24, aad, plaintext):
    """Ciphertext and tag."""
    subkey, nonce = hchacha(key, nonce24[:16]), bytes(4) + nonce24[16:]
    ciphertext = chacha(subkey, 1, nonce, plaintext)
    padded = b"".join(part + bytes(-len(part) % 16) for part in (aad, ciphertext))
    lengths = struct.pack("<QQ", len(aad), len(ciphertext))
    return ciphertext + poly1305(chacha(subkey, 0, nonce, bytes(32)), padded + lengths)
