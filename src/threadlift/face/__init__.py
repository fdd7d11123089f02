"""The face: template, identity, expressions, capture from photographs and scans."""

from threadlift.face.capture import Capture
from threadlift.face.face import Face
from threadlift.face.template import Template, template

__all__ = ["Capture", "Face", "Template", "template"]
