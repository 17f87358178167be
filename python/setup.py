"""setup.py - builds libguerdon where it isn't built yet, and the extension that contains it."""
import os
import sys

from setuptools import setup

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import build_sdist  # noqa: E402 - after the path
from build_library import version  # noqa: E402

BUILDS = {'build', 'build_ext', 'bdist_wheel', 'editable_wheel', 'install', 'develop'}  # not the sdist, nor metadata

setup(
    version=version(),
    cffi_modules=['build_ffi.py:ffi'] if BUILDS & set(sys.argv) else [],
    cmdclass={'sdist': build_sdist.Sdist},
    options={'bdist_wheel': {'py_limited_api': 'cp310'}},
)
