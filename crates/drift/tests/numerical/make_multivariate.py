"""Expected values for multivariate.json: the reconstruction error of a PCA, computed with scikit-learn as NannyML's
DataReconstructionDriftCalculator does (missing numbers are the mean, missing words the most frequent one, words are their
count in the reference, columns are standardised, 65 % of the variance is kept; the figure is the mean distance of a row
from what is left of it).

pip install scikit-learn==1.9.1; python3 make_multivariate.py > multivariate.json
"""

import collections
import json
import statistics

import numpy
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from samples import sample


def spec(seed, rows, shape, kind, distinct=0, missing=0, scale=1.0, offset=0.0):
    return {"seed": seed, "rows": rows, "shape": shape, "distinct": distinct, "offset": offset, "scale": scale,
            "kind": kind, "missing": missing}


def encode(values, reference, kind):
    known = [value for value in reference if value is not None]
    if kind == "word":
        counts = collections.Counter(known)
        most = min(word for word, count in counts.items() if count == max(counts.values()))
        return [float(counts.get(most if value is None else value, 0)) for value in values]
    mean = statistics.fmean(known)
    return [mean if value is None else float(value) for value in values]


def case(number, rows_before, rows_after, shift):
    columns = [("even", "float", 0, 0), ("bell", "float", 0, 7), ("skewed", "float", 30, 0), ("skewed", "word", 5, 0),
               ("even", "word", 3, 11), ("bell", "int", 40, 0)]
    before, after, x, y = [], [], [], []
    for place, (shape, kind, distinct, missing) in enumerate(columns):
        scale = 10.0 if kind == "int" else 1.0
        before.append(spec(1000 * number + place, rows_before, shape, kind, distinct, missing, scale))
        after.append(spec(1000 * number + 500 + place, rows_after, shape, kind, distinct, missing, scale,
                          shift if kind != "word" else 0.0))
        reference = sample(before[-1])
        x.append(encode(reference, reference, kind))
        y.append(encode(sample(after[-1]), reference, kind))
    x, y = numpy.array(x).T, numpy.array(y).T
    scaler = StandardScaler().fit(x)
    x, y = scaler.transform(x), scaler.transform(y)
    pca = PCA(n_components=0.65, svd_solver="full").fit(x)

    def error(rows):
        return float(numpy.linalg.norm(rows - pca.inverse_transform(pca.transform(rows)), axis=1).mean())

    return {"before": before, "after": after, "components": int(pca.n_components_), "reference": error(x),
            "current": error(y)}


print(json.dumps([case(*row) for row in [(1, 400, 300, 0.0), (2, 400, 300, 3.0), (3, 1000, 50, 0.5), (4, 60, 60, 0.0),
                                         (5, 2000, 1500, 1.0), (6, 250, 4000, 0.2)]], indent=1))
