"""One text file with the licences of everything that an executable holds."""

from __future__ import annotations

from collections.abc import Sequence

from oxidize_build.licenses.component import Component

RULE = "=" * 78
UNKNOWN = "not stated"


def collected_texts(executable: str, components: Sequence[Component]) -> str:
    """Return a table of *components* and their licence and notice texts, each text once, as one document."""
    lines = [f"{executable} contains the software listed here, under the licences that follow.", ""]
    width = max((len(component.reference) for component in components), default=0)
    lines += [
        f"  {component.reference:{width}}  {component.expression or component.stated or UNKNOWN}"
        for component in components
    ]
    printed: dict[str, str] = {}
    for component in components:
        lines += ["", RULE, component.reference, f"License: {component.expression or UNKNOWN}"]
        if component.url:
            lines.append(f"Source: {component.url}")
        for text in component.texts:
            body = text.read().strip()
            lines += ["", f"--- {text.name} ---", ""]
            first = printed.setdefault(body, f"{text.name} of {component.reference}")
            here = f"{text.name} of {component.reference}"
            lines.append(body if first == here else f"The same text as {first}.")
    return "\n".join(lines) + "\n"
