"""What breaks if a private name of scikit-learn goes."""

import pytest
from sklearn.base import BaseEstimator
from sklearn.metrics import accuracy_score, get_scorer, log_loss, make_scorer
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

from focalsk import FocalNetClassifier
from focalsk._compat import _sklearn as compat

BREAKS = {
    "fit_context": "the check of parameters in every fit",
    "HasMethods": "the check of an estimator that is a parameter",
    "Interval": "the check of numbers that are parameters",
    "Options": "the check of batch_size=-1",
    "StrOptions": "the check of words that are parameters",
    "validate_parameter_constraints": "the check of the parameters of FocalNet",
    "BaseScorer": "telling scorers of make_scorer from a user's functions",
    "MultimetricScorer": "searches by several metrics",
    "PassthroughScorer": "searches without scoring",
    "BaseSearchCV": "both searches",
    "fit_and_score": "fits of candidates that no stack takes",
    "score": "scores other than the usual ones",
    "insert_error_scores": "failed fits under a function that returns several scores",
    "warn_or_raise_about_fit_failures": "the warning of failed fits",
    "safe_indexing": "the folds of comparisons",
    "safe_split": "the folds of searches",
    "check_method_params": "fit parameters cut into folds",
    "check_sample_weight": "weights in fit",
    "check_targets": "targets of the ensemble, whose samples a table reads",
    "num_samples": "counting the samples of lists and frames",
}


def test_every_name_is_said_to_be_needed():
    ours = {"HAS_BRIER_OF_SEVERAL", "HAS_TEMPERATURE", "POSITIVE_OF_SEVERAL"}
    ours |= {"ParamNamesOnce", "ScorerParts", "has_callbacks", "named_scorers", "scorer_parts"}
    assert set(compat.__all__) == set(BREAKS) | ours


@pytest.mark.parametrize("name", list(BREAKS))
def test_the_name_is_there(name):
    assert callable(getattr(compat, name)), f"without it breaks: {BREAKS[name]}"


@pytest.mark.parametrize("kind", [GridSearchCV, RandomizedSearchCV])
def test_the_base_of_searches_has_the_methods_that_ours_call(kind):
    assert kind.__base__ is compat.BaseSearchCV
    for name in (
        "_get_scorers",
        "_get_routed_params_for_fit",
        "_check_refit_for_multimetric",
        "_format_results",
        "_select_best_index",
    ):
        assert callable(getattr(kind, name)), f"the searches' fit calls {name}"


def test_a_scorer_is_taken_apart():
    scorer = make_scorer(
        log_loss, greater_is_better=False, response_method="predict_proba", labels=3
    )
    assert compat.scorer_parts(scorer) == (log_loss, -1, {"labels": 3}, "predict_proba")
    assert compat.scorer_parts(get_scorer("accuracy")) == (accuracy_score, 1, {}, "predict")


def test_what_is_no_scorer_of_make_scorer_is_not():
    class Heir(type(get_scorer("accuracy"))):
        pass

    assert compat.scorer_parts(Heir(accuracy_score, 1, {}, "predict")) is None
    assert compat.scorer_parts(accuracy_score) is None
    assert compat.scorer_parts(compat.PassthroughScorer(FocalNetClassifier())) is None


def test_a_scorer_whose_parts_have_other_names_goes_to_scikit_learn():
    scorer = get_scorer("accuracy")
    del scorer._sign
    assert compat.scorer_parts(scorer) is None


def test_named_scorers():
    several = compat.MultimetricScorer(scorers={"a": get_scorer("f1")})
    assert list(compat.named_scorers(several)) == ["a"]
    assert compat.named_scorers(get_scorer("f1")) is None


def test_callbacks_are_seen():
    assert not compat.has_callbacks(FocalNetClassifier())
    search = GridSearchCV(FocalNetClassifier(), {})
    search._skl_callbacks = [object()]
    assert compat.has_callbacks(search)


def test_names_of_parameters_are_each_class_s_own():
    """They are read once, by scikit-learn's own method."""

    class Plain(BaseEstimator):
        def __init__(self, a=1):
            self.a = a

    class Once(compat.ParamNamesOnce, Plain):
        pass

    class More(Once):
        def __init__(self, a=1, b=2):
            super().__init__(a)
            self.b = b

    assert callable(getattr(BaseEstimator, "_get_param_names", None))
    assert Once().get_params() == Plain().get_params() == {"a": 1}
    assert More().get_params() == More().get_params() == {"a": 1, "b": 2}
