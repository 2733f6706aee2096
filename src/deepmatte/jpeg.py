"""JPEG headers as they ought to be, for a reader that takes every oddity for damage. Not: pixels.

libjpeg warns of the first oddity only, and warns of damaged pixels as well: who wants to hear of those must
not give it any others. Markers are those of ITU-T T.81, table B.1.
"""

from typing import BinaryIO

_START_OF_SCAN, _JFIF, _PROFILE = 0xDA, 0xE0, 0xE2
_SEQUENTIAL = (0xC0, 0xC1)  # frames whose scans hold all 64 coefficients at once
_ALONE = range(0xD0, 0xD8)  # restart markers: no segment follows
_END = b"\xff\xd9"
_COMPONENTS, _SCANNED = 9, 4  # where a frame and a scan say how many components they hold


def announces_profile(file: BinaryIO) -> bool:
    """Return whether a JPEG file has a segment for a colour profile before its pixels."""
    at = 2
    while True:
        file.seek(at)
        head = file.read(16)
        if len(head) < 16 or head[0] != 0xFF or head[1] == _START_OF_SCAN:
            return False
        if head[1] == _PROFILE and head[4:] == b"ICC_PROFILE\0":
            return True
        at += 1 if head[1] == 0xFF else 2 + int.from_bytes(head[2:4], "big")


def tidy(content: bytes) -> bytes:
    """Return a JPEG file without the oddities that cameras and programs write before its pixels.

    Bytes between segments go; a JFIF revision that nobody knows becomes 1.1, and the parameters of a
    sequential scan what they have to be. A missing end mark is added where one scan holds all; in a file of
    several scans, others may be missing with it. The pixels' data stay as they are, and so does a file that
    has none.
    """
    kept = bytearray(content[:2])
    at, is_sequential, components = 2, False, 0
    while 0 <= (at := content.find(b"\xff", at)) < len(content) - 3:
        marker = content[at + 1]
        if marker in (0x00, 0xFF) or marker in _ALONE:
            at += 1
            continue
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        segment = bytearray(content[at:end])
        if marker == _JFIF and segment[4:9] == b"JFIF\0":
            segment[9:11] = b"\x01\x01"
        if marker in _SEQUENTIAL and len(segment) > _COMPONENTS:
            is_sequential, components = True, segment[_COMPONENTS]
        if marker == _START_OF_SCAN:
            is_whole = len(segment) > _SCANNED
            holds_all = is_sequential and is_whole and components == segment[_SCANNED]
            if is_sequential and is_whole:
                segment[-3:] = b"\x00\x3f\x00"
            return bytes(kept + segment) + content[end:] + (_END if holds_all else b"")
        kept += segment
        at = end
    return content
