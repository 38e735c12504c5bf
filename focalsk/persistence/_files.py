"""Models saved without code, with a checksum, and loaded again."""

from __future__ import annotations

import hashlib
import os
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from sklearn.exceptions import InconsistentVersionWarning

from focalsk._compat._files import write_whole
from focalsk.nets import given_modules, without_code
from focalsk.persistence._indices import check_indices
from focalsk.persistence._trust import untrusted

__all__ = ["is_model", "load_model", "other_versions", "read_model", "save_model", "write_model"]

# A line with the checksum of all that follows it, then skops' own file (a zip, which may stand
# behind other bytes: skops reads it as it is).
_MAGIC = b"focalsk model 3 sha256 "
_LENGTH = len(_MAGIC) + 64 + 1
_PACKAGES = ("focalsk", "scikit-learn", "torch", "skorch", "numpy", "imbalanced-learn")


def save_model(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write an estimator into a file that holds no code.

    The file holds arrays, numbers and strings, in the format of skops, and their checksum. It is
    written beside `path` and renamed once it is whole: what was there stays if anything fails.

    Parameters
    ----------
    estimator : estimator
        Fitted or not; one of focalsk's or of scikit-learn's, or a pipeline, search or
        meta-estimator of those.
    path : path-like
        The file to write, ``model.skops`` say.

    Raises
    ------
    TypeError
        If something in the estimator cannot be written without code, named by its type: a lambda,
        say.
    OSError
        If the file cannot be written.

    See Also
    --------
    load_model : Reads it.

    Notes
    -----
    Of a network of your own (`module`), the weights are kept and the class is not: it is given
    again to :func:`load_model`. Other objects of your own classes are written too where skops can;
    :func:`load_model` wants to be told their names.

    Examples
    --------
    >>> import os, tempfile
    >>> import focalsk
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = focalsk.FocalNetClassifier(max_epochs=5, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.skops")
    ...     focalsk.save_model(clf, path)
    ...     again = focalsk.load_model(path)
    >>> bool((again.predict_proba(X) == clf.predict_proba(X)).all())
    True
    """
    write_model({"estimator": estimator}, path)


def write_model(content: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write an estimator and what else is to be known of it; see :func:`save_model`."""
    skops = _skops()
    try:
        with without_code(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names that numpy has moved
            data = skops.dumps(
                {**content, "versions": _versions()}, compression=zipfile.ZIP_DEFLATED
            )
            nameless = [name for name in skops.get_untrusted_types(data=data) if "<" in name]
    except Exception as error:  # a state of anything may raise anything
        raise _unsaved(content, str(error)) from error
    if nameless:
        raise _unsaved(content, f"{', '.join(nameless)} can be found by no name.")
    line = _MAGIC + hashlib.sha256(data).hexdigest().encode() + b"\n"
    write_whole(path, lambda file: file.write(line + data))


def _unsaved(content: Mapping[str, Any], why: str) -> TypeError:
    return TypeError(
        f"{type(content['estimator']).__name__} holds something that cannot be saved without code: "
        f"{why} Leave it out, or use pickle or joblib, whose files run any code when they are "
        "loaded."
    )


def load_model(
    path: str | os.PathLike[str], *, module: Any = None, trusted: Iterable[str] = ()
) -> Any:
    """Read an estimator from a file of :func:`save_model` or ``focalsk fit``.

    Nothing in the file is run. A file that has changed since it was written is refused, and so is
    one that names a type which neither skops nor focalsk knows to be harmless.

    Parameters
    ----------
    path : path-like
        The file.
    module : torch.nn.Module class, factory or instance, or dict of those by name, default=None
        The `module` that the estimator was made with, if it was one of your own: the file has its
        weights alone. A dict where a model has several, and it may hold more than those.
    trusted : iterable of str, default=()
        Full names of further types that the file may hold, such as
        ``"mypackage.steps.MyTransformer"``. Trust only what you know: their code runs.

    Returns
    -------
    estimator
        As it was saved: its predictions are the same to the last bit, and it trains on as the saved
        one would.

    Raises
    ------
    ValueError
        If the file is no model, has changed, holds types that are not trusted, or if `module` is
        needed, does not fit or has no place in it. The message names the file.
    TypeError
        If `module` can be no module, or `trusted` is no list of names.
    OSError
        If there is no such file.

    Warns
    -----
    UserWarning
        If it was saved with other versions of focalsk, scikit-learn, torch, skorch, NumPy or
        imbalanced-learn.

    See Also
    --------
    save_model : Writes it.

    Examples
    --------
    A network of one's own comes from code, not from the file:

    >>> import os, tempfile
    >>> import focalsk, torch
    >>> from sklearn.datasets import load_iris
    >>> class Net(torch.nn.Linear):
    ...     def __init__(self, n_features, n_outputs):
    ...         super().__init__(n_features, n_outputs)
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = focalsk.FocalNetClassifier(module=Net, max_epochs=5, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.skops")
    ...     focalsk.save_model(clf, path)
    ...     again = focalsk.load_model(path, module=Net)
    >>> bool((again.predict_proba(X) == clf.predict_proba(X)).all())
    True
    """
    content = read_model(path, module=module, trusted=trusted)
    other = other_versions(content["versions"])
    if other:
        warnings.warn(
            f"{os.fspath(path)} was saved with {', '.join(other)}.", UserWarning, stacklevel=2
        )
    return content["estimator"]


def is_model(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as one of :func:`save_model` does.

    Raises OSError if it cannot be read.
    """
    with open(path, "rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def read_model(
    path: str | os.PathLike[str], *, module: Any = None, trusted: Iterable[str] = ()
) -> dict[str, Any]:
    """What :func:`write_model` was given, and the versions it was written with."""
    skops, name = _skops(), os.fspath(path)
    _check_given(module)
    data = _checked(path)
    try:
        types = skops.get_untrusted_types(data=data)
    except Exception as error:  # skops raises what it comes across
        raise ValueError(f"{name} is no model that skops can read: {_said(error)}") from error
    unknown = untrusted(types, trusted)
    if unknown:
        raise ValueError(
            f"{name} holds objects of types that are not trusted: {', '.join(unknown)}. If you "
            "know them, load_model(..., trusted=[...]) takes their names: their code may run."
        )
    try:
        with given_modules(module) as asked, warnings.catch_warnings():
            warnings.simplefilter("ignore", InconsistentVersionWarning)  # said in one line
            content = skops.loads(data, trusted=types)
        check_indices(content)
    except Exception as error:  # a file made up by hand may raise anything
        raise ValueError(f"{name} cannot be loaded: {_said(error)}") from error
    held = content if isinstance(content, dict) else {}
    if "estimator" not in held or not isinstance(held.get("versions"), dict):
        raise ValueError(f"{name} holds no model.")
    if module is not None and not asked and not isinstance(module, Mapping):
        raise ValueError(
            f"{name} has no module of your own: it is loaded without module=. Got {module!r}."
        )
    return content


def _check_given(module: Any) -> None:
    """Refuse what can be no module of the user's, nor a dict of them."""
    every = module.values() if isinstance(module, Mapping) else [module]
    wrong = [one for one in every if one is not None and not callable(one)]
    if wrong:
        raise TypeError(
            "module must be a torch.nn.Module class, factory or instance, or a dict of those by "
            f"name. Got {wrong[0]!r}."
        )


def _checked(path: str | os.PathLike[str]) -> bytes:
    """The contents of a file, once their checksum is right."""
    with open(path, "rb") as file:
        line, data = file.read(_LENGTH), file.read()
    if not line.startswith(_MAGIC) or len(line) < _LENGTH:
        raise ValueError(f"{os.fspath(path)} is no model of focalsk.save_model or focalsk fit.")
    if line[len(_MAGIC) :] != hashlib.sha256(data).hexdigest().encode() + b"\n":
        raise ValueError(
            f"{os.fspath(path)} has changed since it was written, or is not all there: its "
            "checksum is not that of its contents."
        )
    return data


def _said(error: Exception) -> str:
    return f"{error}" if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"


def _skops() -> Any:
    try:
        import skops.io
    except ImportError as error:
        raise ImportError("Model files need skops: pip install skops") from error
    return skops.io


def other_versions(versions: Mapping[str, str]) -> list[str]:
    """What is installed here in another version than it was there, with the version there."""
    here = _versions()
    return [f"{name} {there}" for name, there in versions.items() if here.get(name) != there]


def _versions() -> dict[str, str]:
    def of(name: str) -> str:
        try:
            return version(name)
        except PackageNotFoundError:  # run from a folder of sources
            return ""

    return {name: of(name) for name in _PACKAGES}
