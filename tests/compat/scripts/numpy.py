"""Linear algebra by OpenBLAS, the FFT, random numbers, a file mapped into memory."""

import numpy as np


def main():
    rng = np.random.default_rng(7)
    a = rng.standard_normal((300, 300))
    b = rng.standard_normal(300)
    assert np.allclose(a @ np.linalg.solve(a, b), b)
    u, s, v = np.linalg.svd(a)
    assert np.allclose(u * s @ v, a)
    assert np.allclose(np.fft.ifft(np.fft.fft(b)).real, b)
    values, vectors = np.linalg.eigh(a + a.T)
    assert np.allclose((a + a.T) @ vectors, vectors * values)
    np.save("array.npy", a)
    mapped = np.load("array.npy", mmap_mode="r")
    assert mapped.sum() == a.sum()
    assert np.sort(np.array([3, 1, 2])).tolist() == [1, 2, 3]
    print("as expected")
