"""One person: photographed, scanned, captured, compared with the truth. Results are kept."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import threadlift
from threadlift.errors import InputError
from threadlift.evidence import value
from threadlift.face.capture import Capture
from threadlift.face.face import Face
from threadlift.face.photo.fit_photos import fit_photos
from threadlift.face.scan.fit_scan import fit_scan
from threadlift.face.synthetic.people import PhotoSet, photo_set
from threadlift.face.synthetic.relief import front_of_face
from threadlift.face.template import template
from validation.capture.measure import Comparison, compare
from validation.capture.scans import scan_of

Array = NDArray[np.float64]

STORE = Path(__file__).parents[2] / "build" / "capture"
#: The three captures of the table; one photo with a measured distance of the pupils; and, as the
#: yardstick, the template's mean head for everybody.
VARIANTS = ("one", "three", "scan", "one_ipd", "mean")
#: What results depend on, below the package's root.
SOURCES = ("face", "graphics", "evidence/data/face.toml", "evidence/data/capture.toml",
           "evidence/data/scan.toml")  # fmt: skip


@dataclass(frozen=True)
class Result:
    """What one capture of one person gave; `refused` is the message if it was refused.

    scale_sd: relative standard deviation of size that the capture reports (nan for scans);
    region (n,): the visible face, over which alignment and errors are taken.
    """

    person: int
    variant: str
    refused: str
    comparison: Comparison | None
    scale_sd: float
    region: NDArray[np.bool_]


@lru_cache(maxsize=1)
def version() -> str:
    """Digest of the code and numbers that results depend on; results of other code are not used."""
    root = Path(threadlift.__file__).parent
    digest = hashlib.sha256()
    for name in SOURCES:
        path = root / name
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        for file in [*files, *sorted(path.rglob("*.npz"))]:
            digest.update(file.read_bytes())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        if file.stem in ("measure", "scans", "trial"):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def visible(people: PhotoSet) -> NDArray[np.bool_]:
    """The part (n,) of the front of the face that at least one of the three photos shows."""
    shots = (people.front, people.left, people.right)
    return front_of_face(template()) & ~np.all([s.hidden for s in shots], axis=0)


def captures(person: int, people: PhotoSet, folder: Path) -> Iterator[tuple[str, Face | str]]:
    """Every variant's face, or the message with which it was refused."""
    files = {
        role: getattr(people, role).write(folder / f"{role}.jpg")
        for role in ("front", "left", "right")
    }
    rng = np.random.default_rng([person, 9])
    ipd = people.face.ipd_mm + float(rng.normal(0.0, value("capture.ipd.measured")))
    scan, _ = scan_of(people.face, people.look, person)
    for variant, work in (
        ("one", lambda: fit_photos(files["front"])),
        ("three", lambda: fit_photos(files["front"], files["left"], files["right"])),
        ("scan", lambda: fit_scan(scan)),
        ("one_ipd", lambda: fit_photos(files["front"], ipd_mm=ipd)),
        ("mean", _mean_head),
    ):
        try:
            yield variant, work()
        except InputError as error:
            yield variant, str(error)


def _mean_head() -> Face:
    """The template itself, with the spread of people about it."""
    return Face.in_frame(
        template().vertices,
        sd_mm=value("capture.photo.unseen_sd"),
        kind="synthetic",
        capture=Capture("mean head"),
        expressions={},
    )


def run(person: int) -> list[Result]:
    """All captures of one person, from the store if it has them."""
    path = STORE / version() / f"{person:04d}.npz"
    if not path.exists():
        people = photo_set(person)
        region = visible(people)
        with tempfile.TemporaryDirectory() as folder:
            results = [
                _result(person, variant, found, people.face, region)
                for variant, found in captures(person, people, Path(folder))
            ]
        _save(path, results)
    return load(path)


def _result(
    person: int, variant: str, found: Face | str, truth: Face, region: NDArray[np.bool_]
) -> Result:
    if isinstance(found, str):
        return Result(person, variant, found, None, np.nan, region)
    scale_sd = found.capture.numbers.get("scale_sd_percent", np.nan) / 100.0
    both = compare(found, truth, region, with_scale=variant != "scan")
    return Result(person, variant, "", both, scale_sd, region)


def _save(path: Path, results: list[Result]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, NDArray] = {"region": results[0].region}
    for r in results:
        arrays[f"{r.variant}.refused"] = np.array(r.refused)
        arrays[f"{r.variant}.scale_sd"] = np.array(r.scale_sd)
        if r.comparison is not None:
            for name, x in vars(r.comparison).items():
                arrays[f"{r.variant}.{name}"] = np.asarray(x, dtype=np.float32)
    # Written aside and renamed: an interrupted run leaves no half file.
    part = path.with_suffix(".part.npz")
    np.savez_compressed(part, allow_pickle=False, **arrays)
    part.rename(path)


def load(path: Path) -> list[Result]:
    """Read what a run has stored."""
    with np.load(path) as stored:
        data = {name: stored[name] for name in stored.files}
    out = []
    for variant in VARIANTS:
        refused = str(data[f"{variant}.refused"])
        found = None
        if not refused:
            get = {n: data[f"{variant}.{n}"].astype(float) for n in Comparison.__annotations__}
            found = Comparison(
                get["normal_mm"],
                get["surface_mm"],
                get["sd_mm"],
                float(get["scale"]),
                get["landmarks_mm"],
            )
        scale_sd = float(data[f"{variant}.scale_sd"])
        out.append(Result(int(path.stem), variant, refused, found, scale_sd, data["region"]))
    return out
