"""The packed format: its definition, its writer and its reader.

The stub reads the same format through ``stub/image_format.h``, which is generated from
:mod:`oxidize_build.image.format` by :mod:`oxidize_build.image.c_header`.
"""
