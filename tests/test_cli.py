"""The command line: a table in, answers out, and one clear line for what is wrong."""

import io
import pickle
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import focalsk.comparison
from focalsk import load_model, save_model
from focalsk.cli import main
from focalsk.persistence import read_model
from focalsk.tables import read_table

QUICKLY = ["--folds", "2", "--epochs", "2", "--jobs", "1"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A semicolon file as spreadsheets write it."""
    rng = np.random.default_rng(0)
    n = 80
    amount = rng.normal(100, 30, n).round(2)
    frame = pd.DataFrame(
        {
            "nr": range(1, n + 1),
            "amount": [str(value).replace(".", ",") for value in amount],
            "job": rng.choice(["cook", "smith", "?"], n),
            "zip": [f"0{i % 9}A" for i in range(n)],
            "since": pd.date_range("2020-01-01", periods=n).strftime("%Y-%m-%d"),
            "unit": "EUR",
            "default": np.where(amount > 115, "yes", "no"),
        }
    )
    frame.loc[0, "default"] = ""
    path = tmp_path_factory.mktemp("cli") / "data.csv"
    frame.to_csv(path, sep=";", index=False)
    return path


@pytest.fixture(scope="module")
def model(data):
    path = data.with_name("model.skops")
    arguments = ["fit", data, "--target", "default", "--method", "smote", "--epochs", "2"]
    assert run(*arguments, "-o", path) == 0
    return path


def run(*arguments):
    return main([str(argument) for argument in arguments])


def refused(capsys, *arguments):
    """The one line that was printed to say what is wrong."""
    capsys.readouterr()
    try:
        code = run(*arguments)
    except SystemExit as error:  # argparse's way
        code = error.code
    lines = capsys.readouterr().err.splitlines()
    assert code == 2
    assert len(lines) == 1
    assert lines[0].startswith("focalsk: error: ")
    return lines[0]


# Compare ----------------------------------------------------------------------------------------


def test_compare_says_what_it_found_and_what_to_take(data, capsys):
    arguments = ["--methods", "cross-entropy,smote", *QUICKLY]
    assert run("compare", data, "--target", "default", *arguments) == 0
    out, err = capsys.readouterr()
    assert "79 rows; columns: 2 numeric, 2 categorical" in out
    assert "Classes: no: " in out
    assert "Columns left out: nr (row numbers), unit (constant)" in out
    assert "is best" in out
    assert max(map(len, out.splitlines()[4:])) <= 100
    assert "focalsk: note: Rows without a value of 'default', left out: 1" in err
    assert "4/4" in err  # the bar


def test_quiet_is_quiet_and_the_table_is_the_same_as_from_python(capsys):
    arguments = ["--methods", "cross-entropy", "--seed", "3", "--quiet", *QUICKLY]
    assert run("compare", "iris", "--scoring", "mcc", *arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    X, y = read_table("iris")
    comparison = focalsk.comparison.compare_resampling(
        X,
        y,
        estimator=focalsk.FocalNetClassifier(max_epochs=2),
        methods=["cross-entropy"],
        scoring="mcc",
        cv=2,
        random_state=3,
    )
    assert f"{comparison.summary()['mean'].iloc[0]:.3f}±" in out


def test_compare_writes_the_report(data, tmp_path, capsys):
    report = tmp_path / "report.html"
    arguments = ["--methods", "cross-entropy", "--report", report, *QUICKLY]
    assert run("compare", data, "--target", "default", *arguments) == 0
    text = report.read_text(encoding="utf-8")
    assert "Methods compared on" in text
    assert "row numbers" in text
    assert f"Report: {report}" in capsys.readouterr().out


def test_report_without_matplotlib_is_refused_before_the_work(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("focalsk.cli.find_spec", lambda name: None)
    report = tmp_path / "report.html"
    line = refused(capsys, "compare", data, "--target", "default", "--report", report)
    assert "pip install 'focalsk[plot]'" in line
    assert not report.exists()


def test_one_class_against_the_rest_is_the_positive_one(capsys):
    arguments = ["--methods", "cross-entropy", "--max-rows", "60", *QUICKLY]
    assert run("compare", "iris", "--positive", "setosa", *arguments) == 0
    out, err = capsys.readouterr()
    assert "Classes: not setosa: 40 (66.7%), setosa: 20 (33.3%)" in out
    assert "--positive" not in err


def test_names_do_nothing_to_the_terminal(tmp_path, capsys):
    table, model = tmp_path / "d.csv", tmp_path / "m.skops"
    names = ["a\x1b[31m", "b\u202e", "c\x07\x9b", "y\x1b]0;x\x07"]
    words, classes = ["v\u2066", "u\x1b[2J", "u\x1b[2J"], ["no\u202e", *["yes\x1b[1m"] * 3]
    rows = [(i % 13, i % 7, words[i % 3], classes[i % 4]) for i in range(80)]
    pd.DataFrame(rows, columns=names).to_csv(table, index=False)
    target = ["--target", names[-1], "--epochs", "2"]
    assert run("fit", table, *target, "--method", "cross-entropy", "-o", model) == 0
    assert run("predict", model, table, "-o", tmp_path / "p\x1b.csv") == 0
    quick = ["--methods", "cross-entropy", "--folds", "2", "--jobs", "1"]
    assert run("compare", table, *target, *quick) == 0
    assert run("compare", table, "--target", "absent") == 2
    said = "".join(capsys.readouterr())
    for shown in ("a<U+001B>[31m", "b<U+202E>", "c<U+0007><U+009B>", "yes<U+001B>[1m", "p<U+001B>"):
        assert shown in said
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\u2066"} & set(said)


def test_row_numbers_are_left_out_of_a_sample_of_rows_too(data, capsys):
    arguments = ["--methods", "cross-entropy", "--max-rows", "40", *QUICKLY]
    assert run("compare", data, "--target", "default", *arguments) == 0
    assert "40 rows; columns: 2 numeric, 2 categorical" in capsys.readouterr().out


def test_frequent_positive_class_is_remarked(data, tmp_path, capsys):
    path = tmp_path / "turned.csv"
    path.write_text(data.read_text().replace("yes", "alas"))
    assert run("compare", path, "--target", "default", "--methods", "cross-entropy", *QUICKLY) == 0
    assert "--positive alas makes them about alas" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "nope"], "No column 'nope' in"),
        ([], "needs the name of its target column"),
        (["--target", "unit"], "one class only: EUR"),
        (["--target", "default", "--scoring", "nope"], "No metric 'nope'"),
        (["--target", "default", "--methods", "nope"], "Got 'nope'"),
        (["--target", "default", "--folds", "1"], "at least 2"),
        (["--target", "default", "--folds", "60"], "60 folds"),
        (["--target", "default", "--positive", "nope"], "No class 'nope'. There are: no, yes."),
        (["--target", "default", "--report", "/nowhere/r.html"], "No such file or directory"),
        (["--target", "default", "--report", "/"], "Is a directory"),
        (["--target", "default", "--nope"], "unrecognized arguments"),
    ],
)
def test_bad_arguments_get_one_line(data, capsys, arguments, message):
    assert message in refused(capsys, "compare", data, "--quiet", *arguments)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        ("a,y\n1,2,3\n", "line 2 has 3 fields, and the header 2"),
        ("a,y\ninf,0\n1,1\n2,1\n", "'a' holds infinite"),
        ("a,b,y\n1,,0\n1,,1\n", "No column is of use: 'a' (constant), 'b' (all missing)"),
        ("a,y\n1,0.5\n2,1.5\n", "regression"),
    ],
)
def test_bad_tables_get_one_line(tmp_path, capsys, text, message):
    path = tmp_path / "data.csv"
    path.write_text(text)
    assert message in refused(capsys, "compare", path, "--target", "y", "--folds", "2")


def test_interruption_gets_one_line(data, tmp_path, capsys, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(focalsk.comparison, "compare_resampling", interrupt)
    folder = tmp_path / "kept"
    assert run("compare", data, "--target", "default", "-q", "--checkpoint", folder) == 130
    assert capsys.readouterr().err.strip() == (
        "focalsk: interrupted; the same command goes on from where it was"
    )
    assert folder.is_dir()


# Fit and predict --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["scored.csv", "scored.parquet"])
def test_predictions_are_those_of_the_model_beside_the_rows_as_they_were(
    data, model, tmp_path, name
):
    rows = pd.read_csv(data, sep=";", dtype=str, keep_default_na=False)
    rows.loc[:2, "job"] = ["astronaut", "NA", ""]  # unseen and missing
    new, output = tmp_path / "new.csv", tmp_path / name
    new_rows = rows.drop(columns=["default", "unit"]).assign(extra="as it was")
    new_rows.to_csv(new, sep=";", index=False)
    assert run("predict", model, new, "-o", output) == 0
    if name.endswith("parquet"):
        scored = pd.read_parquet(output)
    else:
        scored = pd.read_csv(output, sep=";", dtype=str, keep_default_na=False)
    beside = scored[list(new_rows)].fillna("")
    pd.testing.assert_frame_equal(beside, new_rows, check_dtype=False)
    proba = scored[["proba_no", "proba_yes"]].astype(float).to_numpy()
    assert proba.sum(axis=1) == pytest.approx(1)
    assert set(scored["prediction"]) <= {"no", "yes"}


def test_model_is_the_method_fitted_to_all_rows(data, model):
    with pytest.warns(UserWarning, match="left out: 1"):
        X, y = read_table(data, "default")
    saved = read_model(model)
    assert saved["classes"].tolist() == ["no", "yes"]
    assert saved["target"] == "default"
    assert saved["columns"].dropped == {"nr": "row numbers", "unit": "constant"}
    comparison = focalsk.comparison.compare_resampling(
        X,
        y,
        estimator=focalsk.FocalNetClassifier(max_epochs=2),
        methods=["smote"],
        columns=saved["columns"],
        random_state=0,
        cv=2,
    )
    compared = clone(comparison.estimators_["smote"]).fit(X, y)
    proba = saved["estimator"].predict_proba(X)
    np.testing.assert_array_equal(proba, compared.predict_proba(X))


def test_older_predictions_are_replaced_with_a_note(data, model, tmp_path, capsys):
    output = tmp_path / "scored.csv"
    assert run("predict", model, data, "-o", output) == 0
    first = output.read_text()
    capsys.readouterr()
    assert run("predict", model, output, "-o", output) == 0
    assert output.read_text() == first
    assert "replaced the columns prediction, proba_no, proba_yes" in capsys.readouterr().err


def test_what_cannot_be_predicted_gets_one_line(data, model, tmp_path, capsys):
    output = tmp_path / "scored.csv"
    other = tmp_path / "other.csv"
    other.write_text("amount;job;since\n1;cook;2020-01-01\n")
    line = refused(capsys, "predict", model, other, "-o", output)
    assert "other.csv lacks columns of the model: 'zip'" in line
    other.write_text("amount;job;since;zip\nmuch;cook;2020-01-01;00A\n")
    line = refused(capsys, "predict", model, other, "-o", output)
    assert "Column 'amount' must hold numbers. Got 'much' instead." in line
    assert "is no model" in refused(capsys, "predict", data, data, "-o", output)
    joblib.dump({"some": "thing"}, other)
    assert "is no model" in refused(capsys, "predict", other, data, "-o", output)
    told = ["predict", "--allow-pickle", other, data, "-o", output]
    assert "is no model of focalsk fit, or needs other versions" in refused(capsys, *told)
    save_model(focalsk.FocalNetClassifier(), other)
    assert "of save_model, not" in refused(capsys, "predict", other, data, "-o", output)
    assert "No such file" in refused(capsys, "predict", tmp_path / "no", data, "-o", output)
    assert not output.exists()


def test_model_of_other_versions_is_remarked(data, model, tmp_path, capsys):
    saved, old, scored = read_model(model), tmp_path / "old.joblib", tmp_path / "scored.csv"
    saved["versions"]["scikit-learn"] = "0.1"
    joblib.dump({"format": "focalsk model 2", **saved}, old)  # as they were once written
    assert run("predict", old, data, "-o", scored, "--allow-pickle") == 0
    assert "was trained with scikit-learn 0.1" in capsys.readouterr().err
    assert run("predict", model, data, "-o", tmp_path / "again.csv") == 0
    assert scored.read_bytes() == (tmp_path / "again.csv").read_bytes()


class Malicious:
    """What a pickle can do."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_pickle_is_not_executed_unless_told(data, tmp_path, capsys):
    proof, bad = tmp_path / "executed", tmp_path / "model.skops"
    command = ["predict", bad, data, "-o", tmp_path / "scored.csv"]
    for dump in (joblib.dump, lambda value, path: path.write_bytes(pickle.dumps(value))):
        dump({"format": "focalsk model 2", "estimator": Malicious(proof)}, bad)
        assert "--allow-pickle" in refused(capsys, *command)
        with pytest.raises(ValueError, match="is no model"):
            load_model(bad)
        assert not proof.exists()
    refused(capsys, *command, "--allow-pickle")
    assert proof.exists()


def test_unknown_method_and_unwritable_model_are_refused_before_the_work(data, tmp_path, capsys):
    common = ["fit", data, "-q", "--target", "default"]
    line = refused(capsys, *common, "-o", tmp_path / "m", "--method", "quick")
    assert "No method 'quick'. There are: cross-entropy, " in line
    assert "No such file or directory" in refused(capsys, *common, "-o", tmp_path / "no" / "m")
    assert list(tmp_path.iterdir()) == []


# The process ------------------------------------------------------------------------------------


def test_help_loads_nothing_heavy():
    code = """
import sys
import focalsk.cli, focalsk.__main__
try:
    focalsk.cli.main(["--help"])
finally:
    print(*sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "compare" in done.stdout
    assert not {"torch", "pandas", "sklearn", "numpy"} & set(done.stdout.split())


# What tables leave open ---------------------------------------------------------------------------


def ambiguous(folder):
    rng = np.random.default_rng(0)
    amount, day = rng.integers(1000, 9000, 60), rng.integers(1, 12, (60, 2))
    rows = [f"{a:,};{d:02d}/{m:02d}/2021;{a > 6000}" for a, (d, m) in zip(amount, day, strict=True)]
    path = folder / "open.csv"
    path.write_text("sum;since;bad\n" + "\n".join(rows))
    return path


def test_what_a_table_leaves_open_is_asked_and_then_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("focalsk.comparison._report._picture", lambda *_: "data:,")  # takes long
    path = ambiguous(tmp_path)
    command = ["compare", path, "--target", "bad", "--methods", "cross-entropy", *QUICKLY]
    line = refused(capsys, *command)
    assert "'sum' can be read in two ways" in line
    assert "--thousands" in line
    command += ["--thousands", ","]
    line = refused(capsys, *command)
    assert "'since' can be read in 2 ways" in line
    assert "--date-format" in line
    report = tmp_path / "report.html"
    command += ["--date-format", "%d/%m/%Y", "--report", report]
    assert run(*command) == 0
    out = capsys.readouterr().out
    page = report.read_text(encoding="utf-8")
    for line in ("Numeric: sum (thousands ','", "Dates: since (dates, %d/%m/%Y)", "Look at sum: "):
        assert line in out
        assert line.replace("'", "&#39;") in page


def test_types_are_as_the_user_says(data, capsys):
    said = ["--types", "zip=drop", "--types", "since=categorical", "--missing", "cook"]
    command = ["compare", data, "--target", "default", "--methods", "cross-entropy", *QUICKLY]
    assert run(*command, *said) == 0
    out = capsys.readouterr().out
    assert "zip (as you say)" in out
    assert "'cook': missing" in out
    assert "Categorical: job" in out
    assert "must be COLUMN=KIND" in refused(capsys, *command, "--types", "zip")
    assert "types must be among" in refused(capsys, *command, "--types", "zip=number")


@pytest.mark.parametrize(
    "content", [b"\x00\x01\x02\x03" * 9, b"PAR1", b"\x1f\x8b\x08", b"PK\x03\x04"]
)
@pytest.mark.parametrize("command", ["compare", "fit", "predict"])
def test_files_that_are_no_tables_get_one_line(tmp_path, model, capsys, command, content):
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    more = {
        "compare": ["--target", "y"],
        "fit": ["--target", "y", "-o", tmp_path / "m"],
        "predict": ["-o", tmp_path / "scored.csv"],
    }[command]
    table = [model, path] if command == "predict" else [path]
    assert "Cannot read" in refused(capsys, command, *table, *more)


def test_what_nobody_has_thought_of_gets_one_line_too(data, capsys, monkeypatch):
    def fail(*args, **kwargs):
        raise KeyError("surprise")

    monkeypatch.setattr("focalsk.tables.read_table", fail)
    assert "KeyError: 'surprise'" in refused(capsys, "compare", data, "--target", "default")


def test_class_of_two_rows_is_searched_in_two_folds_and_of_one_is_refused(tmp_path, capsys):
    rng = np.random.default_rng(0)
    kind = ["common"] * 60 + ["rare"] * 20 + ["odd"] * 2
    frame = pd.DataFrame({"a": rng.normal(size=82), "b": rng.normal(size=82), "kind": kind})
    path, model = tmp_path / "data.csv", tmp_path / "model.skops"
    frame.to_csv(path, index=False)
    command = ["fit", path, "--target", "kind", "--epochs", "1", "-o", model]
    command += ["--method", "focal-alpha"]
    assert run(*command) == 0
    assert "class odd has 2 rows only" in capsys.readouterr().err
    assert np.isfinite(load_model(model).cv_results_["mean_test_score"]).all()
    frame.iloc[:-1].to_csv(path, index=False)
    assert "Class odd has one row only" in refused(capsys, *command)


def test_copy_of_three_classes_is_left_out_where_one_is_compared_with_the_rest(tmp_path, capsys):
    rng = np.random.default_rng(0)
    y = rng.choice(["a", "b", "c"], 90)
    frame = pd.DataFrame({"x": rng.normal(size=90), "copy": np.char.upper(y), "y": y})
    frame.to_csv(tmp_path / "data.csv")
    command = ["compare", tmp_path / "data.csv", "--target", "y", "--positive", "a"]
    assert run(*command, "--methods", "cross-entropy", *QUICKLY) == 0
    out = capsys.readouterr().out
    assert "90 rows; columns: 1 numeric" in out
    assert "copy (a copy of the target" in out
    assert "Unnamed: 0 (row numbers)" in out


def test_old_files_stay_whole_where_writing_fails(data, model, tmp_path, capsys, monkeypatch):
    old, scored = tmp_path / "model.skops", tmp_path / "scored.csv"
    old.write_bytes(model.read_bytes())
    scored.write_text("what was there\n")

    def full(value, file, **kwargs):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", lambda number: full(None, io.BytesIO()))
    fit = ["fit", data, "--target", "default", "--method", "smote", "--epochs", "2", "-o", old]
    assert run(*fit) == 2
    assert f"error: No space left on device: {old}" in capsys.readouterr().err
    assert old.read_bytes() == model.read_bytes()
    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    assert run("predict", model, data, "-o", scored) == 2
    assert f"No space left on device: {scored}" in capsys.readouterr().err
    assert scored.read_text() == "what was there\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.skops", "scored.csv"]


def test_predictions_may_take_the_place_of_the_rows(data, model, tmp_path):
    rows, beside = tmp_path / "rows.csv", tmp_path / "beside.csv.gz"
    rows.write_bytes(data.read_bytes())
    assert run("predict", model, rows, "-o", beside) == 0
    assert run("predict", model, rows, "-o", rows) == 0
    in_place, packed = (pd.read_csv(path, sep=";") for path in (rows, beside))
    pd.testing.assert_frame_equal(in_place, packed)


# The ensemble, which fit takes by default -------------------------------------------------------


def test_what_is_read_is_not_overwritten(model, tmp_path, data, capsys):
    table, net = tmp_path / "data.csv", tmp_path / "model.skops"
    table.write_bytes(data.read_bytes())
    net.write_bytes(model.read_bytes())
    target = ["--target", "default"]
    for arguments, kept in (
        (["fit", table, *target, "-o", table], table),
        (["compare", table, *target, "--report", table], table),
        (["predict", net, table, "-o", net], net),
    ):
        before = kept.read_bytes()
        message = refused(capsys, *arguments)
        assert f"{kept} is read and would be overwritten: name another file" in message
        assert kept.read_bytes() == before


def test_words_of_the_target_are_classes_where_the_user_says_so(tmp_path, capsys):
    path = tmp_path / "data.csv"
    rows = "".join(f"{(i * 7) % 11},{'NA' if i % 4 == 0 else i % 2}\n" for i in range(40))
    path.write_text(f"a,y\n{rows}")
    fit = ["fit", path, "--target", "y", "--epochs", "1", "-o", tmp_path / "m"]
    assert "(--types y=categorical) to make it a class" in refused(capsys, *fit)
    assert run(*fit, "--types", "y=categorical") == 0
    assert load_model(tmp_path / "m").classes_.tolist() == ["0", "1", "NA"]


def test_a_positive_class_that_was_chosen_is_not_asked_for(tmp_path, capsys):
    path = tmp_path / "data.csv"
    path.write_text("a,y\n" + "".join(f"{(i * 7) % 11},{i % 3 == 0}\n" for i in range(40)))
    common = ["compare", path, "--target", "y", "--methods", "cross-entropy", *QUICKLY]
    assert run(*common, "--positive", "False") == 0
    assert "--positive" not in capsys.readouterr().err


@pytest.fixture(scope="module")
def ensemble(data):
    path = data.with_name("ensemble.skops")
    assert run("fit", data, "-q", "--target", "default", "--epochs", "2", "-o", path) == 0
    return path


def test_fit_takes_the_ensemble_and_predict_decides_as_told(ensemble, data, tmp_path):
    found = {}
    for rule in (None, "posterior", "balanced", "f2"):
        out = tmp_path / "out.csv"
        told = [] if rule is None else ["--decision", rule]
        assert run("predict", ensemble, data, "-o", out, *told) == 0
        found[rule] = pd.read_csv(out, sep=";")
    proba = [table.filter(like="proba_") for table in found.values()]
    assert all(p.equals(proba[0]) for p in proba)
    yes = {rule: (table["prediction"] == "yes").sum() for rule, table in found.items()}
    assert yes[None] == yes["posterior"] <= yes["balanced"]
    assert "FocalEnsembleClassifier" in repr(load_model(ensemble))


@pytest.mark.parametrize("name", ["ensemble", "model"])
def test_one_row_is_served_from_python_as_it_stands_in_the_table(request, name, data, tmp_path):
    path, out = request.getfixturevalue(name), tmp_path / "out.csv"
    assert run("predict", path, data, "-o", out) == 0
    scored = pd.read_csv(out, sep=";")
    model = load_model(path)
    for i in (2, 5):
        cells = pd.read_csv(data, sep=";", dtype=str).iloc[i].to_dict()  # "101,25", "2020-01-03"
        row = pd.DataFrame([{"more": 1, **dict(reversed(cells.items()))}])
        p = model.predict_proba(row)[0]
        expected = scored.loc[i, ["proba_no", "proba_yes"]].to_numpy(float)
        np.testing.assert_allclose(p, expected, rtol=1e-12)  # one row is multiplied otherwise
        assert model.predict(row)[0] == scored.loc[i, "prediction"]
        with pytest.raises(ValueError, match="X lacks the columns 'job'"):
            model.predict(row.drop(columns="job"))


def test_a_rule_that_there_is_not_is_refused(ensemble, model, data, capsys, tmp_path):
    given = [data, "-o", tmp_path / "out.csv", "--decision"]
    assert "'decision' parameter" in refused(capsys, "predict", ensemble, *given, "best")
    assert "among {" in refused(capsys, "predict", model, *given, "mcc")  # of one network
    fit = ["fit", data, "-q", "--target", "default", "-o", tmp_path / "m", "--decision", "best"]
    assert "'decision' parameter" in refused(capsys, *fit)
    boosting = [*fit, "--method", "boosting"]
    assert "--decision is for focal-ensemble" in refused(capsys, *boosting)
