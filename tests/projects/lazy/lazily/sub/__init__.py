from . import four, three
from .chain import late, never
from .clash import clash

__all__ = ("clash", "four", "late", "never", "three")
