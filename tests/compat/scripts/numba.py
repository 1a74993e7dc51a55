"""Functions compiled by LLVM: a loop, a vectorised one, threads, a cache on disk."""

import os

os.environ["NUMBA_CACHE_DIR"] = os.path.abspath("cache")
import numba
import numpy as np


@numba.njit
def collatz(n):
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


@numba.vectorize(["float64(float64, float64)"])
def hypotenuse(a, b):
    return (a * a + b * b) ** 0.5


@numba.njit(parallel=True)
def total(values):
    result = 0.0
    for i in numba.prange(len(values)):
        result += values[i]
    return result


@numba.njit(cache=True)
def cached(x):
    return x + 1


def main():
    assert collatz(27) == 111
    assert collatz.signatures
    assert hypotenuse(np.array([3.0, 5.0]), np.array([4.0, 12.0])).tolist() == [5, 13]
    assert total(np.arange(1000.0)) == 499500
    assert cached(41) == 42
    print("as expected")
