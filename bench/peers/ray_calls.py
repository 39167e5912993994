"""Ray's actor calls beside ours: one caller and one actor, and as many of each as the bus bench has.

    bench/peers/.venv/bin/python bench/peers/ray_calls.py        (bench/peers/setup.sh makes the venv)

An actor that counts is sent 256 bytes and answers with its count; the caller waits for the answer
before it calls again, as in Ray's own microbenchmark "1:1 actor calls sync". Nothing is stored.
Prints one line of JSON: calls per second.
"""

import json
import logging
import threading
import time

import ray

SECONDS = 2.0
WARM_UP_SECONDS = 0.5
CALLERS = 16
PAYLOAD = bytes(256)


@ray.remote(num_cpus=0)
class Counter:
    def __init__(self):
        self.count = 0

    def add(self, data):
        self.count += 1
        return self.count


def calls_per_second(callers):
    actors = [Counter.remote() for _ in range(callers)]
    ray.get([actor.add.remote(PAYLOAD) for actor in actors])
    begin = time.perf_counter() + WARM_UP_SECONDS
    end = begin + SECONDS
    counts = [0] * callers

    def call(number):
        while (now := time.perf_counter()) < end:
            ray.get(actors[number].add.remote(PAYLOAD))
            counts[number] += now >= begin

    threads = [threading.Thread(target=call, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / SECONDS


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
    print(
        json.dumps(
            {
                "version": ray.__version__,
                "oneToOne": calls_per_second(1),
                "manyToMany": calls_per_second(CALLERS),
            }
        )
    )
