"""Runs one sample in this process: MODULE CLASS DSN WORKLOAD COUNT. Prints the measurements as JSON."""

import importlib
import json
import sys

from meter import Meter


def main():
    module, name, dsn, workload, count = sys.argv[1:]
    driver = getattr(importlib.import_module(module), name)(dsn)
    meter = Meter()
    kind = workload.split("_")[0]
    if kind in ("fetch", "named"):
        getattr(driver, kind)(workload, int(count), meter)
    elif hasattr(driver, workload):
        getattr(driver, workload)(int(count), meter)
    else:
        print("null")
        return
    print(json.dumps(meter.sample()))


if __name__ == "__main__":
    main()
