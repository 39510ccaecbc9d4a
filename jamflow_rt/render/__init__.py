"""FaceState → picture."""

from jamflow_rt.render.mesh import MeshRenderer
from jamflow_rt.render.portrait import Layer, Portrait
from jamflow_rt.render.portraits import DEFAULT_PORTRAIT, load_portrait, portrait_names
from jamflow_rt.render.renderer import Renderer

__all__ = [
    "DEFAULT_PORTRAIT",
    "Layer",
    "MeshRenderer",
    "Portrait",
    "Renderer",
    "load_portrait",
    "portrait_names",
]
