"""The tissue parameters of one person (or of one member of an ensemble) with their joint spread.

Defaults and spreads are read from the evidence register (``tissue.toml``); nothing is typed here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import numpy as np
from numpy.typing import NDArray

from threadlift import evidence
from threadlift.consultation import Consultation
from threadlift.errors import InputError
from threadlift.tissue.materials import in_plane_prestress
from threadlift.tissue.relaxation import State, state_share
from threadlift.tissue.skin import SkinSheet, skin_sheet

# Field name -> register key; fields of this table are sampled jointly.
_KEYS = {
    "skin_mu_kpa": "skin.mu",
    "skin_k1_kpa": "skin.k1",
    "skin_k2": "skin.k2",
    "skin_prestretch_excess": "skin.prestretch_excess",
    "fat_mu_kpa": "fat.mu",
    "fat_b": "fat.b",
    "smas_mu_kpa": "smas.mu",
    "deep_mu_kpa": "deep.mu",
    "deep_fixed_factor": "deep.fixed_factor",
    "rim_n_mm3": "rim.stiffness",
    "base_orbit_n_mm3": "base.orbit",
    "base_buccal_n_mm3": "base.buccal",
    "base_lip_n_mm3": "base.lip",
    "base_submental_n_mm3": "base.submental",
    "tension_anisotropy": "skin.anisotropy",
    "fat_septa_ratio": "fat.septa_ratio",
    "smas_fibre_excess": "smas.fibre_excess",
    "smas_upper_factor": "smas.upper_factor",
    "deep_glide_factor": "deep.glide_factor",
    "deep_muscle_factor": "deep.muscle_factor",
}

#: Fields that vary in an ensemble, in the order of the coordinates of `TissueParameters.shifted`.
SAMPLED: tuple[str, ...] = tuple(_KEYS)

# Draws outside the published range of the pre-stress are repeated; far more than ever needed.
_MAX_DRAWS = 10_000


def _default(key: str) -> float:
    return field(default_factory=lambda: evidence.value(f"tissue.{key}"))


@dataclass(frozen=True)
class TissueParameters:
    """Moduli [kPa], dimensionless stiffening, supports [N/mm3], densities [kg/m3].

    See ``materials`` for the law. ``base_*`` are springs per base area, ``rim_n_mm3`` springs per
    area of the cut border; ``deep_fixed_factor`` multiplies the deep modulus where the SMAS is
    fixed; ``ligament_preload`` is the share of the toe used up in the captured posture.
    ``tension_anisotropy`` is along over across the skin's tension lines (see ``skin``),
    ``skin_slack_share`` the in-plane stiffness left when it wrinkles; ``fat_septa_ratio`` is septa
    over matrix in the fat's stiffening; ``smas_fibre_excess`` how much stiffer the SMAS is along
    its fibres than across (1: twice), ``smas_upper_factor`` upper over lower SMAS; the deep layer
    is softer by ``deep_glide_factor`` in glide spaces and stiffer by ``deep_muscle_factor`` in
    mimetic muscle.
    """

    skin_mu_kpa: float = _default("skin.mu")
    skin_k1_kpa: float = _default("skin.k1")
    skin_k2: float = _default("skin.k2")
    skin_prestretch_excess: float = _default("skin.prestretch_excess")
    fat_mu_kpa: float = _default("fat.mu")
    fat_b: float = _default("fat.b")
    smas_mu_kpa: float = _default("smas.mu")
    deep_mu_kpa: float = _default("deep.mu")
    deep_fixed_factor: float = _default("deep.fixed_factor")
    rim_n_mm3: float = _default("rim.stiffness")
    base_bone_n_mm3: float = _default("base.bone")
    base_orbit_n_mm3: float = _default("base.orbit")
    base_buccal_n_mm3: float = _default("base.buccal")
    base_lip_n_mm3: float = _default("base.lip")
    base_submental_n_mm3: float = _default("base.submental")
    ligament_preload: float = _default("ligament.preload")
    tension_anisotropy: float = _default("skin.anisotropy")
    skin_dispersion: float = _default("skin.dispersion")
    skin_slack_share: float = _default("skin.slack_share")
    fat_septa_ratio: float = _default("fat.septa_ratio")
    fat_septa_k2: float = _default("fat.septa_k2")
    fat_septa_slack: float = _default("fat.septa_slack")
    smas_fibre_excess: float = _default("smas.fibre_excess")
    smas_prestretch_excess: float = _default("smas.prestretch_excess")
    smas_k2: float = _default("smas.k2")
    smas_upper_factor: float = _default("smas.upper_factor")
    deep_glide_factor: float = _default("deep.glide_factor")
    deep_muscle_factor: float = _default("deep.muscle_factor")
    bulk_skin: float = _default("bulk.skin")
    bulk_fat: float = _default("bulk.fat")
    density_skin: float = _default("density.skin")
    density_fat: float = _default("density.fat")
    density_smas: float = _default("density.smas")
    density_deep: float = _default("density.deep")

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if not np.isfinite(value) or value < 0.0:
                raise InputError(
                    f"The tissue parameter {item.name} is {value}.",
                    "Give a finite number that is not negative.",
                )

    @property
    def prestretch(self) -> float:
        """In-plane pre-stretch of the skin in the captured state."""
        return 1.0 + self.skin_prestretch_excess

    @property
    def prestress_kpa(self) -> float:
        """In-plane pre-stress of the skin in the captured state [kPa]."""
        return in_plane_prestress(self.skin_mu_kpa, self.skin_k1_kpa, self.skin_k2, self.prestretch)

    def skin_sheet(self, isotropic: bool = False) -> SkinSheet:
        """The skin's law along and across its tension lines [kPa]; isotropic: as calibrated."""
        return skin_sheet(
            self.skin_mu_kpa,
            self.skin_k1_kpa,
            self.skin_k2,
            self.skin_prestretch_excess,
            1.0 if isotropic else self.tension_anisotropy,
            0.5 if isotropic else self.skin_dispersion,
        )

    @property
    def layer_mu_kpa(self) -> NDArray:
        """Shear modulus [kPa] of skin, fat, SMAS, deep layer."""
        return np.array([self.skin_mu_kpa, self.fat_mu_kpa, self.smas_mu_kpa, self.deep_mu_kpa])

    @property
    def layer_density(self) -> NDArray:
        """Density [kg/m3] of skin, fat, SMAS, deep layer."""
        return np.array([self.density_skin, self.density_fat, self.density_smas, self.density_deep])

    def base_stiffness(self, code: str) -> float:
        """Spring per base area [N/mm3] for a support code. Raises InputError on unknown codes."""
        name = f"base_{code}_n_mm3"
        if not hasattr(self, name):
            raise InputError(
                f"Unknown base support '{code}'.", "Use bone, orbit, buccal, lip or submental."
            )
        return float(getattr(self, name))

    def with_laxity(self, factor: float) -> TissueParameters:
        """Skin pre-stretch excess and deep modulus times a factor (below 1: laxer)."""
        return replace(
            self,
            skin_prestretch_excess=self.skin_prestretch_excess * factor,
            deep_mu_kpa=self.deep_mu_kpa * factor,
        )

    def relaxed(self, state: State) -> TissueParameters:
        """The set that answers a load after it has acted for a while (see ``relaxation``).

        Scales the moduli of the four layers; septa and SMAS fibres follow their layer's mu.
        """
        skin = state_share("skin", state)
        return replace(
            self,
            skin_mu_kpa=self.skin_mu_kpa * skin,
            skin_k1_kpa=self.skin_k1_kpa * skin,
            fat_mu_kpa=self.fat_mu_kpa * state_share("fat", state),
            smas_mu_kpa=self.smas_mu_kpa * state_share("smas", state),
            deep_mu_kpa=self.deep_mu_kpa * state_share("deep", state),
        )

    @classmethod
    def for_patient(
        cls,
        age_years: float | None = None,
        elasticity: str | None = None,
        r0_mm: float | None = None,
    ) -> TissueParameters:
        """Calibrated set adapted to age, elasticity grade (good/fair/poor) and suction R0 [mm].

        None means unknown: nothing is changed for it. Age and grade change the laxity, and age the
        skin's anisotropy (only the signs of these effects are supported by measurements); R0 scales
        the skin's moduli as in the calibration model.
        """
        factor = anisotropy = 1.0
        if age_years is not None:
            years = float(np.clip(age_years, 20.0, 80.0))
            slope = evidence.value("tissue.laxity.per_year")
            reference = evidence.value("tissue.laxity.reference_age")
            factor *= (1.0 - slope * (years - 30.0)) / (1.0 - slope * (reference - 30.0))
            rise = evidence.value("tissue.skin.anisotropy_per_year")
            anisotropy = 1.0 + rise * (years - reference)
        if elasticity is not None:
            if elasticity not in ("good", "fair", "poor"):
                raise InputError(
                    f"Unknown elasticity grade '{elasticity}'.", "Use good, fair or poor."
                )
            factor *= evidence.value(f"tissue.laxity.{elasticity}")
        out = cls().with_laxity(factor)
        out = replace(out, tension_anisotropy=out.tension_anisotropy * anisotropy)
        if r0_mm is not None:
            ratio = r0_mm / evidence.value("tissue.suction.r0")
            limit = evidence.value("tissue.suction.limit")
            scale = ratio ** (-1.0 / evidence.value("tissue.suction.modulus_exponent"))
            scale = float(np.clip(scale, 1.0 / limit, limit))
            out = replace(
                out, skin_mu_kpa=out.skin_mu_kpa * scale, skin_k1_kpa=out.skin_k1_kpa * scale
            )
        return out

    @property
    def plausible(self) -> bool:
        """Whether the skin pre-stress lies in the published range."""
        low = evidence.value("tissue.skin.prestress_low")
        return low <= self.prestress_kpa <= evidence.value("tissue.skin.prestress_high")

    def shifted(self, z: NDArray) -> TissueParameters:
        """The set moved by independent standard-normal coordinates z, one per `SAMPLED` field.

        The joint log-normal spread turns them into correlated factors; quasi-random designs
        choose z themselves and drop sets that are not `plausible`.
        """
        names = list(_KEYS)
        spread = np.array([evidence.parameter(f"tissue.{_KEYS[n]}").log_sd or 0.0 for n in names])
        root = np.linalg.cholesky(_correlation(names))
        factor = np.exp(spread * (root @ np.asarray(z, float)))
        return replace(
            self, **{n: getattr(self, n) * float(f) for n, f in zip(names, factor, strict=True)}
        )

    def coordinates(self, other: TissueParameters) -> NDArray:
        """Coordinates z of another set about this one: the inverse of :meth:`shifted`."""
        names = list(_KEYS)
        spread = np.array([evidence.parameter(f"tissue.{_KEYS[n]}").log_sd or 0.0 for n in names])
        ratio = np.array([getattr(other, n) / getattr(self, n) for n in names])
        scaled = np.divide(np.log(ratio), spread, out=np.zeros(len(names)), where=spread > 0.0)
        return np.linalg.solve(np.linalg.cholesky(_correlation(names)), scaled)

    def sampled(self, rng: np.random.Generator) -> TissueParameters:
        """One draw of the joint log-normal spread around this set.

        Draws whose skin pre-stress lies outside the published range are repeated. Only the
        generator's state decides the result.
        """
        for _ in range(_MAX_DRAWS):
            member = self.shifted(rng.standard_normal(len(_KEYS)))
            if member.plausible:
                return member
        raise InputError(
            "No sampled parameter set has a plausible skin pre-stress.",
            "Check skin modulus and pre-stretch of the patient's tissue parameters.",
        )


def parameters_of(consultation: Consultation | None) -> TissueParameters:
    """Calibrated parameters adapted to what the consultation says about age and elasticity."""
    if consultation is None:
        return TissueParameters()
    elasticity = consultation.measurements.elasticity
    return TissueParameters.for_patient(
        consultation.patient.age_years,
        elasticity.grade if elasticity is not None else None,
        elasticity.r0_mm if elasticity is not None else None,
    )


def _correlation(names: list[str]) -> NDArray:
    """Correlation matrix of the logarithms, in the order of names."""
    position = {_KEYS[n]: i for i, n in enumerate(names)}
    out = np.eye(len(names))
    for row in evidence.table("tissue")["correlation"]:
        i, j = (position[k] for k in row["pair"])
        out[i, j] = out[j, i] = row["r"]
    return out
