"""What plan, check and simulate share: the same options, one job, one hash of the inputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from threadlift.capturing import FaceSource
from threadlift.cli import main
from threadlift.errors import InputError
from threadlift.job import Job, inputs_sha256
from threadlift.outcome import MEMBERS


def flags(command: str) -> set[str]:
    return {flag for p in main.commands[command].params for flag in p.opts if flag[0] == "-"}


def test_the_three_commands_have_the_same_options_but_for_their_own() -> None:
    language = {"-l", "--language"}
    assert flags("plan") == flags("check") | {"--max-threads"}
    assert flags("check") == flags("simulate") | language
    assert {"--photo", "--scan", "--consultation", "--members", "--seed", "-o", "--json"} <= (
        flags("simulate")
    )


@pytest.fixture
def job(tmp_path: Path) -> Job:
    for name in ("scan.ply", "record.yaml", "plan.json"):
        (tmp_path / name).write_text(f"patient: {{id: {name}}}\n", "utf-8")
    return Job(FaceSource(scan=tmp_path / "scan.ply"), tmp_path / "record.yaml")


def test_the_hash_covers_files_and_options_in_a_fixed_order(job: Job, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    files = [tmp_path / "scan.ply", plan, tmp_path / "record.yaml"]
    options = {"seed": 0, "members": job.members, "check": True, **job.source.options}
    assert job.inputs_sha256(plan, check=True) == inputs_sha256(files, options)


@pytest.mark.parametrize("change", [{"seed": 1}, {"members": 64}, {"consultation_path": None}])
def test_what_decides_the_result_changes_the_hash(job: Job, change: dict) -> None:
    assert replace(job, **change).inputs_sha256() != job.inputs_sha256()


def test_how_it_is_told_does_not_change_the_hash(job: Job) -> None:
    told = replace(job, language="ko").telling(lambda fraction, message: None)
    assert told.inputs_sha256() == job.inputs_sha256()


def test_no_record_is_an_empty_one_and_a_bad_one_is_named(job: Job, tmp_path: Path) -> None:
    assert replace(job, consultation_path=None).consultation.patient.age_years is None
    assert job.consultation.patient.id == "record.yaml"
    with pytest.raises(InputError, match=r"absent\.yaml"):
        _ = replace(job, consultation_path=tmp_path / "absent.yaml").consultation


def test_the_command_line_has_the_ensemble_of_the_library(job: Job) -> None:
    """The number stands there twice, so that `--help` needs no solver."""
    (members,) = [p for p in main.commands["plan"].params if p.name == "members"]
    assert members.default == MEMBERS == job.members
