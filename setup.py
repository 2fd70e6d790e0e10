"""Builds `psycopg2._psycopg` with SwiftPM. The rest of the distribution is defined in pyproject.toml.

The environment variable SWIFT selects the `swift` command. Each Python ABI has its own scratch folder
(`.build-wheel-cp311`, ...), so that objects compiled with the headers of one Python are never linked for another.
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

# The only symbols that are exported. The Swift runtime in the extension stays hidden, so that it cannot conflict with
# the runtime of another Swift extension in the same process. psycopg2 also exports the second symbol, a C function,
# which its own test suite calls.
EXPORTED_SYMBOLS = ["PyInit__psycopg", "typecast_BINARY_cast"]

# Swift's dynamic exclusivity checks would be an eighth of the instructions of a short statement. The wheel is built
# without them; the Swift tests are built with them. The rooms of the extension are optimized together, because a
# statement passes through several of them.
COMPILER_FLAGS = ["-Xswiftc", "-enforce-exclusivity=unchecked", "-Xswiftc", "-cross-module-optimization"]


class BuildSwiftExtension(build_ext):
    """Runs `swift build` instead of a C compiler."""

    def build_extension(self, ext):
        scratch = ROOT / f".build-wheel-cp{sys.version_info[0]}{sys.version_info[1]}{sys.abiflags}"
        scratch.mkdir(exist_ok=True)
        swift = os.environ.get("SWIFT", "swift")
        if shutil.which(swift) is None:
            raise PlatformError(f"building {ext.name} needs Swift 6.2 or newer, but there is no '{swift}' on the PATH: "
                                "see https://www.swift.org/install")
        # The extension needs no other package. With the Swift API's trait, SwiftPM would fetch swift-log.
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
    """Return the flags for one stripped file that exports only EXPORTED_SYMBOLS and contains the Swift runtime."""
    if sys.platform == "darwin":
        # The Swift runtime is part of macOS. The interpreter that loads the module provides Python's symbols.
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
    """Write a `python3.pc` that describes the running interpreter, and return its folder.

    Package.swift asks pkg-config for `python3`. In a virtual environment, with pyenv or with several Pythons, the
    machine's own `python3.pc` usually describes another Python than the one that the extension is built for.
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
    """Write a file unless it already has this text, so that its modification time causes no rebuild."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


setup(
    ext_modules=[Extension("psycopg2._psycopg", sources=[])],
    cmdclass={"build_ext": BuildSwiftExtension},
)
