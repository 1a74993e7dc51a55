"""An integral, an equation, a function made of an expression."""

import sympy
from sympy.abc import x


def main():
    assert sympy.integrate(sympy.exp(-(x**2)), (x, -sympy.oo, sympy.oo)) == sympy.sqrt(sympy.pi)
    assert sympy.solve(x**2 - 2, x) == [-sympy.sqrt(2), sympy.sqrt(2)]
    assert sympy.latex(sympy.Rational(1, 2) * x) == r"\frac{x}{2}"
    assert sympy.lambdify(x, sympy.diff(sympy.sin(x) * x))(0) == 0
    assert str(sympy.N(sympy.pi, 30)) == "3.14159265358979323846264338328"
    print("as expected")
