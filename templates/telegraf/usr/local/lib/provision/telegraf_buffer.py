#!/usr/bin/python3 -IS
"""Keeps Telegraf's buffer on disk whole, in one place and within bounds.

Written by provision. `start` runs before each start of Telegraf, as its user; `watch` every minute,
and restarts Telegraf if its buffer has grown too large, so that `start` can make room.

Telegraf writes each metric to a log (tidwall/wal 1.2): a folder of segments of 20 MB, each named by
the number of its first entry in 20 digits. An entry is its length (uvarint) and the metric (Go's
gob). The folder's name is a hash of the output's configuration. Telegraf by itself does not start
with a log that is cut short, forgets what it kept when its configuration changes, and has no bound.

While it runs nobody listens: what is seldom needed is imported where it is.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections import namedtuple
from collections.abc import Iterator

LOG = re.compile(r"[0-9a-f]{64}|gathered-[0-9]+")
SEGMENT = re.compile(r"[0-9]{20}")
# Each entry begins with the types that it uses: this is the first one's name.
MARK = b"\x10serializedMetric"
MARK_AT = 5
LEAST_ENTRY = 256
# The log's name at the last start.
LAST = "last"
# For less than this Telegraf is not restarted.
LEAST_BYTES = 32 << 20
# The bound where the file that says it is not to be read: the default of telegraf_buffer_megabytes.
USUAL = 2000 << 20


# A file of a log, the entries in it, its size, and the number that its name gives to the first.
Segment = namedtuple("Segment", "path entries size first")


def say(text: str) -> None:
    """Tell the journal."""
    sys.stderr.write(text + "\n")


def identifier(configuration: str) -> str | None:
    """The name of the log of the only output, as Telegraf makes it (config/plugin_id.go, 1.39).

    None if it can't be told: several outputs, or values over more than one line.
    """
    names: list[str] = []
    pairs: list[tuple[str, str]] = []
    inside = False
    for line in configuration.splitlines():
        text = line.strip()
        if text.startswith("["):
            header = re.fullmatch(r"\[\[outputs\.(\w+)\]\]", text)
            if not header and text.startswith("[outputs."):
                return None
            inside = bool(header)
            names += [header.group(1)] if header else []
        elif inside and text and not text.startswith("#"):
            pair = re.fullmatch(r'(\w+)\s*=\s*(true|false|\d+|"[^"\\#]*"|\["[^"\\#\]]*"\])', text)
            if not pair:
                return None
            pairs.append((pair.group(1), pair.group(2)))
    if len(names) != 1:
        return None
    parts = ["outputs." + names[0], *(key + ":" + value for key, value in sorted(pairs))]
    return hashlib.sha256("".join(part + "\0" for part in parts).encode()).hexdigest()


def entry_end(data: bytes, start: int) -> int | None:
    """Where the entry at a place ends; None if there is no whole one."""
    size = shift = 0
    place = start
    while place < len(data) and shift < 35:
        byte = data[place]
        place += 1
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            end = place + size
            whole = LEAST_ENTRY <= size <= len(data) - place
            marked = place + MARK_AT
            # One mark: a second is that of an entry behind half an entry.
            if whole and data.startswith(MARK, marked) and data.find(MARK, marked + 1, end) < 0:
                return end
            return None
    return None


def count(data: bytes) -> int | None:
    """The number of entries if nothing else is there: `pieces`, ten times as fast."""
    place, entries, length, mark_end = 0, 0, len(data), MARK_AT + len(MARK)
    while place + 1 < length:
        low, high = data[place], data[place + 1]
        size = low & 127 | high << 7
        place += 2
        if low < 128 or high > 127 or data[place + MARK_AT : place + mark_end] != MARK:
            return None
        place += size
        entries += 1
    return entries if place == length and data.count(MARK) == entries else None


def pieces(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(start, end, entries) of each run of whole entries."""
    start = place = entries = 0
    while place < len(data):
        end = entry_end(data, place)
        if end is not None:
            place, entries = end, entries + 1
            continue
        if entries:
            yield start, place, entries
        # Go on at the next mark that belongs to a whole entry; its length is of two bytes.
        found = data.find(MARK, place + MARK_AT + 3)
        while found >= 0 and entry_end(data, found - MARK_AT - 2) is None:
            found = data.find(MARK, found + 1)
        if found < 0:
            return
        start = place = found - MARK_AT - 2
        entries = 0
    if entries:
        yield start, place, entries


def mended(log: str) -> list[Segment]:
    """The segments of a log, oldest first, of whole entries alone."""
    names = sorted(os.listdir(log))
    for name in [each for each in names if each.endswith((".TEMP", ".END"))]:
        os.unlink(os.path.join(log, name))
    for name in [each for each in names if each.endswith(".START")]:
        # Cutting off the front was under way: what is before is written to InfluxDB.
        for old in [each for each in names if SEGMENT.fullmatch(each) and each < name]:
            os.unlink(os.path.join(log, old))
        os.rename(os.path.join(log, name), os.path.join(log, name[: -len(".START")]))
    found = []
    for name in sorted(each for each in os.listdir(log) if SEGMENT.fullmatch(each)):
        path = os.path.join(log, name)
        with open(path, "rb") as file:
            data = file.read()
        entries = count(data)
        runs = list(pieces(data)) if entries is None else [(0, len(data), entries)]
        size = sum(end - start for start, end, _ in runs)
        if size != len(data):
            say("%s: %d bytes are no whole metric, and are dropped" % (path, len(data) - size))
            # In its place: there may be no room for another one.
            with open(path, "r+b") as file:
                file.write(b"".join(data[start:end] for start, end, _ in runs))
                file.truncate()
        found.append(Segment(path, sum(entries for _, _, entries in runs), size, int(name)))
    return found


def contiguous(segments: list[Segment]) -> bool:
    """Whether each name is the number that follows the entries before it."""
    following = None
    for segment in segments:
        if following not in (None, segment.first):
            return False
        following = segment.first + segment.entries
    return True


def modified(log: str) -> float:
    """When a log was last written to (0: it is empty)."""
    return max((os.stat(os.path.join(log, name)).st_mtime for name in os.listdir(log)), default=0)


def logs(directory: str) -> list[str]:
    """The logs in a folder: what was being gathered, then those written to the longest ago."""
    found = [os.path.join(directory, each) for each in os.listdir(directory) if LOG.fullmatch(each)]
    return sorted(
        (each for each in found if os.path.isdir(each)),
        key=lambda each: (not os.path.basename(each).startswith("gathered-"), modified(each)),
    )


def bound(directory: str, used: int, limit: int) -> int:
    """The most bytes that may wait: the limit, and never more than is still free on the disk.

    That much is needed, too: to write out the front of a log, Telegraf writes its rest anew.
    """
    room = os.statvfs(directory)
    return min(limit, (used + room.f_bavail * room.f_frsize) // 2)


def start(directory: str, limit: int, configuration: str, *others: str) -> None:
    """Mend what is there, drop the oldest beyond the bound, put the rest where Telegraf looks.

    others are files whose outputs have logs as well, of which nothing is worth keeping (the sign of
    life): they would be taken for what waits for InfluxDB.
    """
    for path in others:
        forget(directory, path)
    with open(configuration, encoding="utf-8") as file:
        name = identifier(file.read())
    last = _last(directory)
    for log in logs(directory):
        if not os.access(log, os.R_OK | os.W_OK | os.X_OK):
            # Somebody ran Telegraf with this configuration as another user.
            os.rename(log, log + ".of-another-user")
    there = logs(directory)
    used = [os.path.basename(each) for each in there if "gathered" not in each and modified(each)]
    every = [segment for log in there for segment in mended(log)]
    segments = within(directory, every, limit)
    if name is None or (last and used and used[-1] != last):
        # At its last start Telegraf did not use the log that it was expected to.
        say("which log Telegraf will use is not known: what others hold stays there")
    else:
        home = os.path.join(directory, name)
        if any(log != home for log in there) or not contiguous(segments):
            gather(directory, there, segments, home)
    if (name or "") != last:
        try:
            with open(os.path.join(directory, LAST), "w", encoding="utf-8") as file:
                file.write(name or "")
        except OSError as error:
            # A full disk: what was done holds, and without a name the next start trusts its own.
            say("%s: %s" % (error.filename or LAST, error.strerror))


def forget(directory: str, configuration: str) -> None:
    """Delete the log of a configuration's output."""
    try:
        with open(configuration, encoding="utf-8") as file:
            name = identifier(file.read())
    except OSError:
        return
    if name and os.path.isdir(os.path.join(directory, name)):
        import shutil

        shutil.rmtree(os.path.join(directory, name), ignore_errors=True)


def within(directory: str, segments: list[Segment], limit: int) -> list[Segment]:
    """Drop the oldest beyond the bound, a quarter more than need be; gives what is left."""
    size = sum(each.size for each in segments)
    most = bound(directory, size, limit)
    if size <= most:
        return segments
    kept, dropped, target = list(segments), 0, most * 3 // 4
    while kept and size - kept[0].size >= target:
        oldest = kept.pop(0)
        size, dropped = size - oldest.size, dropped + oldest.entries
        os.unlink(oldest.path)
    if kept and size > target:
        oldest = kept.pop(0)
        rest = without_front(oldest, size - target)
        dropped += oldest.entries - sum(each.entries for each in rest)
        kept = rest + kept
    say("the buffer was larger than %d MB: the oldest %d metrics are lost" % (most >> 20, dropped))
    return kept


def without_front(segment: Segment, size: int) -> list[Segment]:
    """Drop the first entries of a segment, so many bytes at least; gives the rest, if any."""
    with open(segment.path, "r+b") as file:
        data = file.read()
        place = dropped = 0
        while place < size:
            place = entry_end(data, place) or len(data)
            dropped += 1
        if place == len(data):
            os.unlink(segment.path)
            return []
        file.seek(0)
        file.write(data[place:])
        file.truncate()
    path = os.path.join(os.path.dirname(segment.path), "%020d" % (segment.first + dropped))
    os.rename(segment.path, path)
    rest = len(data) - place
    return [Segment(path, segment.entries - dropped, rest, segment.first + dropped)]


def gather(directory: str, there: list[str], segments: list[Segment], home: str) -> None:
    """Make one log of the segments. Cut short anywhere, it goes on at the next start."""
    numbers = [int(each.rpartition("-")[2]) for each in there if "gathered-" in each]
    staging = os.path.join(directory, "gathered-%d" % (max(numbers, default=0) + 1))
    os.mkdir(staging, 0o750)
    number = 1
    for segment in segments:
        if segment.entries:
            os.rename(segment.path, os.path.join(staging, "%020d" % number))
            number += segment.entries
    import shutil

    for log in there:
        shutil.rmtree(log)
    if number > 1:
        os.rename(staging, home)
        say("%d metrics wait to be written" % (number - 1))
    else:
        os.rmdir(staging)


def _last(directory: str) -> str:
    try:
        with open(os.path.join(directory, LAST), encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def watch(directory: str, limit: int) -> None:
    """Restart Telegraf if its buffer is too large."""
    size = 0
    for log in logs(directory):
        for name in os.listdir(log):
            try:
                size += os.stat(os.path.join(log, name)).st_size
            except FileNotFoundError:
                continue
    if size > max(bound(directory, size, limit), LEAST_BYTES):
        say("Telegraf's buffer has %d MB: it is restarted to drop the oldest" % (size >> 20))
        import subprocess

        subprocess.run(["systemctl", "try-restart", "telegraf.service"], check=True)


def allowed(path: str) -> int:
    """How many bytes may wait, by the last word of a file: megabytes."""
    with open(path, encoding="utf-8") as file:
        return int(file.read().split()[-1]) << 20


def main() -> None:
    """Do start or watch, with the arguments FOLDER BOUND [CONFIGURATION], which are paths."""
    task, directory, path = sys.argv[1:4]
    try:
        limit = allowed(path)
    except (OSError, ValueError, IndexError) as error:
        say("%s: %s; the bound is %d MB" % (path, error, USUAL >> 20))
        limit = USUAL
    if task == "start":
        start(directory, limit, *sys.argv[4:])
    else:
        watch(directory, limit)


if __name__ == "__main__":
    main()
