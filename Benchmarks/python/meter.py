"""CPU time, wall time and memory of a stretch of this process."""

import gc
import resource
import sys
import time


class Meter:
    """`with meter:` around what is measured; preparation stays outside."""

    def __enter__(self):
        gc.collect()
        forget_peak()
        self.peak = resident()
        self.cpu, self.wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_):
        # process_time() is user and system time of all threads.
        self.wall, self.cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        self.peak = peak() - self.peak

    def sample(self):
        return {"CPU": self.cpu, "wall": self.wall, "peak RSS": self.peak}


if sys.platform == "linux":
    # Not ru_maxrss: Linux counts in it what the process was before it became this program.

    def status(field):
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field + ":"))

    def forget_peak():
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")

    def resident():
        return status("VmRSS")

    def peak():
        return status("VmHWM")

else:

    def forget_peak():
        """Elsewhere the process's peak is what there is: preparation must stay below it."""

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

    resident = peak
