"""The face: template, identity, expressions, capture from photographs and scans."""

from threadlift.face.face import Capture, Face
from threadlift.face.template import Template, template

__all__ = ["Capture", "Face", "Template", "template"]
