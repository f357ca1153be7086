"""xact on a GPU: accuracy, bandwidth, small calls, kernels, memory, and a gate between linear layers; under 8 minutes.

accuracy  values and gradients of every activation beside float64, in ULP: eager, compiled kernels, torch.compile
large     time at 2^28 elements (fewer where the memory is small), as a share of what a copy of the same bytes takes, of
          xact and torch.nn.functional, eager and compiled, and of the formula typed with torch ("composed"). The bytes:
          forward reads the inputs and writes the result; backward reads what its rules name and the incoming gradient,
          and writes the gradients. "training" is both passes.
small     microseconds of a call at 2^6 to 2^16 elements
kernels   kernels of a gate, and of `activation(a) * b` under torch.compile, counted by the profiler
memory    what is kept for backward, and the peak of both passes, in inputs
block     SwiGLU and GEGLU between two linear layers

Times are medians of calls that take turns, by CUDA events, on input sets in rotation; the memory of results holds NaN
before every call, and what was computed is compared with NumPy. What there is no time for is listed as left out.

    python benchmarks/gpu.py [--only large small] [--names gelu swiglu] [--json FILE]

`--device cpu` tries the program out; its figures say nothing about a GPU. Exits with 1 where a result is wrong.
"""

import argparse
import datetime
import json
import platform
import sys
import time

import torch
from device import Device, said
from sections import BUDGET, SECTIONS, Run
from verdict import accurate, right, verdict

import xact
import xact.nn


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="*", choices=SECTIONS, default=[*SECTIONS], metavar="SECTION")
    parser.add_argument("--names", nargs="*", default=xact.names(), metavar="NAME")
    parser.add_argument("--dtypes", nargs="*", default=["float32", "bfloat16"], metavar="DTYPE")
    parser.add_argument("--elements", type=int, help="of the large tensors")
    parser.add_argument("--seconds", type=float, default=0.15, help="for one median")
    parser.add_argument("--workers", type=int, help="processes of the section accuracy")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("no CUDA device here; --device cpu tries the program out")

    device = Device(options.device)
    # Where there is no GPU, the compiled kernels are those of the CPU.
    xact.nn.hot_path("auto" if device.cuda else "compile")
    dtypes = [getattr(torch, name) for name in options.dtypes]
    run = Run(device, options.names, dtypes, options.elements, options.seconds, workers=options.workers)
    record = {
        **device.facts(),
        "date": datetime.date.today().isoformat(),
        "versions": {"xact": xact.__version__, "torch": torch.__version__, "python": platform.python_version()},
        "sections": {section: [] for section in SECTIONS},
    }
    print(", ".join(f"{key} {value}" for key, value in record.items() if key != "sections"))
    for section in options.only:
        start = time.perf_counter()
        print(f"\n{section} (at most {BUDGET[section]:.0f} s)", flush=True)
        run.start(section)
        for row in rows_of(section, run):
            record["sections"][section].append(row)
            if text := line(section, row):
                print(text, flush=True)
        record.setdefault("seconds", {})[section] = round(time.perf_counter() - start, 1)
        record["verdict"] = verdict(record["sections"])
        if options.json:
            with open(options.json, "w") as file:
                json.dump(record, file, indent=1)
    report(record)
    return any(bar["missed"] for bar in (accurate(record["sections"]), right(record["sections"])))


def rows_of(section, run):
    """The rows of a section; one that fails does not take the others along."""
    try:
        yield from SECTIONS[section](run)
    except Exception as error:
        yield {"activation": section, "dtype": "", "failed": said(error)}


def line(section, row):
    """One row as a line; of the accuracy only what is beyond its bound."""
    if "left out" in row:
        return ""
    dtype = row.get("dtype", "").removeprefix("torch.")
    if isinstance(row.get("failed"), str):
        return f"{row['activation']:<17} {dtype:<9} {row['failed']}"
    if section == "accuracy":
        return accurate({section: [row]})["missed"][0] if not row["ulp"] <= row["bound"] else ""
    if "copy" in row:
        return f"{'copy':<17} {dtype:<9} {row['elements']} elements: {row['copy'] / 1e9:.0f} GB/s"
    if section == "large":
        parts = [f"{name} {share:.0%}" for name, share in row["share"].items()]
        parts += [f"{name}: wrong" for name in row["wrong"]] + [f"{name}: {why}" for name, why in row["failed"].items()]
        return f"{row['activation']:<17} {dtype:<9} {row['pass']:<9} {'  '.join(parts)}"
    if section in ("small", "block"):
        times = "  ".join(f"{name} {1e6 * seconds:.1f}" for name, seconds in row["seconds"].items())
        what = row.get("elements") or "x".join(map(str, row["shape"]))
        return f"{row['activation']:<17} {what:<15} {row.get('pass', 'training'):<9} us: {times}"
    if section == "kernels":
        return f"{row['what']:<17} {row['way']:<9} " + "  ".join(f"{kind} {n}" for kind, n in row["kernels"].items())
    parts = (
        f"{name} keeps {one['kept']:.2g}" + (f", peak {one['peak']:.2g}" if one["peak"] else "")
        for name, one in row["inputs"].items()
    )
    return f"{row['activation']:<17} {'  '.join(parts)}"


def report(record):
    """What was left out, the verdict on every bar, and the time it took."""
    for section, rows in record["sections"].items():
        if left := sorted({row["left out"] for row in rows if "left out" in row}):
            print(f"\n{section}: no time left for {len(left)}: {' '.join(left)}")
    print()
    for bar in record["verdict"]:
        print(f"{'met   ' if not bar['missed'] else 'MISSED'} {bar['met']:>4} of {bar['of']:<4} {bar['bar']}")
        for missed in bar["missed"][:12]:
            print(f"{'':<20}{missed}")
        if len(bar["missed"]) > 12:
            print(f"{'':<20}and {len(bar['missed']) - 12} more")
    print(f"\nseconds: {', '.join(f'{section} {seconds}' for section, seconds in record['seconds'].items())}")


if __name__ == "__main__":
    sys.exit(main())
