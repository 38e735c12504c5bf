"""Progress bars: in a notebook those of ipywidgets; where it is missing, text, without a word."""

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "IProgress not found")
    from tqdm.auto import tqdm

__all__ = ["tqdm"]
