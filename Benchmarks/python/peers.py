"""The drivers that are compared, each in its own virtual environment."""

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
        """Create the environment if it does not exist. Scripts/install-wheel creates that of Apus."""
        if not self.packages or os.path.exists(self.python):
            return
        subprocess.run([python, "-m", "venv", str(ROOT / self.folder)], check=True)
        subprocess.run([self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                        *self.packages], check=True)

    def command(self, dsn, workload, count):
        return [self.python, "-B", str(HERE / "sample.py"), self.module, self.driver, dsn, workload, str(count)]

    def sample(self, dsn, workload, count):
        """Return the measurements of one process, or None if the driver does not support the workload."""
        return json.loads(run(self.command(dsn, workload, count)).stdout)


def run(command):
    """Run the process of a sample, always with the same hash seed."""
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": "0"})
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return done


def peers(venv):
    """Return all drivers. `venv` is the environment of Apus."""
    return (
        Peer("psycopg2-binary", "with_psycopg2", "Driver", ".venv-bench-psycopg2", ("psycopg2-binary",)),
        Peer("Apus", "with_psycopg2", "Driver", venv),
        Peer("psycopg3", "with_psycopg3", "Driver", ".venv-bench-psycopg3", ("psycopg[binary,pool]",)),
        Peer("psycopg3 binary", "with_psycopg3", "BinaryDriver", ".venv-bench-psycopg3", ("psycopg[binary,pool]",)),
        Peer("asyncpg", "with_asyncpg", "Driver", ".venv-bench-asyncpg", ("asyncpg",)),
    )
