"""Fitted classifiers in the form of ONNX.

What is in the room, from the bottom up:

- ``_libraries``: optional libraries, imported when they are needed.
- ``_graph``: a graph, written as arithmetic on its values.
- ``_posterior``: the posterior behind focal loss.
- ``_inputs``: the ensemble's encoding of numbers.
- ``_modules``, ``_nets``: networks; a module of the user's by torch's exporter.
- ``_classifiers``: what classifiers answer.
- ``_converters``: what skl2onnx is told of them.
- ``_to_onnx``: from an estimator to a model.

It may import `_compat`, `nets`, `estimators` and `search`.
"""

from focalsk.export._converters import register_converters
from focalsk.export._to_onnx import to_onnx

__all__ = ["register_converters", "to_onnx"]
