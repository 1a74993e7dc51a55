"""A model by the library that it loads next to its own file"""

import lightgbm
import numpy as np


def main():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 4))
    y = (x[:, 0] + x[:, 1] > 0).astype(int)
    model = lightgbm.LGBMClassifier(n_estimators=30, verbose=-1, n_jobs=2).fit(x[:400], y[:400])
    assert (model.predict(x[400:]) == y[400:]).mean() > 0.85
    model.booster_.save_model("model.txt")
    assert lightgbm.Booster(model_file="model.txt").num_trees() == 30
    print("as expected")
