"""Materials of the elements: what was calibrated stays, what was refined does what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from threadlift.face import Capture, Face, template
from threadlift.tissue import Tissue, TissueParameters
from threadlift.tissue.assembly import Solid
from threadlift.tissue.box_mesh import box_mesh
from threadlift.tissue.constitution import layer_materials, wedge_normals
from threadlift.tissue.fields import Fields
from threadlift.tissue.materials import in_plane_prestress
from threadlift.tissue.skin import skin_sheet
from threadlift.tissue.supports import Supports

P = TissueParameters()
SKIN = (P.skin_mu_kpa, P.skin_k1_kpa, P.skin_k2, P.skin_prestretch_excess)


def along(mesh, direction) -> np.ndarray:
    """Line tensors of one direction under all columns."""
    d = np.asarray(direction, float) / np.linalg.norm(direction)
    return np.tile(np.outer(d, d), (mesh.columns, 1, 1))


def free(mesh, parameters=P, fields=None) -> Solid:
    """The block as tissue without supports."""
    materials = layer_materials(mesh, parameters, fields)
    return Solid(mesh.points, mesh.wedges, materials, Supports(np.zeros(len(mesh.points))))


def energy(solid, gradient) -> float:
    """Energy [N mm] per volume of a homogeneous deformation, from that of the captured state."""
    u = solid.points @ (np.asarray(gradient, float) - np.eye(3)).T
    count = len(solid.wedges)
    start = solid.evaluate(np.zeros_like(u)).energy[:count].sum()
    return float(solid.evaluate(u).energy[:count].sum() - start) / solid.geometry.volume.sum()


def sheet(thickness=1.5):
    return box_mesh(2, 2, sublayer_mm=(thickness,), sublayers=(0,))


def layer(index, count=2):
    return box_mesh(2, 2, sublayer_mm=(2.0,) * count, sublayers=(index,) * count)


def stretched(x, y):
    """Stretch in the plane at constant volume."""
    return np.diag([x, y, 1.0 / (x * y)])


# -- skin -------------------------------------------------------------------------------------


@pytest.mark.parametrize("anisotropy", [0.6, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("dispersion", [0.3, 0.4, 0.5])
def test_mean_pre_stress_is_the_calibrated_one_for_any_anisotropy(anisotropy, dispersion):
    stress = skin_sheet(*SKIN, anisotropy, dispersion).stress()
    assert stress.mean() == pytest.approx(P.prestress_kpa, rel=1e-9)
    assert (stress[0] > stress[1]) == (anisotropy > 1.0)


def test_without_anisotropy_and_direction_the_sheet_is_the_calibrated_one():
    law = skin_sheet(*SKIN, 1.0, 0.5)
    assert law.stretch == pytest.approx((P.prestretch, P.prestretch))
    for stretch in (0.98, 1.0, 1.05, 1.1):
        total = P.prestretch * stretch
        expected = in_plane_prestress(P.skin_mu_kpa, P.skin_k1_kpa, P.skin_k2, total)
        assert law.stress(stretch, stretch) == pytest.approx([expected] * 2)


@pytest.mark.parametrize("dispersion", [0.3, 0.4, 0.5])
def test_equibiaxial_response_does_not_depend_on_the_dispersion(dispersion):
    law, calibrated = (skin_sheet(*SKIN, 1.0, d) for d in (dispersion, 0.5))
    for stretch in (0.97, 1.03, 1.08):
        assert law.stress(stretch, stretch) == pytest.approx(calibrated.stress(stretch, stretch))


def test_mean_equibiaxial_response_of_the_default_sheet_is_calibrated_within_two_percent():
    law, calibrated = P.skin_sheet(), P.skin_sheet(isotropic=True)
    for stretch in (1.01, 1.05, 1.1):
        ours, theirs = (x.stress(stretch, stretch).mean() for x in (law, calibrated))
        assert ours == pytest.approx(theirs, rel=0.02)


def test_tension_and_stiffness_are_greater_along_the_lines_as_registered():
    law = P.skin_sheet()
    tension = law.stress()
    assert tension[0] / tension[1] == pytest.approx(1.3, abs=0.1)
    rise = [law.stress(1.01, 1.0)[0] - tension[0], law.stress(1.0, 1.01)[1] - tension[1]]
    assert rise[0] > 1.1 * rise[1]


def test_lines_across_and_along_swap_when_the_anisotropy_is_inverted():
    one, two = (skin_sheet(*SKIN, a, 0.4) for a in (2.0, 0.5))
    assert one.stress(1.03, 1.01) == pytest.approx(two.stress(1.01, 1.03)[::-1])


def test_skin_without_pre_stretch_or_stiffness_is_possible():
    assert skin_sheet(32.0, 66.0, 10.8, 0.0, 2.0, 0.4).stress() == pytest.approx(np.zeros(2))
    assert skin_sheet(0.0, 0.0, 1.0, 0.05, 2.0, 0.4).stress() == pytest.approx(np.zeros(2))


@pytest.mark.parametrize("direction", [[1.0, 0.0, 0.0], [1.0, 2.0, 0.0]])
def test_elements_pull_as_the_sheet_says_along_and_across_the_lines(direction):
    """Force on the edges of a flat patch: pre-stress times section, along and across."""
    mesh = sheet()
    lines = along(mesh, direction)
    materials = layer_materials(mesh, P, Fields(skin_lines=lines))
    stress = P.skin_sheet().stress()
    solid = Solid(mesh.points, mesh.wedges, materials, Supports(np.zeros(len(mesh.points))))
    load = solid.reference_load
    # Mean stress of a body from the forces on its surface: V s_ij = sum x_i f_j.
    mean = 1e3 * np.einsum("ni,nj->ij", mesh.points, load) / solid.geometry.volume.sum()
    d = np.asarray(direction) / np.linalg.norm(direction)
    a = np.cross([0.0, 0.0, 1.0], d)
    expected = stress[0] * np.outer(d, d) + stress[1] * np.outer(a, a)
    assert mean == pytest.approx(expected, abs=1e-6 * stress[0])


def test_metric_of_the_skin_is_the_sum_of_the_squares_of_its_sheet():
    mesh = box_mesh(3, 2)
    m = layer_materials(mesh, P, Fields(skin_lines=along(mesh, [1.0, 1.0, 0.0])))
    skin = mesh.layer == 0
    assert np.einsum("eai,eaj->eij", m.sheet, m.sheet)[skin] == pytest.approx(m.G[skin])
    assert np.linalg.det(m.G[skin]) == pytest.approx(np.ones(skin.sum()))
    assert (m.slack[skin] == P.skin_slack_share).all()
    assert (m.slack[~skin] == 1.0).all()
    assert (m.sheet[~skin] == 0.0).all()


def test_wrinkling_does_not_touch_the_taut_skin_and_softens_the_slack_one():
    mesh = sheet()
    stiff = free(mesh, replace(P, skin_slack_share=1.0))
    soft = free(mesh)
    for taut in (stretched(1.05, 1.02), stretched(0.99, 0.99), stretched(0.97, 1.01)):
        assert energy(soft, taut) == pytest.approx(energy(stiff, taut), rel=1e-12)
    slack = stretched(0.85, 1.0)
    assert energy(soft, slack) < energy(stiff, slack)

    def push(solid):
        """Slope of the energy in compression: the force that resists."""
        return energy(solid, stretched(0.84, 1.0)) - energy(solid, slack)

    assert push(soft) < 0.5 * push(stiff)


# -- SMAS -------------------------------------------------------------------------------------


def uniaxial(solid, stretch, axis) -> float:
    """Energy per volume of a stretch of a nearly incompressible body free to narrow evenly."""
    gradient = np.diag(np.full(3, stretch**-0.5))
    gradient[axis, axis] = stretch
    return energy(solid, gradient)


def slope(solid, axis, h=1e-3) -> float:
    """Uniaxial stiffness [MPa] at rest: second derivative of the energy."""
    ends = uniaxial(solid, 1.0 + h, axis) + uniaxial(solid, 1.0 - h, axis)
    return ends / h**2


def test_smas_is_twice_as_stiff_along_its_fibres_and_calibrated_in_the_mean():
    mesh = layer(2)
    p = replace(P, smas_prestretch_excess=0.005)
    plain = free(mesh, p)
    fibred = free(mesh, p, Fields(smas_lines=along(mesh, [1.0, 0.0, 0.0])))
    x, y = slope(fibred, 0), slope(fibred, 1)
    matrix = 3.0 * 2.0 / 3.0 * P.smas_mu_kpa * 1e-3
    assert x == pytest.approx(2.0 * matrix, rel=0.05)
    assert slope(plain, 0) == pytest.approx(1.5 * matrix, rel=0.01)
    assert y < slope(plain, 0) < x


def test_smas_fibres_carry_no_compression():
    mesh = layer(2)
    fibred = free(mesh, P, Fields(smas_lines=along(mesh, [1.0, 0.0, 0.0])))
    matrix = 2.0 / 3.0 * P.smas_mu_kpa * 1e-3
    last, end = (uniaxial(fibred, s, 0) for s in (0.905, 0.895))
    # dW / d stretch of the matrix alone: mu (s - s^-2).
    assert (last - end) / 0.01 == pytest.approx(matrix * (0.9 - 0.9**-2), rel=0.02)


def test_upper_smas_is_stiffer_by_the_factor_and_the_mean_is_kept():
    mesh = box_mesh(1, 1)
    smas = mesh.layer == 2
    mu = [
        layer_materials(mesh, P, Fields(smas_upper=np.full(mesh.columns, share))).mu[smas]
        for share in (0.0, 0.5, 1.0)
    ]
    assert mu[2] / mu[0] == pytest.approx(np.full(2, 1.5))
    assert mu[1] == pytest.approx(np.full(2, P.smas_mu_kpa * 1e-3))


# -- fat --------------------------------------------------------------------------------------


def shear(amount):
    return np.array([[1.0, 0.0, 0.0], [0.0, 1.0, amount], [0.0, 0.0, 1.0]])


def test_septa_take_over_a_part_of_the_stiffening_without_changing_the_shear_of_the_layer():
    mesh = layer(1)
    yeoh, septa = (free(mesh, replace(P, fat_septa_ratio=r)) for r in (0.0, P.fat_septa_ratio))
    for amount in (0.1, 0.3, 0.5, 1.0):
        assert energy(septa, shear(amount)) == pytest.approx(energy(yeoh, shear(amount)), rel=0.05)


def test_septa_resist_a_pull_off_the_skin_more_than_a_push():
    mesh = layer(1)
    yeoh, septa = (free(mesh, replace(P, fat_septa_ratio=r)) for r in (0.0, 1.0))
    pull, push = np.diag([1.25**-0.5, 1.25**-0.5, 1.25]), np.diag([0.8**-0.5, 0.8**-0.5, 0.8])
    ratio = [energy(septa, f) / energy(yeoh, f) for f in (pull, push)]
    assert ratio[0] > 1.1 > 1.0 > ratio[1]


# -- deep layer -------------------------------------------------------------------------------


def deep_mu(mesh, fields) -> np.ndarray:
    """Modulus [kPa] of the deep layer's elements, (triangles, sublayers)."""
    mu = layer_materials(mesh, P, fields).mu[mesh.layer == 3] * 1e3
    return mu.reshape(len(mesh.surface_triangles), -1)


def test_glide_softens_only_the_space_under_the_smas_and_muscle_stiffens_below():
    mesh = box_mesh(8, 2)
    left = (mesh.surface[:, 0] < -6.0).astype(float)
    right = (mesh.surface[:, 0] > 6.0).astype(float)
    mu = deep_mu(mesh, Fields(glide=left, muscle=right))
    x = mesh.surface[mesh.surface_triangles].mean(axis=1)[:, 0]
    glide, plain, muscle = mu[x < -11.0][0], mu[np.abs(x) < 5.0][0], mu[x > 11.0][0]
    assert glide / plain == pytest.approx([P.deep_glide_factor, 1.0])
    assert muscle / plain == pytest.approx([1.0, P.deep_muscle_factor])


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_mean_compliance_of_the_deep_layer_stays_calibrated(share):
    mesh = box_mesh(6, 4, sublayer_mm=(1.5, 2.0, 2.0, 1.5, 2.0, 5.0))
    rng = np.random.default_rng(2)
    mask = np.where(rng.random(mesh.columns) < share, 1.0, 0.0)
    mu = deep_mu(mesh, Fields(glide=mask, muscle=mask[::-1].copy()))
    compliance = np.average(1.0 / mu.ravel(), weights=mesh.volumes[mesh.layer == 3])
    assert compliance == pytest.approx(1.0 / P.deep_mu_kpa)


def test_fixed_zones_are_stiffer_and_have_no_say_in_the_mean():
    mesh = box_mesh(6, 2)
    fixed = (mesh.surface[:, 0] < 0.0).astype(float)
    mu = deep_mu(mesh, Fields(fixed=fixed, glide=np.ones(mesh.columns)))
    x = mesh.surface[mesh.surface_triangles].mean(axis=1)[:, 0]
    assert mu[x < -8.0][0] / mu[x > 8.0][0] == pytest.approx([P.deep_fixed_factor] * 2)
    mobile = mu[x > 8.0][0]
    assert np.mean(1.0 / mobile) == pytest.approx(1.0 / P.deep_mu_kpa, rel=0.1)


# -- whole ------------------------------------------------------------------------------------


def test_even_block_has_the_calibrated_moduli():
    mesh = box_mesh(2, 2)
    m = layer_materials(mesh, P)
    assert [m.mu[mesh.layer == i][0] * 1e3 for i in range(4)] == pytest.approx(
        [32.0, 0.80, 25.0, 0.70]
    )
    # Skin, fat and SMAS and deep layer: nearly incompressible.
    assert (m.bulk / m.mu).min() >= 100.0


def test_fields_of_a_face_are_shares_and_line_tensors(mean_tissue):
    f, mesh = mean_tissue.fields, mean_tissue.mesh
    for name in ("fixed", "smas_upper", "glide", "muscle", "cheek"):
        values = getattr(f, name)
        assert values.shape == (mesh.columns,)
        assert values.min() >= 0.0
        assert values.max() <= 1.0 + 1e-12
        assert values == pytest.approx(values[mesh.mirror], abs=1e-6)
    for lines in (f.skin_lines, f.smas_lines):
        # One direction nearly everywhere, and some direction in every triangle (a column on the
        # lips' inner rim may have none).
        assert np.quantile(np.linalg.eigvalsh(lines)[:, -1], 0.02) > 0.9
        triangles = lines[mesh.surface_triangles].mean(axis=1)
        assert np.trace(triangles, axis1=1, axis2=2).min() > 0.3


def test_lines_of_a_symmetric_face_mirror_each_other(mean_tissue):
    f, mesh = mean_tissue.fields, mean_tissue.mesh
    flip = np.diag([-1.0, 1.0, 1.0])
    for lines in (f.skin_lines, f.smas_lines):
        assert flip @ lines[mesh.mirror] @ flip == pytest.approx(lines, abs=1e-6)


def test_deep_layer_of_a_face_keeps_its_calibrated_compliance_over_the_cheek(mean_tissue):
    mesh, f, m = mean_tissue.mesh, mean_tissue.fields, mean_tissue.solid.materials
    deep = mesh.layer == 3
    share = (f.cheek * (1.0 - f.fixed))[mesh.surface_triangles].mean(axis=1)
    weight = (mesh.volumes * share[mesh.element_triangle])[deep]
    p = mean_tissue.parameters
    undo = p.deep_fixed_factor ** f.fixed[mesh.surface_triangles].mean(axis=1)
    mu = (m.mu / undo[mesh.element_triangle])[deep] * 1e3
    assert np.sum(weight / mu) / weight.sum() == pytest.approx(1.0 / p.deep_mu_kpa, rel=0.02)


def test_normals_of_a_box_stand_on_its_skin():
    normals = wedge_normals(box_mesh(2, 2))
    assert np.abs(normals[:, 2]) == pytest.approx(np.ones(48))
    assert np.abs(normals[:, :2]).max() < 1e-12


@pytest.fixture(scope="module")
def mean_tissue() -> Tissue:
    t = template()
    face = Face.in_frame(
        t.vertices, sd_mm=0.0, kind="synthetic", expressions={}, capture=Capture("test")
    )
    return Tissue.of(face, level="coarse")
