"""The face as a mechanical body: layered mesh, materials, supports, threads, equilibrium."""

from threadlift.tissue.cables import Cable
from threadlift.tissue.equilibrium import Equilibrium, ThreadState
from threadlift.tissue.mesh import LayeredMesh
from threadlift.tissue.parameters import TissueParameters
from threadlift.tissue.rest import RestOperator
from threadlift.tissue.supports import LigamentLine
from threadlift.tissue.tissue import Tissue

__all__ = [
    "Cable",
    "Equilibrium",
    "LayeredMesh",
    "LigamentLine",
    "RestOperator",
    "ThreadState",
    "Tissue",
    "TissueParameters",
]
