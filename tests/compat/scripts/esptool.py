"""A firmware image merged and read again, with the flasher stubs it packs."""

import subprocess
import sys
from pathlib import Path


def esptool(*arguments):
    done = subprocess.run([sys.executable, "-m", "esptool", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def main():
    import esptool as package

    assert package.__version__ in esptool("version")
    assert "write" in esptool("--help")
    part = Path("part.bin")
    part.write_bytes(b"\xab" * 100)
    esptool("--chip", "esp32", "merge-bin", "-o", "merged.bin", "0x0", str(part), "0x1000", str(part))
    merged = Path("merged.bin").read_bytes()
    assert merged[:100] == merged[0x1000:0x1064] == b"\xab" * 100
    assert merged[100:0x1000] == b"\xff" * (0x1000 - 100)
    # header: magic, 1 segment, mode, size and frequency; extended header; a segment; checksum
    segment = b"\x01\x02\x03\x04" * 4
    image = bytes([0xE9, 1, 2, 0x20]) + (0x40080000).to_bytes(4, "little")
    image += (
        bytes([0xEE] + [0] * 15) + (0x3FFB0000).to_bytes(4, "little") + len(segment).to_bytes(4, "little")
    )
    image += segment
    image += b"\0" * (15 - len(image) % 16)
    checksum = 0xEF
    for byte in segment:
        checksum ^= byte
    Path("image.bin").write_bytes(image + bytes([checksum]))
    info = esptool("--chip", "esp32", "image-info", "image.bin")
    assert "0x40080000" in info, info
    assert "valid" in info, info
    from esptool.loader import StubFlasher
    from esptool.targets import ESP32ROM

    assert StubFlasher(ESP32ROM).text
    print("as expected")
