"""build_library.py - finds the C library for the extension, or builds it.

Without a word, the sources beside this folder (in a source distribution: in the folder csrc) are configured and
compiled in build/guerdon-PLATFORM, and linked statically.  The environment can say otherwise:
    GUERDON_BUILD=DIR       a folder in which ../configure and make have run already
    GUERDON_INSTALL=system  an installed library, which pkg-config finds; the extension then needs it at run time
    GUERDON_CONFIGURE=..    more arguments for configure, such as --without-cuda
"""
import os
import re
import shlex
import shutil
import subprocess
import sysconfig

HERE = os.path.dirname(os.path.abspath(__file__))
REQUIRES = 'jansson yaml-0.1 libpcre2-8 zlib libzstd'.split()
DEFAULT_FLAGS = '-O2'
CONFIGURED = 'configured-as'  # the command, so that another one starts anew


def sources():
    """The folder of the C sources."""
    for folder in (os.path.join(HERE, 'csrc'), os.path.dirname(HERE)):
        if os.path.exists(os.path.join(folder, 'src', 'include', 'guerdon.h')):
            return folder
    raise SystemExit(f'there are no C sources of Guerdon in {HERE}/csrc nor in the folder above it')


def version():
    with open(os.path.join(sources(), 'configure.ac'), encoding='utf-8') as file:
        return re.search(r'AC_INIT\(\[guerdon\], \[([0-9.]+)\]\)', file.read())[1]


def run(arguments, where):
    print(f'({where}) {shlex.join(arguments)}', flush=True)
    outer = ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL')  # of a make that runs this
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    try:
        subprocess.run(arguments, cwd=where, env=environment, check=True)
    except FileNotFoundError:
        raise SystemExit(f'{arguments[0]} is needed to build Guerdon, and is not installed') from None
    except subprocess.CalledProcessError as failure:
        raise SystemExit(f'{shlex.join(arguments)} failed in {where}: its messages are above. README.md, "Building by '
                         'hand", lists the packages that Guerdon is built from') from failure


def pkg_config(*arguments):
    command = [os.environ.get('PKG_CONFIG', 'pkg-config'), *arguments]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    except FileNotFoundError:
        raise SystemExit(f'{command[0]} is needed to build Guerdon, and is not installed') from None
    except subprocess.CalledProcessError as failure:
        raise SystemExit(f'{shlex.join(command)}: {failure.stderr.strip()}') from failure


def configured(folder):
    """How this folder was configured, if it was."""
    try:
        with open(os.path.join(folder, CONFIGURED), encoding='utf-8') as file:
            return file.read()
    except FileNotFoundError:
        return None


def build():
    """Configures and compiles what the extension needs; does nothing that is done already."""
    top = sources()
    folder = os.path.join(HERE, 'build', f'guerdon-{sysconfig.get_platform()}')
    if not os.path.exists(os.path.join(top, 'configure')):
        run(['autoreconf', '-fi'], top)
    flags = [] if 'CFLAGS' in os.environ else [f'CFLAGS={DEFAULT_FLAGS}']
    configure = [os.path.join(top, 'configure'), *flags, *shlex.split(os.environ.get('GUERDON_CONFIGURE', ''))]
    if configured(folder) != repr(configure):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        run(configure, folder)
        with open(os.path.join(folder, CONFIGURED), 'w', encoding='utf-8') as file:
            file.write(repr(configure))
    run(['make', f'-j{len(os.sched_getaffinity(0))}', 'libgd-core.la'], folder)
    return folder


def archive(folder):
    path = os.path.join(folder, '.libs', 'libgd-core.a')
    if not os.path.exists(path):
        raise SystemExit(f'{path} is not there: {folder} is not a folder in which configure and make have run')
    return path


def choose():
    """The header, and keyword arguments for the extension."""
    if os.environ.get('GUERDON_INSTALL') == 'system':
        flags = pkg_config('--cflags', '--libs', 'guerdon')
        include = pkg_config('--variable=includedir', 'guerdon')[0]
        return os.path.join(include, 'guerdon.h'), {
            'include_dirs': [include],
            'extra_compile_args': [f for f in flags if not f.startswith('-l') and not f.startswith('-L')],
            'extra_link_args': [f for f in flags if f.startswith(('-l', '-L'))],
        }
    folder = os.path.abspath(os.environ['GUERDON_BUILD']) if os.environ.get('GUERDON_BUILD') else build()
    include = os.path.join(sources(), 'src', 'include')
    library = archive(folder)
    return os.path.join(include, 'guerdon.h'), {
        'include_dirs': [include],
        'extra_objects': [library],
        'depends': [library],
        'extra_link_args': ['-Wl,--exclude-libs,ALL', *linked_with(folder), '-lm', '-ldl', '-lpthread'],
    }


def linked_with(folder):
    """The libraries that this build of Guerdon needs."""
    with open(os.path.join(folder, 'config.status'), encoding='utf-8') as file:
        found = dict(re.findall(r'^S\["(\w+_LIBS)"\]="([^"]*)"$', file.read(), re.M))
    names = ('JANSSON_LIBS', 'YAML_LIBS', 'PCRE2_LIBS', 'ZLIB_LIBS', 'ZSTD_LIBS', 'ONEDNN_LIBS')
    return [word for name in names for word in found.get(name, '').split()] + sanitizers(folder)


def sanitizers(folder):
    with open(os.path.join(folder, 'config.status'), encoding='utf-8') as file:
        return (re.search(r'^S\["SANITIZER_FLAGS"\]="([^"]*)"$', file.read(), re.M) or ['', ''])[1].split()
