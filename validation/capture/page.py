"""The page docs/capture.md: what was measured, how, and what it does not say."""

from __future__ import annotations

import numpy as np

from threadlift.evidence import value
from validation.capture.measure import zones
from validation.capture.summary import Spread, errors, landmarks, person_means, scale
from validation.capture.trial import Result

TITLES = {
    "one": "1 photo",
    "three": "3 photos",
    "scan": "scan",
    "one_ipd": "1 photo, pupils measured",
    "mean": "mean head",
}
#: Targets for the mean absolute normal error [mm], and for the 95th percentile of scans.
TARGETS = {"one": 1.8, "three": 1.2, "scan": 0.5}
TARGET_SCAN_P95_MM = 1.5
SHOWN_LANDMARKS = (
    "nasion", "pronasale", "subnasale", "endocanthion", "exocanthion", "alare", "cheilion",
    "labiale_superius", "labiale_inferius", "pogonion", "menton", "malar_eminence", "zygion",
    "jowl_point", "marionette_mid", "gonion", "tragion",
)  # fmt: skip

_METHOD = """# Capture: how true is a captured face?

Written by `make capture` (`python -m validation.capture.run`); do not edit.

## Method

{people} synthetic people of known shape are photographed three times (front, about 45° to the
left and right) and scanned; the project's own fits see only the JPEG files and the scan; what
they return is held against the truth.

- **People**: random identity out of the template's 120 modes, age 20 to 80 with sagging and
  jowls, both sexes, lean to heavy, asymmetric. A fit that uses the same modes would find such
  people too easily (an inverse crime). Each therefore has a random relief of {relief:g} mm (rms;
  bumps of {low:g} to {high:g} mm) from which the modes' share has been taken out: real heads
  projected on the modes leave about as much. Sagging is outside the modes too.
- **Photos** (900 × 1125 px, face about 450 px wide): software rendering with soft shadows, skin
  texture fixed to the skin, hair that hides forehead, temples and ears to a different extent,
  glasses in one of eight, 0.5 to 2 m distance, pose errors of some degrees, a slight expression
  that differs from photo to photo, lamps of any direction and colour, blur, noise, JPEG. Six of
  ten files state their focal length. No scale cue is given but the face itself, except in the
  row "pupils measured" (interpupillary distance with {ipd:g} mm error).
- **Scans**: 1.5 mm point spacing, noise of 0.2 to 0.5 mm (half smooth, half independent), three
  to six holes of 3 to 9 mm radius, hair as a lumpy surface, occluded parts missing, arbitrary
  pose, colour on every second one, eyes open.
- **Error**: distance between corresponding vertices along the true normal, absolute, over the
  front of the face that the photos show (between hairline and chin, in front of the ears).
  Photos are first aligned by a similarity (their size is judged apart), scans by the rigid
  motion that lays surface on surface. Means are means of people's means, percentiles means of
  people's percentiles. *Surface* is the distance to the captured surface wherever its nearest
  point is: sliding along the skin does not count in it.
- **Calibration**: share of vertices whose error lies within the interval that the reported
  standard deviation implies (0.674 sd, 1.645 sd). 50 and 90 % would be exact; more means too
  cautious.
- **Mean head**: the template itself for everybody, the yardstick for what a fit adds.
"""

_LIMITS = """## Limits

- Synthetic people are nearer to the template than real ones (the mean head misses real scans by
  2.4 mm), have no teeth, beards or make-up, and hair is a shell. The landmark network may behave
  differently on real skin. So these numbers can show that a fit is bad, and which of two
  is better; they do not show how good it is on patients.
- Correspondence is known here, which it is not on real scans; landmark errors include where the
  network puts a landmark on a face, which differs from the template's anatomical definition.
- In the front photo the eyes look into the camera and converge: the pupils are nearer to each other
  than the measured (far) distance, by one to two percent at 0.5 to 1 m. "Pupils measured" contains
  that, as it does with patients.
- Everybody holds nearly still and looks neutral; laughing faces are refused or tested elsewhere.
- Who draws the people and who fits them are the same project. The renderer shares with the fits
  the template's topology, mean, modes and the projection of a camera, and nothing else.
"""


def _cell(x: float, digits: int = 2) -> str:
    return "–" if not np.isfinite(x) else f"{x:.{digits}f}"


def _percent(x: float) -> str:
    return "–" if not np.isfinite(x) else f"{100.0 * x:.0f}"


def _main_table(by: dict[str, list[Result]]) -> list[str]:
    lines = [
        "| capture | people | refused | mean | median | 95 % | worst person's mean "
        "| surface mean | surface 95 % | in 50 % | in 90 % | target (mean) |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for variant in ("mean", "one", "three", "scan"):
        results = by[variant]
        e, s = errors(results), errors(results, surface=True)
        means = person_means(results)
        target = "–"
        if variant in TARGETS:
            goal = TARGETS[variant]
            measured = s if variant == "scan" else e
            met = measured.mean <= goal
            if variant == "scan":
                met = met and s.p95 <= TARGET_SCAN_P95_MM
                target = f"surface {goal:g}, 95 % {TARGET_SCAN_P95_MM:g}"
            else:
                target = f"{goal:g}"
            target += ": met" if met else ": **not met**"
        refused = sum(r.comparison is None for r in results)
        lines.append(
            f"| {TITLES[variant]} | {e.people} | {refused} | {_cell(e.mean)} | {_cell(e.median)} | "
            f"{_cell(e.p95)} | {_cell(means.max() if len(means) else np.nan)} | {_cell(s.mean)} | "
            f"{_cell(s.p95)} | {_percent(e.in_50)} | {_percent(e.in_90)} | {target} |"
        )
    return lines


def _zone_table(by: dict[str, list[Result]]) -> list[str]:
    head = "| zone | mean head |"
    rule = "|---|---|"
    for variant in ("one", "three", "scan"):
        head += f" {TITLES[variant]}: mean | 95 % | in 50 % | in 90 % |"
        rule += "---|---|---|---|"
    lines = [head, rule]
    for zone in (*zones(), "hidden"):
        name = "*hidden by hair or turned away*" if zone == "hidden" else zone
        line = f"| {name} | {_cell(errors(by['mean'], zone).mean)} |"
        for variant in ("one", "three", "scan"):
            e: Spread = errors(by[variant], zone)
            line += (
                f" {_cell(e.mean)} | {_cell(e.p95)} | {_percent(e.in_50)} | {_percent(e.in_90)} |"
            )
        lines.append(line)
    return lines


def _scale_table(by: dict[str, list[Result]]) -> list[str]:
    lines = [
        "| capture | mean error % | 95 % | bias % | reported sd % | truth in 90 % interval |",
        "|---|---|---|---|---|---|",
    ]
    for variant in ("one", "three", "one_ipd"):
        s = scale(by[variant])
        lines.append(
            f"| {TITLES[variant]} | {_cell(s.mean, 1)} | {_cell(s.p95, 1)} | {s.bias:+.1f} | "
            f"{_cell(s.reported, 1)} | {_percent(s.in_90)} % |"
        )
    return lines


def _landmark_table(by: dict[str, list[Result]]) -> list[str]:
    found = {v: landmarks(by[v]) for v in ("mean", "one", "three", "scan")}
    lines = ["| landmark | mean head | 1 photo | 3 photos | scan |", "|---|---|---|---|---|"]
    for name in SHOWN_LANDMARKS:
        cells = " | ".join(_cell(found[v].get(name, np.nan), 1) for v in found)
        lines.append(f"| {name.replace('_', ' ')} | {cells} |")
    return lines


def _refusals(by: dict[str, list[Result]]) -> list[str]:
    lines = [
        f"- person {r.person}, {TITLES[v]}: {r.refused}"
        for v in ("one", "three", "scan")
        for r in by[v]
        if r.refused
    ]
    return ["## Refused", "", *lines, ""] if lines else []


def page(results: list[Result]) -> str:
    """The page as Markdown."""
    by = {v: [r for r in results if r.variant == v] for v in TITLES}
    people = len({r.person for r in results})
    parts = [
        _METHOD.format(
            people=people,
            relief=value("face.synthetic.relief_rms"),
            low=value("face.synthetic.relief_shortest"),
            high=value("face.synthetic.relief_longest"),
            ipd=value("capture.ipd.measured"),
        ),
        "![Photos of six of the people](images/capture_people.jpg)\n",
        "## Result [mm]\n",
        *_main_table(by),
        "\nMean absolute normal error over people, on the template (grey: too seldom seen):\n",
        "![Error maps](images/capture_mean_maps.jpg)\n",
        "One person (the median for 3 photos):\n",
        "![Error maps of one person](images/capture_person_maps.jpg)\n",
        "## By zone [mm]\n",
        "Left and right together; zones overlap.\n",
        *_zone_table(by),
        "\n## Size\n",
        *_scale_table(by),
        "\n## Landmarks [mm]\n",
        "Distance of the landmark's vertex from the truth after alignment: mean over people.\n",
        *_landmark_table(by),
        "",
        *_refusals(by),
        "## Captures over their photos\n",
        "Front photos of three of the people with the capture from three photos drawn over them",
        "(yellow: what the landmark network found), and two public-domain portraits (Eileen",
        "Collins, NASA; Grace Hopper, United States Navy), of which no true shape is known.\n",
        "![Captures over photos](images/capture_overlays.jpg)\n",
        "![Captures over portraits](images/capture_portraits.jpg)\n",
        _LIMITS,
    ]
    return "\n".join(parts)
