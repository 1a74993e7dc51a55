"""Optimisation, integration, sparse solvers, statistics, the special functions."""

import numpy as np
from scipy import fft, integrate, interpolate, ndimage, optimize, signal, sparse, spatial, special, stats
from scipy.sparse.linalg import spsolve


def main():
    best = optimize.minimize(optimize.rosen, [1.3, 0.7, 0.8], method="BFGS")
    assert np.allclose(best.x, 1, atol=1e-3)
    assert np.isclose(integrate.quad(lambda x: np.exp(-(x**2)), -np.inf, np.inf)[0], np.sqrt(np.pi))
    matrix = sparse.diags([-1, 4, -1], [-1, 0, 1], shape=(200, 200), format="csc")
    x = spsolve(matrix, np.ones(200))
    assert np.allclose(matrix @ x, 1)
    assert np.isclose(stats.norm.cdf(1.96), 0.975, atol=1e-4)
    assert np.isclose(special.gamma(5), 24)
    assert len(spatial.Delaunay(np.random.default_rng(0).random((30, 2))).simplices) > 30
    assert np.allclose(fft.irfft(fft.rfft(np.arange(8.0))), np.arange(8))
    assert ndimage.gaussian_filter(np.eye(9), 1).max() < 1
    assert np.isclose(interpolate.CubicSpline([0, 1, 2], [0, 1, 4])(1.5), 2.25)
    assert signal.find_peaks([0, 1, 0, 2, 0])[0].tolist() == [1, 3]
    print("as expected")
