"""One person: photographed, scanned, captured, compared with the truth. Results are kept."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
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
from threadlift.face.synthetic.people import photo_set, random_look, random_person
from threadlift.face.synthetic.relief import front_of_face
from threadlift.face.template import template
from validation.capture.measure import Comparison, compare
from validation.capture.scans import scan_of

STORE = Path(__file__).parents[2] / "build" / "capture"
#: The three captures of the table; one photo with a measured distance of the pupils; and, as the
#: yardstick, the template's mean head for everybody.
VARIANTS = ("one", "three", "scan", "one_ipd", "mean")
#: What a stage depends on, below the package's root and in this folder. A stage is kept until any
#: of it changes, so that new code of the scans does not make the photos run again.
_PEOPLE = ("face/synthetic", "face/template.py", "face/data", "face/expression", "graphics",
           "evidence/data/face.toml", "frames.py")  # fmt: skip
_MEASURED = (*_PEOPLE, "face/network", "face/closest.py", "measure.py", "trial.py")
DEPENDS = {
    "shots": _PEOPLE,
    "photo": (*_MEASURED, "face/photo", "evidence/data/capture.toml"),
    "scan": (*_MEASURED, "face/scan", "evidence/data/scan.toml", "scans.py"),
}


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


@lru_cache(maxsize=3)
def version(stage: str) -> str:
    """Digest of the code and numbers that a stage of `DEPENDS` depends on."""
    root, here = Path(threadlift.__file__).parent, Path(__file__).parent
    digest = hashlib.sha256()
    for name in DEPENDS[stage]:
        path = here / name if (here / name).exists() else root / name
        files = [path] if path.is_file() else sorted(path.rglob("*.[pn][yp]*"))
        for file in files:
            if file.suffix in (".py", ".npz", ".toml"):
                digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def stored(stage: str, person: int) -> Path:
    """Where the result of a stage is kept."""
    return STORE / f"{stage}-{version(stage)}" / f"{person:04d}.npz"


def complete(person: int) -> bool:
    """Whether everything of this person is stored."""
    return all(stored(stage, person).exists() for stage in DEPENDS)


def _shots(person: int) -> dict[str, NDArray]:
    """The three photos as files (uint8) and the visible face `region` (n,)."""
    path = stored("shots", person)
    if not path.exists():
        people = photo_set(person)
        shots = {role: getattr(people, role) for role in ("front", "left", "right")}
        hidden = np.all([s.hidden for s in shots.values()], axis=0)
        files = {role: np.frombuffer(s.jpeg, dtype=np.uint8) for role, s in shots.items()}
        _save(path, {"region": front_of_face(template()) & ~hidden, **files})
    return _read(path)


def photo_files(person: int, folder: Path) -> list[Path]:
    """Front, left and right photo of a person, written into `folder`."""
    files = [folder / f"{role}.jpg" for role in ("front", "left", "right")]
    shots = _shots(person)
    for file in files:
        file.write_bytes(shots[file.stem].tobytes())
    return files


def _photos(person: int, truth: Face, shots: dict[str, NDArray]) -> list[Result]:
    rng = np.random.default_rng([person, 9])
    ipd = truth.ipd_mm + float(rng.normal(0.0, value("capture.ipd.measured")))
    with tempfile.TemporaryDirectory() as folder:
        files = photo_files(person, Path(folder))
        return [
            _captured(person, "one", lambda: fit_photos(files[0]), truth, shots["region"]),
            _captured(person, "three", lambda: fit_photos(*files), truth, shots["region"]),
            _captured(
                person,
                "one_ipd",
                lambda: fit_photos(files[0], ipd_mm=ipd),
                truth,
                shots["region"],
            ),
            _captured(person, "mean", _mean_head, truth, shots["region"]),
        ]


def _scanned(person: int, truth: Face, age: float, sex: str, region: NDArray) -> list[Result]:
    scan, _ = scan_of(truth, random_look(person, age, sex), person)
    return [_captured(person, "scan", lambda: fit_scan(scan), truth, region)]


def _mean_head() -> Face:
    """The template itself, with the spread of people about it."""
    return Face.in_frame(
        template().vertices,
        # From a mean absolute deviation to a standard deviation (normal distribution).
        sd_mm=np.sqrt(np.pi / 2.0) * value("face.template.mean_deviation"),
        kind="synthetic",
        capture=Capture("mean head"),
        expressions={},
    )


def run(person: int) -> list[Result]:
    """All captures of one person, from the store as far as it has them."""
    shots = _shots(person)
    out: list[Result] = []
    for stage in ("photo", "scan"):
        path = stored(stage, person)
        if not path.exists():
            truth, age, sex, _ = random_person(person)
            found = (
                _photos(person, truth, shots)
                if stage == "photo"
                else _scanned(person, truth, age, sex, shots["region"])
            )
            _save(path, _as_arrays(found))
        out += _as_results(person, _read(path), shots["region"])
    return sorted(out, key=lambda r: VARIANTS.index(r.variant))


def _captured(
    person: int,
    variant: str,
    work: Callable[[], Face],
    truth: Face,
    region: NDArray[np.bool_],
) -> Result:
    """What `work` returns beside the truth, or the message with which it refuses or crashes."""
    try:
        found = work()
    except InputError as error:
        return Result(person, variant, str(error), None, np.nan, region)
    except Exception as error:  # a crash is a result of the benchmark, not the end of it
        message = f"internal error ({type(error).__name__}): {str(error).strip()}"
        return Result(person, variant, message, None, np.nan, region)
    scale_sd = found.capture.numbers.get("scale_sd_percent", np.nan) / 100.0
    both = compare(found, truth, region, with_scale=variant != "scan")
    return Result(person, variant, "", both, scale_sd, region)


def _save(path: Path, arrays: dict[str, NDArray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and renamed: an interrupted run leaves no half file.
    part = path.with_suffix(".part.npz")
    np.savez_compressed(part, allow_pickle=False, **arrays)
    part.rename(path)


def _read(path: Path) -> dict[str, NDArray]:
    with np.load(path) as kept:
        return {name: kept[name] for name in kept.files}


def _as_arrays(results: list[Result]) -> dict[str, NDArray]:
    arrays: dict[str, NDArray] = {}
    for r in results:
        arrays[f"{r.variant}.refused"] = np.array(r.refused)
        arrays[f"{r.variant}.scale_sd"] = np.array(r.scale_sd)
        if r.comparison is not None:
            for name, x in vars(r.comparison).items():
                arrays[f"{r.variant}.{name}"] = np.asarray(x, dtype=np.float32)
    return arrays


def _as_results(person: int, data: dict[str, NDArray], region: NDArray[np.bool_]) -> list[Result]:
    out = []
    for variant in (v for v in VARIANTS if f"{v}.refused" in data):
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
        out.append(Result(person, variant, refused, found, scale_sd, region))
    return out
