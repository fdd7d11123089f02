"""Software rendering of meshes, and drawing over the renders."""

from threadlift.graphics.camera import Camera, portrait_camera
from threadlift.graphics.colormap import map_colors, png_bytes
from threadlift.graphics.draw import draw_dots, draw_polyline, draw_text
from threadlift.graphics.raster import Render, render, vertex_normals, visibility

__all__ = [
    "Camera",
    "Render",
    "draw_dots",
    "draw_polyline",
    "draw_text",
    "map_colors",
    "png_bytes",
    "portrait_camera",
    "render",
    "vertex_normals",
    "visibility",
]
