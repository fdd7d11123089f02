"""The consultation record: what is accepted, what is refused and in which words."""

from pathlib import Path

import pytest

from threadlift.consultation import (
    ZONES,
    Consultation,
    completeness,
    contraindications,
    mirrored_zone,
    parse,
)
from threadlift.errors import InputError
from threadlift.quantities import Z90

EXAMPLES = Path(__file__).parents[2] / "src" / "threadlift" / "examples"

BAD = {
    "empty": ("", "empty"),
    "only a comment": ("# nothing\n", "empty"),
    "a list": ("- 1\n- 2\n", "named sections"),
    "a word": ("hello", "named sections"),
    "broken YAML": ("patient: {age_years: 40", "not valid YAML"),
    "tab": ("patient:\n\tage_years: 40", "line 2"),
    "python tag": ("patient: !!python/object/apply:os.system [ls]", "not valid YAML"),
    "duplicate key": ("patient:\n  age_years: 40\n  age_years: 50", "'age_years' stands twice"),
    "alias": ("a: &x {age_years: 40}\npatient: *x", "aliases"),
    "deep nesting": ("[" * 5000, "not valid YAML"),
    "number as key": ("1: 2", "not a word"),
    "unknown section": ("pateint: {age_years: 40}", "Did you mean 'patient'?"),
    "unknown key": ("patient: {age_yaers: 40}", "Did you mean 'age_years'?"),
    "unknown deep key": ("sagging: {jowl: {garde: 2}}", "Did you mean 'grade'?"),
    "unknown zone": ("sagging: {jowel: 2}", "Did you mean 'jowl'?"),
    "side on midline": ("sagging: {chin_left: 2}", "Write 'chin' without a side"),
    "word for a number": ("patient: {age_years: forty}", "patient.age_years"),
    "unit in the number": ("patient: {bmi_kg_m2: 22 kg/m2}", "without a unit"),
    "not finite": ("patient: {age_years: .nan}", "patient.age_years"),
    "bool for a number": ("patient: {age_years: true}", "patient.age_years"),
    "section is a number": ("patient: 3", "patient"),
    "sex": ("patient: {sex: woman}", "patient.sex"),
    "minor": ("patient: {age_years: 17}", "adults only"),
    "age": ("patient: {age_years: 470}", "no patient reaches"),
    "BMI": ("patient: {bmi_kg_m2: 220}", "outside 13 to 60"),
    "BMI contradicts": ("patient: {height_cm: 170, weight_kg: 60, bmi_kg_m2: 30}", "give 20.8"),
    "metres": ("patient: {height_cm: 1.7, weight_kg: 60}", "patient.height_cm"),
    "pregnant man": ("patient: {sex: male}\ncontraindications: {pregnancy: true}", "sex is male"),
    "min above max": ("measurements: {fat_thickness_mm: {jowl: {min: 6, max: 4}}}", "Swap"),
    "micrometres": ("measurements: {skin_thickness_mm: {jowl: 1200}}", "micrometres"),
    "skin in cm": ("measurements: {skin_thickness_mm: {jowl: 0.12}}", "millimetres"),
    "ipd in cm": ("measurements: {interpupillary_distance_mm: 6.2}", "45 to 80 mm"),
    "negative sd": ("measurements: {pinch_mm: {jowl: {value: 14, sd: -1}}}", "sd"),
    "SMAS in the skin": (
        "measurements: {skin_thickness_mm: {jowl: 1.2}, smas_depth_mm: {jowl: 1.0}}",
        "skin alone",
    ),
    "SMAS against fat": (
        "measurements: {skin_thickness_mm: {jowl: 1.2}, fat_thickness_mm: {jowl: 4},"
        " smas_depth_mm: {jowl: 15}}",
        "add up to",
    ),
    "R7 above R2": ("measurements: {elasticity: {r2: 0.4, r7: 0.6}}", "r7"),
    "grade 5": ("sagging: {jowl: 5}", "sagging.jowl"),
    "grade 0 with direction": ("sagging: {jowl: {grade: 0, direction: down}}", "grade 0"),
    "goal where nothing sags": (
        "sagging: {jowl: 0}\ngoals: {priorities: {jowl: 1}}", "goals.priorities.jowl"
    ),
    "priority 2": ("goals: {priorities: {jowl: 2}}", "between 0 and 1"),
    "weakness denied": (
        "movement: {weakness: left}\ncontraindications: {facial_nerve_palsy: false}", "weakness"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD, ids=str)
def test_bad_record_is_refused_in_one_sentence_with_a_remedy(case: str) -> None:
    text, phrase = BAD[case]
    with pytest.raises(InputError) as caught:
        parse(text, "record.yaml")
    assert phrase in str(caught.value)
    assert caught.value.remedy
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        Consultation.load(tmp_path / "absent.yaml")
    big = tmp_path / "big.yaml"
    big.write_text("#" * 300_000)
    with pytest.raises(InputError, match="larger than"):
        Consultation.load(big)
    binary = tmp_path / "photo.yaml"
    binary.write_bytes(b"\xff\xd8\xff\xe0\x00")
    with pytest.raises(InputError, match="UTF-8"):
        Consultation.load(binary)


@pytest.mark.parametrize("name", ["consultation.yaml", "consultation-jowl.yaml"])
def test_examples_are_complete_and_allow_a_plan(name: str) -> None:
    record = Consultation.load(EXAMPLES / name)
    assert contraindications(record) == []
    assert not [m for m in completeness(record) if m.needed_for_plan]


def test_zone_without_a_side_means_both_and_a_side_overrides_it() -> None:
    record = parse("sagging: {jowl: 2, jowl_right: {grade: 3, direction: down}, chin: 1}")
    grades = {zone: sag.grade for zone, sag in record.sagging.items()}
    assert grades == {"jowl_left": 2, "jowl_right": 3, "chin": 1}
    left = record.sag("jowl_left")
    assert left is not None
    assert left.direction is None
    assert record.sag("malar_left") is None
    with pytest.raises(KeyError):
        record.sag("jowl")


def test_a_range_becomes_a_value_with_the_sd_of_a_90_percent_interval() -> None:
    record = parse("measurements: {fat_thickness_mm: {jowl_left: {min: 3, max: 6}}}")
    measured = record.measurements.fat_thickness_mm["jowl_left"]
    assert measured.value == 4.5
    assert measured.sd * Z90 == pytest.approx(1.5)


def test_a_record_survives_its_own_json() -> None:
    record = Consultation.load(EXAMPLES / "consultation.yaml")
    assert Consultation.model_validate(record.model_dump(mode="json")) == record


def test_mirroring_twice_is_the_identity_and_moves_every_side() -> None:
    record = Consultation.load(EXAMPLES / "consultation.yaml")
    mirror = record.mirrored()
    assert mirror.mirrored() == record
    for zone in ZONES:
        assert mirror.sag(zone) == record.sag(mirrored_zone(zone))
    assert mirror.movement.smile is not None
    assert mirror.movement.smile.left_mm == 12


def test_absolute_findings_come_first_and_each_has_a_remedy() -> None:
    record = parse(
        "patient: {sex: female, bmi_kg_m2: 34}\nhistory: {smoker: true, filler_months_ago: 3}\n"
        "sagging: {jowl: 3.5}\ncontraindications: {pregnancy: true}"
    )
    found = contraindications(record)
    assert [f.name for f in found] == [
        "pregnancy", "smoker", "recent_filler", "high_bmi", "heavy_jowls",
    ]  # fmt: skip
    assert [f.severity for f in found] == ["absolute"] + 4 * ["relative"]
    assert all(f.reason and f.remedy for f in found)


def test_what_lies_on_the_limit_is_no_finding() -> None:
    record = parse("patient: {bmi_kg_m2: 30}\nhistory: {filler_months_ago: 12}\nsagging: {jowl: 3}")
    assert contraindications(record) == []


def test_an_empty_record_lacks_what_a_plan_needs_and_a_fact_removes_its_item() -> None:
    def items(record: Consultation) -> list[str]:
        return [m.item for m in completeness(record) if m.needed_for_plan]

    nothing = items(Consultation())
    assert {"patient.age_years", "patient.sex", "sagging"} <= set(nothing)
    assert any("anticoagulation" in item for item in nothing)
    assert "patient.age_years" not in items(parse("patient: {age_years: 50}"))
    man = items(parse("patient: {sex: male}"))
    assert not any("pregnancy" in item for item in man)
