"""`Tissue`: one face as a mechanical body, from mesh and parameters to equilibria."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.anatomy import SUPPORTS, base_support, layer_stack, ligaments, markings
from threadlift.errors import InputError
from threadlift.threads import catalogue
from threadlift.threads.cogs import Bed, TensionProfile, tension_profile
from threadlift.threads.thread import Thread
from threadlift.tissue import newton
from threadlift.tissue.assembly import Solid
from threadlift.tissue.bed import bed_along
from threadlift.tissue.bonded import BondCable, bond_cable
from threadlift.tissue.cables import Cable, CableSet
from threadlift.tissue.columns import layered_mesh
from threadlift.tissue.constitution import layer_materials
from threadlift.tissue.equilibrium import Equilibrium
from threadlift.tissue.fields import Fields
from threadlift.tissue.gravity import body_load, posture_change
from threadlift.tissue.knowledge import Knowledge
from threadlift.tissue.linear_solver import Backend
from threadlift.tissue.loaded import Loaded, thread_states
from threadlift.tissue.mesh import LayeredMesh
from threadlift.tissue.mesh_asset import Level
from threadlift.tissue.minimum import minimum as minimum_of
from threadlift.tissue.pairing import partners
from threadlift.tissue.parameters import TissueParameters, parameters_of
from threadlift.tissue.refine import refined_along
from threadlift.tissue.regions import REGIONS
from threadlift.tissue.relaxation import state_share
from threadlift.tissue.releases import released
from threadlift.tissue.rest import RestOperator
from threadlift.tissue.supports import (
    LigamentLine,
    Supports,
    held_nodes,
    ligament_bars,
    support_springs,
)
from threadlift.tissue.working_factor import WorkingFactor

if TYPE_CHECKING:
    from threadlift.anatomy.layers import LayerStack
    from threadlift.consultation import Consultation
    from threadlift.face import Face

#: Relative residual at which an equilibrium is accepted unless asked otherwise: displacements are
#: then exact to micrometres.
TOLERANCE = 1e-6


class Tissue:
    """Layered soft tissue on a wedge mesh, with its supports; the captured state is the reference.

    Built from a face by :meth:`of`, or from a plain mesh and arrays (tests, benches).

    Parameters
    ----------
    mesh: columns of wedges.
    parameters: moduli, supports, densities (default: calibrated set).
    base: (V,) support codes under the columns (default: bone).
    fields: directions of fibres and make-up of the layers over the columns (default: even).
    ligaments: retaining ligaments.
    regional: (8,) coordinates of the regions' stiffness (default: as the layers everywhere).
    knowledge: spread of parameters and regions (default: what the consultation leaves open).
    face, consultation, stack: what the mesh was made from, if anything (kept for others).
    backend: linear solver.
    like: a tissue with the same mesh topology whose pattern is shared.
    """

    def __init__(
        self,
        mesh: LayeredMesh,
        parameters: TissueParameters | None = None,
        *,
        base: NDArray | None = None,
        fields: Fields | None = None,
        ligaments: Sequence[LigamentLine] = (),
        regional: NDArray | None = None,
        knowledge: Knowledge | None = None,
        face: Face | None = None,
        consultation: Consultation | None = None,
        stack: LayerStack | None = None,
        backend: Backend = "auto",
        like: Tissue | None = None,
    ) -> None:
        self.mesh = mesh
        self.parameters = parameters or TissueParameters()
        self.face, self.consultation, self.stack = face, consultation, stack
        self.base, self.fields, self.ligaments = base, fields, tuple(ligaments)
        self.regional = np.zeros(len(REGIONS)) if regional is None else np.asarray(regional, float)
        self.knowledge = knowledge or Knowledge.of(consultation)
        self.backend: Backend = backend
        same = like is not None and like.mesh is mesh
        bars = ligament_bars(mesh, self.ligaments, self.parameters.ligament_preload)
        fixed = None if fields is None else fields.fixed
        # What holds depends on the skin alone, which the members of an ensemble have in common.
        known = (
            like is not None
            and base is like.base
            and np.array_equal(mesh.surface, like.mesh.surface)
        )
        held = like.solid.held if like is not None and known else held_nodes(mesh, base)
        kept = like is not None and np.array_equal(held, like.solid.held)
        self.solid = Solid(
            mesh.points,
            mesh.wedges,
            layer_materials(mesh, self.parameters, fields, self.regional),
            Supports(support_springs(mesh, self.parameters, base, fixed), bars, held),
            geometry=like.solid.geometry if like is not None and same else None,
            partner=None if like is not None and kept else partners(mesh),
            pattern=like.solid.pattern if like is not None and kept else None,
            parts=like.solid.parts if like is not None else None,
        )
        self.working = like.working if like is not None else WorkingFactor(backend)

    # -- construction ------------------------------------------------------------------------

    @classmethod
    def of(
        cls,
        face: Face,
        consultation: Consultation | None = None,
        level: Level = "default",
        parameters: TissueParameters | None = None,
        *,
        stack: LayerStack | None = None,
        regional: NDArray | None = None,
        knowledge: Knowledge | None = None,
        backend: Backend = "auto",
    ) -> Tissue:
        """The tissue of a face at a mesh level ('coarse', 'default' or 'reference').

        Layers come from the anatomy (measurements of the consultation included) unless ``stack``
        is given; parameters from the calibrated set adapted to age and elasticity unless given.
        """
        stack = stack or layer_stack(face, consultation)
        return cls._on(
            layered_mesh(face, stack, level),
            face,
            consultation,
            parameters or parameters_of(consultation),
            stack,
            backend,
            regional,
            knowledge,
        )

    def at_level(self, level: Level) -> Tissue:
        """The same person's tissue on another mesh level; itself where it has no face."""
        if self.face is None or self.mesh.level == level:
            return self
        return Tissue.of(
            self.face,
            self.consultation,
            level,
            self.parameters,
            stack=self.stack,
            regional=self.regional,
            knowledge=self.knowledge,
            backend=self.backend,
        )

    @classmethod
    def _on(
        cls,
        mesh: LayeredMesh,
        face: Face,
        consultation: Consultation | None,
        parameters: TissueParameters,
        stack: LayerStack,
        backend: Backend,
        regional: NDArray | None = None,
        knowledge: Knowledge | None = None,
    ) -> Tissue:
        """The tissue of a face on a mesh of it."""
        age = None if consultation is None else consultation.patient.age_years
        return cls(
            mesh,
            parameters,
            base=np.asarray(SUPPORTS)[mesh.sample_code(base_support(face))],
            fields=Fields.of(mesh, face, age),
            ligaments=[
                LigamentLine(f"{x.name} {x.side}", x.points_mm, x.stiffness_n_mm, x.toe_mm)
                for x in ligaments(face, markings(face, consultation, stack))
            ],
            regional=regional,
            knowledge=knowledge,
            face=face,
            consultation=consultation,
            stack=stack,
            backend=backend,
        )

    def refined_along(self, threads: Sequence[Thread], edge_mm: float = 1.0) -> Tissue:
        """The same tissue with skin edges of at most edge_mm around threads, for indentation.

        The mesh of `refine.refined_along`: ``mesh.refinement`` carries a solution over exactly.
        Raises InputError on a mesh without a face.
        """
        if self.face is None or self.stack is None:
            raise InputError("This tissue has no face.", "Use Tissue.of.")
        mesh = refined_along(self.mesh, [t.path_mm for t in threads], edge_mm)
        return Tissue._on(
            mesh,
            self.face,
            self.consultation,
            self.parameters,
            self.stack,
            self.backend,
            self.regional,
            self.knowledge,
        )

    def varied(
        self,
        parameters: TissueParameters | None = None,
        stack: LayerStack | None = None,
        *,
        regional: NDArray | None = None,
        knowledge: Knowledge | None = None,
    ) -> Tissue:
        """The same person with other parameters, layer thicknesses or regions (ensemble members).

        The mesh topology and its pattern are shared. Raises InputError for new thicknesses on a
        mesh without a face.
        """
        mesh = self.mesh
        if stack is not None:
            if self.face is None:
                raise InputError(
                    "This tissue has no face whose layers could be varied.", "Use Tissue.of."
                )
            refinement = mesh.refinement
            mesh = layered_mesh(self.face, stack, cast("Level", mesh.level))
            mesh = mesh if refinement is None else refinement.of(mesh)
        return Tissue(
            mesh,
            parameters or self.parameters,
            base=self.base,
            fields=self.fields,
            ligaments=self.ligaments,
            regional=self.regional if regional is None else regional,
            knowledge=knowledge or self.knowledge,
            face=self.face,
            consultation=self.consultation,
            stack=stack or self.stack,
            backend=self.backend,
            like=self,
        )

    # -- linear ------------------------------------------------------------------------------

    @property
    def ndof(self) -> int:
        """Degrees of freedom: three per mesh node, dof = 3 * node + component."""
        return 3 * self.solid.nodes

    @cached_property
    def rest(self) -> RestOperator:
        """Factorised stiffness of the captured state."""
        tangent = self.solid.tangent(np.zeros_like(self.solid.points))
        return RestOperator(tangent.csr(), np.repeat(self.solid.held, 3), self.backend)

    # -- threads -----------------------------------------------------------------------------

    def embed_points(self, points_mm: NDArray) -> sp.csr_matrix:
        """Interpolation (3k, 3N): displacement of points (k,3) [mm] from that of the free nodes.

        Held nodes do not move and take no load: their columns are empty.
        """
        wedge, weights = self.mesh.locate(np.asarray(points_mm, float))
        k = len(wedge)
        nodes = self.mesh.wedges[wedge].astype(np.int64)
        c = np.arange(3)
        rows = np.broadcast_to((3 * np.arange(k))[:, None, None] + c, (k, 6, 3))
        columns = 3 * nodes[:, :, None] + c
        data = np.broadcast_to(weights[:, :, None], (k, 6, 3))
        free = np.broadcast_to(~self.solid.held[nodes][:, :, None], (k, 6, 3))
        shape = (3 * k, self.ndof)
        return sp.csr_matrix((data[free], (rows[free], columns[free])), shape=shape)

    def embed(self, thread: Thread) -> sp.csr_matrix:
        """Interpolation (3k, 3N) of a thread's path nodes; the node of an anchor is held (zero)."""
        matrix = self.embed_points(thread.path_mm)
        if thread.anchor is not None:
            keep = np.ones(3 * len(thread.path_mm))
            keep[3 * thread.anchor : 3 * thread.anchor + 3] = 0.0
            matrix = sp.csr_matrix(sp.diags(keep) @ matrix)
        return matrix

    def cable(
        self,
        thread: Thread,
        profile: TensionProfile | None = None,
        *,
        shortening_mm: float | None = None,
    ) -> Cable:
        """The thread as a cable with a fixed tension profile (default: that of its cogs in rigid
        tissue).

        shortening_mm: prescribe the take-up instead of the tension.
        """
        product = catalogue.product(thread.product)
        profile = profile or tension_profile(thread, product, bed=self.bed(thread))
        tension = np.asarray(profile.segment_tension_n, float)
        level = float(tension.max(initial=0.0))
        # A thread that is not pulled still needs a profile when it is driven by take-up.
        share = tension / level if level > 0.0 else np.zeros_like(tension)
        return Cable(
            thread.id, self.embed(thread), thread.path_mm, share, level, shortening_mm, product.ea_n
        )

    def bonded(
        self, thread: Thread, *, shortening_mm: float | None = None, holding_scale: float = 1.0
    ) -> BondCable:
        """The thread as a cable whose cogs hold and slip as the tissue answers.

        shortening_mm: prescribe the take-up instead of the tension; holding_scale: factor on all
        holding forces.
        """
        return bond_cable(
            thread,
            catalogue.product(thread.product),
            self.embed(thread),
            bed=self.bed(thread),
            holding_scale=holding_scale,
            shortening_mm=shortening_mm,
        )

    def bed(self, thread: Thread) -> Bed:
        """Skin and fat thickness and the share of jowl fat along a thread's path."""
        return bed_along(self.mesh, thread.path_mm)

    def carried(self, other: Tissue, displacement: NDArray) -> NDArray:
        """Displacements (N,3) [mm] of another mesh of the same face at this mesh's nodes.

        The start that spares a fine mesh most of its iterations.
        """
        at = other.embed_points(self.mesh.points)
        return (at @ np.asarray(displacement, float).ravel()).reshape(-1, 3)

    # -- equilibrium -------------------------------------------------------------------------

    def equilibrium(
        self,
        threads: Sequence[Thread | Cable | BondCable],
        *,
        posture: str = "captured",
        captured: str = "upright",
        loads: NDArray | None = None,
        tolerance: float = TOLERANCE,
        start: NDArray | None = None,
        recycle: bool = False,
        max_iterations: int = newton.MAX_ITERATIONS,
    ) -> Equilibrium:
        """Nonlinear equilibrium under threads, a change of posture and nodal loads (N,3) [N].

        A change of posture acts at the stiffness that is left after five minutes (register), i.e.
        its load is divided by that share; "weightless" gives the gravity-free rest shape.
        ``start`` (N,3) [mm]: a nearby solution, if there is one; ``recycle``: begin with the last
        solve's preconditioner, too (the last bits then depend on that solve). Cogs that slide
        further than they hold let go, and the equilibrium is found anew, until no more do. Raises
        SolverError when there is no converged equilibrium, InputError for bad input.
        """
        clock = time.perf_counter()
        cables = [self.bonded(t) if isinstance(t, Thread) else t for t in threads]
        external = self.posture_load(posture, captured)
        if loads is not None:
            external = external + self._checked_load(loads)
        held = CableSet(cables, self.solid.nodes).let_go()
        solve = partial(
            minimum_of,
            self.solid,
            external=external,
            working=self.working,
            # Without threads the captured stiffness is the best start; they would add strings.
            captured=None if cables else self.rest,
            max_iterations=max_iterations,
        )
        begin = None if start is None else np.array(start, float)
        held, minimum = released(solve, held, begin, recycle=recycle, tolerance=tolerance)
        return Equilibrium(
            displacement=minimum.u,
            surface=minimum.u[:: self.mesh.nl],
            reason="converged",
            iterations=minimum.iterations,
            cg_iterations=minimum.cg_iterations,
            residual=minimum.residual,
            min_jacobian=minimum.min_jacobian,
            history=minimum.history,
            seconds=time.perf_counter() - clock,
            threads=thread_states(held, minimum.u),
            problem=Loaded(self.solid, held, external),
        )

    def posture_load(
        self, posture: str, captured: str = "upright", forward_deg: float | None = None
    ) -> NDArray:
        """Nodal loads (N,3) [N] of a change of posture, at five-minute stiffness.

        forward_deg: bend of the head [deg] in the posture "head_forward" (None: the register's).
        """
        change = posture_change(posture, captured, forward_deg)
        now, solid = change / state_share("composite", "posture"), self.solid
        wedges, density = self.mesh.wedges, solid.materials.density
        return body_load(solid.geometry, wedges, density, now, solid.nodes)

    def _checked_load(self, loads: NDArray) -> NDArray:
        out = np.asarray(loads, float)
        if out.shape != self.solid.points.shape or not np.isfinite(out).all():
            raise InputError(
                "The nodal loads are not finite numbers, three per mesh node.",
                f"Give an array of shape {self.solid.points.shape}.",
            )
        return out
