"""The release in three sessions: `nox` runs them all."""

import nox

nox.options.default_venv_backend = "venv"


@nox.session
def executable(session):
    """Build dist/tally."""
    session.install("build", "oxidize-build")
    session.run("python", "-m", "build", "--executable")


@nox.session(requires=["executable"])
def verify(session):
    """Check every byte of dist/tally, and import every module in it."""
    session.install("oxidize-build")
    session.run("oxidize", "verify", "--run", "dist/tally")


@nox.session(requires=["executable"])
def test(session):
    """Test the executable that was built."""
    session.install("pytest")
    session.run("pytest", *(session.posargs or ["tests"]))
