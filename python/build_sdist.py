"""build_sdist.py - a source distribution that contains the C sources, with a configure script that is ready to run."""
import os
import shutil
import subprocess

from setuptools.command.sdist import sdist

from build_library import sources

FOLDERS = ('src', 'backends', 'quant-free')
TOP = ('configure.ac', 'Makefile.am', 'guerdon.pc.in', 'LICENSE')
SKIPPED = ('models', 'csrc', '__pycache__')
GENERATED = ('.o', '.lo', '.la', '.a', '.so', '.dirstamp')


def wanted(path):
    """Whether the build of the library reads this file: the sources, and the lists of files of all folders."""
    if path.endswith('.inc'):
        return True
    return path in TOP or (path.split(os.sep)[0] in FOLDERS and not path.endswith(GENERATED))


def list_files(top):
    for where, folders, names in os.walk(top, followlinks=True):
        folders[:] = [f for f in folders if f not in SKIPPED and not f.startswith(('.', 'build'))]
        for name in names:
            path = os.path.relpath(os.path.join(where, name), top)
            if wanted(path):
                yield path


def copy_sources(top, to):
    for path in sorted(list_files(top)):
        os.makedirs(os.path.dirname(os.path.join(to, path)) or to, exist_ok=True)
        shutil.copy2(os.path.join(top, path), os.path.join(to, path))


class Sdist(sdist):
    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        to = os.path.join(base_dir, 'csrc')
        copy_sources(sources(), to)
        subprocess.run(['autoreconf', '-fi'], cwd=to, check=True)
        shutil.rmtree(os.path.join(to, 'autom4te.cache'), ignore_errors=True)
