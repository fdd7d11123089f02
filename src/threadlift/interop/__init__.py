"""Exchange formats: what other programs read."""

from threadlift.interop.glb import FaceModel, read_face_glb, write_face_glb

__all__ = ["FaceModel", "read_face_glb", "write_face_glb"]
