"""build_ffi.py - describes the extension guerdon._guerdon to cffi, in API mode: the compiler checks every struct."""
import os
import sys

from cffi import FFI

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import build_header  # noqa: E402 - after the path
import build_library  # noqa: E402

header, arguments = build_library.choose()
ffi = FFI()
ffi.cdef(build_header.read(header))
ffi.set_source('guerdon._guerdon', '#include <guerdon.h>\n', py_limited_api=True, **arguments)
