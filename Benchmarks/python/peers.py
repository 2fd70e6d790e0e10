"""The drivers that are compared, each in a virtual environment of its own."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


@dataclass(frozen=True)
class Peer:
    name: str
    module: str
    driver: str
    folder: str
    packages: tuple = ()

    @property
    def python(self):
        return str(ROOT / self.folder / "bin" / "python")

    def install(self, python):
        """Makes the environment where there is none; Apus's is made by Scripts/install-wheel."""
        if not self.packages or os.path.exists(self.python):
            return
        subprocess.run([python, "-m", "venv", str(ROOT / self.folder)], check=True)
        subprocess.run([self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                        *self.packages], check=True)

    def command(self, dsn, workload, count):
        return [self.python, "-B", str(HERE / "sample.py"), self.module, self.driver, dsn, workload, str(count)]

    def sample(self, dsn, workload, count):
        """What one process measures, or None where the driver has no such thing."""
        return json.loads(run(self.command(dsn, workload, count)).stdout)


def run(command):
    """Runs a sample's process, with the same hashes in each."""
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": "0"})
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return done


def peers(venv):
    """All of them. `venv` is Apus's own environment."""
    return (
        Peer("psycopg2-binary", "with_psycopg2", "Driver", ".venv-bench-psycopg2", ("psycopg2-binary",)),
        Peer("Apus", "with_psycopg2", "Driver", venv),
        Peer("psycopg3", "with_psycopg3", "Driver", ".venv-bench-psycopg3", ("psycopg[binary,pool]",)),
        Peer("psycopg3 binary", "with_psycopg3", "BinaryDriver", ".venv-bench-psycopg3", ("psycopg[binary,pool]",)),
        Peer("asyncpg", "with_asyncpg", "Driver", ".venv-bench-asyncpg", ("asyncpg",)),
    )
