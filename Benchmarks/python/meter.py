"""CPU time, wall time and memory of a stretch of this process."""

import gc
import resource
import sys
import time

# Bytes in a unit of ru_maxrss.
UNIT = 1 if sys.platform == "darwin" else 1024


class Meter:
    """`with meter:` around what is measured; preparation stays outside."""

    def __enter__(self):
        gc.collect()
        self.peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.cpu, self.wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_):
        # process_time() is user and system time of all threads.
        self.wall, self.cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        self.peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - self.peak) * UNIT

    def sample(self):
        return {"CPU": self.cpu, "wall": self.wall, "peak RSS": self.peak}
