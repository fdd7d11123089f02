"""Trials of posture pairs with known truth: slide × noise × what the skin shows.

`python -m validation.capture.pairs run FACE NOISE` makes one person's trials and adds them to
`build/pairs.jsonl`; without arguments all that are missing are made, which takes about an hour on
two cores; `table` writes the table of docs/capture_pairs.md from that file; `picture FACE` draws
docs/images/capture_pair.png.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from threadlift.face.closest import SurfaceIndex
from threadlift.face.face import Face
from threadlift.face.pair.displacement import Displacement
from threadlift.face.pair.estimate import estimate
from threadlift.face.pair.matched import Followed, Matched, follow, matched
from threadlift.face.pair.posture import displacement
from threadlift.face.pair.tracking import no_tracks
from threadlift.face.scan.stable import stable_weight
from threadlift.face.synthetic.scan import synthetic_scan
from threadlift.face.synthetic.skin import SkinLook
from threadlift.face.synthetic.slide import displaced, slide_field
from threadlift.face.synthetic.textured import RoomLight, textured_scan
from threadlift.face.template import Array, template
from threadlift.frames import Similarity, fit_similarity
from threadlift.graphics.colormap import png_bytes
from threadlift.quantities import Z90
from validation.capture.pairs_page import picture, write_page

RESULTS = Path(__file__).parents[2] / "build" / "pairs.jsonl"
PAGE = Path(__file__).parents[2] / "docs" / "capture_pairs.md"
PICTURE = Path(__file__).parents[2] / "docs" / "images" / "capture_pair.png"
FACES, NOISES_MM, SLIDES_MM = range(10), (0.4, 0.2), (0.0, 3.0, 5.0)
MARKS, MARK_SD_MM = 60, 0.5
SKINS = ("bare", "60 marks", "texture")
#: What counts as the area that slides: true movement above this [mm].
SLIDING_MM = 1.0


@dataclass(frozen=True)
class Truth:
    """True movement (n, 3) [mm] of a person's template vertices against the stable region."""

    face: Face
    move: Array

    def at(self, points: Array) -> Array:
        """Movement (k, 3) at points (k, 3) of the first surface, the person's frame."""
        hit = SurfaceIndex(self.face.vertices, self.face.triangles).closest(points)
        return np.einsum("kc,kcd->kd", hit.bary, self.move[self.face.triangles[hit.triangle]])


def truth_of(face: Face, after: Face) -> Truth:
    """The movement that a perfect alignment on forehead and nose leaves."""
    back = fit_similarity(after.vertices, face.vertices, stable_weight())
    return Truth(face, back.apply(after.vertices) - face.vertices)


def marks_of(face: Face, after: Face, poses: tuple[Similarity, Similarity], seed: int) -> dict:
    """Named points on cheeks, jowls and chin of both scans, each read with an error."""
    t = template()
    rng = np.random.default_rng([seed, 5])
    low = sum(
        t.zones[f"{zone}_{side}"]
        for zone in ("jowl", "buccal", "marionette", "jawline", "nasolabial", "malar")
        for side in ("left", "right")
    )
    rows = np.nonzero(low > 0.3)[0]
    chosen = [int(rng.choice(rows))]
    while len(chosen) < MARKS:  # farthest first: a clinician spreads the dots out
        gap = np.linalg.norm(face.vertices[rows][:, None] - face.vertices[chosen], axis=2)
        chosen.append(int(rows[np.argmax(gap.min(axis=1))]))
    out = {}
    for i in chosen:
        ends = [
            pose.apply(f.vertices[i] + rng.normal(0.0, MARK_SD_MM / np.sqrt(2.0), 3))
            for f, pose in zip((face, after), poses, strict=True)
        ]
        out[f"m{i}"] = (ends[0].tolist(), ends[1].tolist())
    return out


def pose_of(face: Face, noise_mm: float, seed: int) -> Similarity:
    """The pose that `textured_scan` gave this scan."""
    flat, _ = synthetic_scan(face, noise_mm, seed, posed=False)
    posed, _ = synthetic_scan(face, noise_mm, seed, posed=True)
    return fit_similarity(flat, posed)


def errors(out: Displacement, pair: Matched, truth: Truth, pose: Similarity) -> dict[str, float]:
    """Errors [mm] and coverage over what was seen, and over the part that slides."""
    t = template()
    to_person = fit_similarity(out.vertices, _person(pair, pose))
    true = truth.at(to_person.apply(out.vertices)) @ to_person.rotation
    miss = out.mean_mm - true
    normal = np.einsum("kd,kd->k", miss, out.normals)
    along = miss - normal[:, None] * out.normals
    # The component down the skin: the one that a lift is about.
    down = np.array([0.0, -1.0, 0.0]) - (-out.normals[:, 1:2]) * out.normals
    down /= np.maximum(np.linalg.norm(down, axis=1, keepdims=True), 1e-9)
    slip = np.einsum("kd,kd->k", along, down)
    area = np.linalg.norm(true, axis=1) > SLIDING_MM
    row: dict[str, float] = {}
    for name, some in (("seen", out.seen), ("sliding", out.seen & area)):
        if not some.any():
            continue
        row |= {
            f"{name}_normal_mean": float(np.abs(normal[some]).mean()),
            f"{name}_normal_rms": float(np.sqrt(np.mean(normal[some] ** 2))),
            f"{name}_normal_covered": float((np.abs(normal) < Z90 * out.sd_normal_mm)[some].mean()),
            f"{name}_slip_covered": float((np.abs(slip) < Z90 * out.sd_tangential_mm)[some].mean()),
            f"{name}_vector_mean": float(np.linalg.norm(miss[some], axis=1).mean()),
            f"{name}_tracked": float(out.tracked[some].mean()),
            f"{name}_sd_slip": float(out.sd_tangential_mm[some].mean()),
            f"{name}_true": float(np.linalg.norm(true[some], axis=1).mean()),
        }
        both = some & out.tracked
        if both.any():
            row[f"{name}_vector_tracked"] = float(np.linalg.norm(miss[both], axis=1).mean())
            row[f"{name}_vector_tracked_p95"] = float(
                np.percentile(np.linalg.norm(miss[both], axis=1), 95)
            )
    row |= _zone_errors(out, true, t)
    return row


def _zone_errors(out: Displacement, true: Array, t) -> dict[str, float]:
    """How often the zones' intervals hold the truth, and how often changes are detected."""
    covered, detected, limits = [], [], []
    for zone, changes in out.zones.items():
        weight = t.zones[zone] * (np.arange(len(t.vertices)) < t.n_coarse)
        away = -1.0 if zone.endswith("_right") else 1.0
        axes = {
            "outward": out.normals,
            "up": np.array([0.0, 1.0, 0.0]),
            "lateral": np.array([away, 0.0, 0.0]),
            "forward": np.array([0.0, 0.0, 1.0]),
        }
        for name, change in changes.items():
            if not change.observed:
                continue
            real = np.average(np.sum(true * axes[name], axis=1), weights=weight)
            covered.append(change.estimate.low <= real <= change.estimate.high)
            detected.append(change.detected)
            limits.append(change.detectable_mm)
    jowl = [out.zones[f"jowl_{s}"]["outward"].detectable_mm for s in ("left", "right")]
    jowl_up = [out.zones[f"jowl_{s}"]["up"].detectable_mm for s in ("left", "right")]
    return {
        "zones_covered": float(np.mean(covered)),
        "zones_detected": float(np.mean(detected)),
        "zones_sdc": float(np.median(limits)),
        "jowl_sdc_outward": float(np.mean(jowl)),
        "jowl_sdc_up": float(np.mean(jowl_up)),
    }


def _person(pair: Matched, pose: Similarity) -> Array:
    """The registered vertices of the first scan in the person's frame."""
    back = pair.first.to_canonical.inverse().then(pose.inverse())
    return back.apply(pair.first.vertices)


def person(face: int, slide_mm: float) -> tuple[Face, Face]:
    """A person of the trials before and after."""
    before = Face.synthetic(100 + face, age_years=40.0 + 3.0 * face)
    return before, displaced(before, slide_field(slide_mm, 100 + face))


def _look(face: int) -> tuple[SkinLook, RoomLight]:
    """Skin of a person, and the light of the second capture."""
    rng = np.random.default_rng([face, 9])
    look = SkinLook(tone=float(rng.uniform(0.0, 4.0)), seed=face, freckles=float(rng.random()))
    return look, RoomLight((-0.6, 0.5, 0.7), 0.45, 0.8, (1.0, 0.96, 0.88))


def _seeds(face: int) -> tuple[int, int]:
    return 1000 + 10 * face, 1001 + 10 * face


def trials(face: int, noise_mm: float) -> list[dict]:
    """All trials of one person with one noise."""
    look, lamp = _look(face)
    seeds = _seeds(face)
    before, _ = person(face, 0.0)
    first = textured_scan(before, look, noise_mm=noise_mm, seed=seeds[0])
    rows = []
    for slide in SLIDES_MM:
        _, after = person(face, slide)
        second = textured_scan(after, look, noise_mm=noise_mm, seed=seeds[1], light=lamp)
        pair = matched(first, second)
        poses = pose_of(before, noise_mm, seeds[0]), pose_of(after, noise_mm, seeds[1])
        dots = follow(pair, marks_of(before, after, poses, face), MARK_SD_MM)
        shown = {
            "bare": Followed(no_tracks(), no_tracks()),
            "60 marks": Followed(no_tracks(), dots.marks),
            "texture": Followed(dots.texture, no_tracks()),
        }
        for skin, followed in shown.items():
            found = estimate(pair.first, pair.alignment.target, followed.all, template())
            out = displacement(pair, found, followed)
            row = {"face": face, "noise": noise_mm, "slide": slide, "skin": skin}
            row |= errors(out, pair, truth_of(before, after), poses[0])
            rows.append(row | dict(out.numbers))
    return rows


def draw(face: int) -> None:
    """The picture of one textured pair, true movement and found one."""
    noise, slide = NOISES_MM[0], SLIDES_MM[-1]
    before, after = person(face, slide)
    look, lamp = _look(face)
    seeds = _seeds(face)
    first = textured_scan(before, look, noise_mm=noise, seed=seeds[0])
    second = textured_scan(after, look, noise_mm=noise, seed=seeds[1], light=lamp)
    pair = matched(first, second)
    followed = follow(pair)
    found = estimate(pair.first, pair.alignment.target, followed.all, template())
    out = displacement(pair, found, followed)
    to_person = fit_similarity(out.vertices, _person(pair, pose_of(before, noise, seeds[0])))
    true = truth_of(before, after).at(to_person.apply(out.vertices)) @ to_person.rotation
    PICTURE.write_bytes(png_bytes(picture(out, true)))


def main() -> None:
    """Make trials, the table or the picture."""
    if sys.argv[1:2] == ["picture"]:
        draw(int(sys.argv[2]))
        return
    if sys.argv[1:2] == ["table"]:
        write_page(PAGE, [json.loads(x) for x in RESULTS.read_text("utf-8").splitlines()])
        return
    wanted = [(f, n) for n in NOISES_MM for f in FACES]
    if sys.argv[1:2] == ["run"]:
        wanted = [(int(sys.argv[2]), float(sys.argv[3]))]
    RESULTS.parent.mkdir(exist_ok=True)
    lines = RESULTS.read_text("utf-8").splitlines() if RESULTS.exists() else []
    done = {(r["face"], r["noise"]) for r in map(json.loads, lines)}
    for face, noise in wanted:
        if (face, noise) in done:
            continue
        rows = trials(face, noise)
        with RESULTS.open("a", encoding="utf-8") as stream:
            stream.writelines(json.dumps(row) + "\n" for row in rows)
        print(f"face {face}, noise {noise} mm")  # noqa: T201


if __name__ == "__main__":
    main()
