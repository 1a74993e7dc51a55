"""A regression from a formula, and a time series"""

import numpy as np
import pandas as pd
import statsmodels.api as sm
import statsmodels.formula.api as smf


def main():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=200)})
    frame["y"] = 3 * frame.x + 1 + rng.normal(size=200) * 0.1
    fit = smf.ols("y ~ x", frame).fit()
    assert abs(fit.params["x"] - 3) < 0.05 and fit.rsquared > 0.99
    assert sm.datasets.sunspots.load_pandas().data.shape[0] == 309
    assert sm.tsa.ARIMA(np.cumsum(rng.normal(size=100)), order=(1, 1, 0)).fit().forecast(3).shape == (3,)
    print("as expected")
