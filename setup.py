"""Builds `psycopg2._psycopg` with SwiftPM. Everything else about the distribution is in pyproject.toml.

The environment variable SWIFT names the `swift` to build with. Each Python ABI has a scratch folder of its own
(`.build-wheel-cp311`, ...), because the headers of one Python must never meet the objects of another.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import ExecError, PlatformError

ROOT = Path(__file__).resolve().parent
PRODUCT = "_psycopg"

# All that the dynamic linker may see. The Swift runtime inside the extension stays hidden, so that it cannot collide
# with that of another Swift extension in the same process. The second is a C function that psycopg2 exports and that
# its own test suite calls.
EXPORTED_SYMBOLS = ["PyInit__psycopg", "typecast_BINARY_cast"]

# Swift looks at each access of an object's field whether another is under way. The Swift tests are built so; in the
# wheel that would be an eighth of the instructions of a short statement.
COMPILER_FLAGS = ["-Xswiftc", "-enforce-exclusivity=unchecked"]


class BuildSwiftExtension(build_ext):
    """`swift build` in place of a C compiler."""

    def build_extension(self, ext):
        scratch = ROOT / f".build-wheel-cp{sys.version_info[0]}{sys.version_info[1]}{sys.abiflags}"
        scratch.mkdir(exist_ok=True)
        swift = os.environ.get("SWIFT", "swift")
        if shutil.which(swift) is None:
            raise PlatformError(f"building {ext.name} needs Swift 6.2 or newer, but there is no '{swift}' on the PATH: "
                                "see https://www.swift.org/install")
        # The extension needs no other package; those of the Swift API would have to be fetched.
        command = [swift, "build", "--configuration", "release", "--product", PRODUCT, "--disable-default-traits",
                   "--package-path", str(ROOT), "--scratch-path", str(scratch), *COMPILER_FLAGS, *link_flags(scratch)]
        environment = dict(os.environ)
        environment["PKG_CONFIG_PATH"] = os.pathsep.join(
            filter(None, [str(write_pkg_config(scratch)), os.environ.get("PKG_CONFIG_PATH")]))
        print("building with:", " ".join(command), flush=True)
        try:
            subprocess.run(command, env=environment, check=True)
        except subprocess.CalledProcessError as error:
            raise ExecError(f"swift build failed with exit code {error.returncode}") from error
        library = f"lib{PRODUCT}.dylib" if sys.platform == "darwin" else f"lib{PRODUCT}.so"
        target = Path(self.get_ext_fullpath(ext.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(scratch / "release" / library, target)
        target.chmod(0o755)


def link_flags(scratch):
    """Flags that make one stripped file with a single entry, which needs no Swift runtime on the machine."""
    if sys.platform == "darwin":
        # The Swift runtime is part of macOS; Python's symbols come from the interpreter that loads the module.
        flags = ["-undefined", "dynamic_lookup", "-x"]
        for symbol in EXPORTED_SYMBOLS:
            flags += ["-exported_symbol", "_" + symbol]
        return linker(*flags)
    script = scratch / "exports.map"
    write_if_changed(script, "{ global: %s local: *; };\n" % " ".join(symbol + ";" for symbol in EXPORTED_SYMBOLS))
    return ["-Xswiftc", "-static-stdlib", *linker("-s", f"--version-script={script}")]


def linker(*flags):
    return [word for flag in flags for word in ("-Xlinker", flag)]


def write_pkg_config(scratch):
    """Writes a `python3.pc` that describes the running interpreter, and answers its folder.

    Package.swift asks pkg-config for `python3`. What a machine answers is some Python, and in a virtual environment,
    under pyenv or with several Pythons installed hardly the one that the extension is built for.
    """
    includes = list(dict.fromkeys(sysconfig.get_path(name) for name in ("include", "platinclude")))
    if not any((Path(folder) / "Python.h").exists() for folder in includes):
        raise PlatformError(f"no Python.h in {' or '.join(includes)}: install CPython's headers for "
                            f"{sys.executable} (Debian, Ubuntu: python3-dev)")
    folder = scratch / "pkgconfig"
    folder.mkdir(exist_ok=True)
    write_if_changed(folder / "python3.pc", "\n".join([
        "Name: Python",
        "Description: The interpreter that this extension is built for",
        f"Version: {sys.version_info[0]}.{sys.version_info[1]}",
        "Libs:",
        "Cflags: " + " ".join("-I" + path.replace(" ", "\\ ") for path in includes),
        "",
    ]))
    return folder


def write_if_changed(path, text):
    """Keeps the file's time where the text is the same, so that SwiftPM has nothing to do."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


setup(
    ext_modules=[Extension("psycopg2._psycopg", sources=[])],
    cmdclass={"build_ext": BuildSwiftExtension},
)
