"""Cannot be imported the first time."""

import os

if not os.environ.get("MENDED"):
    raise RuntimeError("broken body")
value = "mended"
