"""Models in files: what is written, and what may come out of a file that is read.

What is in the room, from the bottom up:

- ``_trust``: the types that a file may name.
- ``_indices``: trees and sparse matrices of a file, refused where they point outside themselves.
- ``_files``: save_model and load_model.

It may import `_compat`, `nets` and the names of `estimators`; no object is made here but by skops.
"""

from focalsk.persistence._files import is_model as is_model
from focalsk.persistence._files import load_model, save_model
from focalsk.persistence._files import other_versions as other_versions
from focalsk.persistence._files import read_model as read_model
from focalsk.persistence._files import write_model as write_model

__all__ = ["load_model", "save_model"]
