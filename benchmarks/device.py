"""Time, memory and kernels on one device: a GPU, or the CPU to try the same program out."""

import platform
import shutil
import statistics
import subprocess
import time

import torch
from torch.profiler import ProfilerActivity, profile

# Input sets that the calls of one measurement go through, so that no cache still holds what is read.
SETS = 3
# Calls timed for one median, and the fewest when time is short.
MOST, FEWEST = 30, 7
# Labels that the profiler shows on the device beside the kernels.
LABELS = ("Torch-Compiled Region", "CompiledFunction", "## Call")


class Device:
    """The device of that name, "cuda" or "cpu"."""

    def __init__(self, name):
        self.torch = torch.device(name)
        self.cuda = self.torch.type == "cuda"

    def facts(self):
        """What the figures depend on, beside the versions."""
        if not self.cuda:
            return {"device": platform.machine(), "threads": torch.get_num_threads()}
        properties = torch.cuda.get_device_properties(self.torch)
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        asked = shutil.which(query[0]) and subprocess.run(query, capture_output=True, text=True, check=False)
        return {
            "device": properties.name,
            "memory": properties.total_memory,
            "multiprocessors": properties.multi_processor_count,
            "driver": asked.stdout.partition("\n")[0] if asked else "unknown",
            "cuda": torch.version.cuda,
        }

    def wait(self):
        if self.cuda:
            torch.cuda.synchronize()

    def free(self):
        """Bytes that can be allocated."""
        if not self.cuda:
            return 1 << 30
        torch.cuda.empty_cache()
        return torch.cuda.mem_get_info(self.torch)[0]

    def random(self, size, dtype, seed):
        generator = torch.Generator(self.torch).manual_seed(seed)
        return torch.randn(size, dtype=dtype, device=self.torch, generator=generator)

    def poison(self, size, dtype, count):
        """Leave NaN in the memory that results of this size will be given.

        On a GPU this also keeps the device busy while the host prepares the call that is timed.
        """
        held = [torch.full((size,), float("nan"), dtype=dtype, device=self.torch) for _ in range(count)]
        held.clear()

    def alternate(self, calls, seconds, before):
        """Median seconds of each call, the calls taking turns in changing order; the last results, and of which set.

        A call is given the number of the input set to read; `before` runs ahead of every call, untimed.
        """
        spent, last = {name: [] for name in calls}, {}
        start = time.perf_counter()
        names = list(calls)
        for turn in range(MOST):
            marks = {}
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                last.pop(name, None)
                before()
                marks[name], last[name] = self._timed(calls[name], turn % SETS)
            self.wait()
            for name, mark in marks.items():
                spent[name].append(mark[0].elapsed_time(mark[1]) / 1e3 if self.cuda else mark)
            if turn + 1 >= FEWEST and time.perf_counter() - start > seconds:
                break
        return {name: statistics.median(times) for name, times in spent.items()}, last, turn % SETS

    def _timed(self, call, index):
        if not self.cuda:
            start = time.perf_counter()
            result = call(index)
            return time.perf_counter() - start, result
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        result = call(index)
        end.record()
        return (start, end), result

    def per_call(self, call, repeat):
        """Seconds of one of many calls in a row, host and device together."""
        self.wait()
        start = time.perf_counter()
        for index in range(repeat):
            call(index % SETS)
        self.wait()
        return (time.perf_counter() - start) / repeat

    def repeat(self, call):
        """So many calls in a row that they take 10 milliseconds, at most 200."""
        call(0)
        return max(1, min(200, int(0.01 / self.per_call(call, 1))))

    def bandwidth(self, size, dtype, seconds):
        """Bytes per second of a copy, those read and those written."""
        sources = [self.random(size, dtype, seed) for seed in range(SETS)]
        target = torch.empty_like(sources[0])
        before = (lambda: self.poison(size, dtype, 1)) if self.cuda else (lambda: None)
        times, last, index = self.alternate({"copy": lambda i: target.copy_(sources[i])}, seconds, before)
        if not torch.equal(last["copy"], sources[index]):
            raise RuntimeError("the copy that is the measure of all others did not copy")
        return 2 * target.nbytes / times["copy"]

    def kernels(self, call):
        """How many kernels a call runs: on a GPU all of them, on a CPU those that Inductor built."""
        activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * self.cuda
        self.wait()
        with profile(activities=activities, acc_events=True) as profiler:
            call()
            self.wait()
        events = profiler.events()
        if not self.cuda:
            return sum("cpp_fused" in event.name for event in events)
        ran = (event for event in events if event.device_type == torch.autograd.DeviceType.CUDA)
        return sum(not event.is_user_annotation and not event.name.startswith(LABELS) for event in ran)

    def peak(self, call):
        """The most bytes that were allocated during a call, beyond those before; None on a CPU."""
        if not self.cuda:
            return None
        self.wait()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        call()
        return torch.cuda.max_memory_allocated() - before


def said(error):
    """What went wrong, in one line of a row."""
    return f"{type(error).__name__}: {error}"[:300]
