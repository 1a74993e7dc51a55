"""Has objects with finalisers in its snapshot."""

import pending

pending.OBJECTS.append("text")
