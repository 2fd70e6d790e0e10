"""Measures CPU time, wall time and memory of a block of code."""

import gc
import resource
import sys
import time


class Meter:
    """Use `with meter:` around the measured code, and prepare outside of it."""

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
    # Not ru_maxrss: on Linux it includes the process before exec().

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
        """Other systems cannot reset the peak, so preparation must stay below it."""

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

    resident = peak
