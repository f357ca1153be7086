"""The page of measurements, from what `xact check` and the exhaustive sweep stored; nothing is measured here."""

import json
from pathlib import Path

LIBRARIES = ("numpy", "jax", "torch")
OWN = ("torch.nn", "jax.nn")

OF_ONE = """\
The largest error in ULP, [measured](measurements.md) as the contract counts it, with several parameters; `torch.nn` and
`jax.nn` are the libraries' own functions, n is NaN at an infinity where there is a limit.
"""

ACCURACY = """\
Errors in ULP, the spacing of the numbers of the dtype at the exact result, which balls of 200 bits and more enclose.
The largest of about 5,000 inputs that stand for every exponent (float32, float64), or of all 65,536 (float16,
bfloat16), and of several parameters. In float32 and float64 an error counts as far as an input 1 ULP away does not
explain it; the column "whole" has all of it, of the worst library. In 16 bits a correctly rounded result has an error
of at most 0.5; "misrounded" is how many of the 65,536 are not, on the worst library.

`torch.nn` and `jax.nn` are the functions of the same name in torch.nn.functional and jax.nn, measured alike at finite
inputs; n: NaN at an infinity where there is a limit.
"""

IDENTITY = """\
The same input on two libraries. float16 and bfloat16: at how many of the 65,536 inputs the results differ in any bit
(subnormal results apart); float32 and float64: the largest distance in ULP on a grid. The last column compares jax.nn
with torch.nn.
"""

EXHAUSTIVE = """\
Every one of the 2^32 float32 inputs. "Counts": less what an input 1 ULP away explains, which may be at most 4, or the
bound that the definition declares (mish: 4.1). The other columns are of the whole error: the largest, its input, and
how many inputs exceed a bound in ULP. Next to its zero, near -1.28 and -1.19, a derivative of silu or mish is smaller
than what 1 ULP of the input changes.
"""


SPEED = """\
The time of a call of xact as a multiple of the library's own function (NumPy has none: of the formula as one would
type it), float32, both in turn in one process, medians; "both" is forward and backward. Where xact takes longer it
computes more: the tails, the lower half of a derivative, both ends of a softmax. `64` is the cost of a call. At 2^24
with gradients some ten pairs are timed, and what the system takes for fresh memory is in them: single ratios move
by a factor of 2 from run to run.

`hot path` is eager PyTorch under `xact.nn.hot_path("compile")`, `torch.compile` compiles both sides. On a GPU other
ratios hold, and large tensors take the hot path unasked.
"""

GPU = """\
A share of 100 % means that a call takes as long as copying the bytes that it must read and write; "training" is the
forward and the backward pass together. Medians, {elements} elements.
"""


def page(folder):
    """The page, of the records there are in `proof` and `exhaustive`."""
    parts = ["# Measurements"]
    if (record := _read(folder / "proof" / "accuracy.json")) is not None:
        parts += ["## Accuracy", _origin(record), ACCURACY, *_accuracy(record)]
    if (record := _read(folder / "proof" / "identity.json")) is not None:
        parts += ["## Identity of the libraries", _origin(record), IDENTITY, *_identity(record)]
    if (record := _read(folder / "proof" / "speed.json")) is not None:
        parts += ["## Speed on a CPU", _origin(record), SPEED, *_speed(record)]
    if records := [_read(path) for path in sorted((folder / "exhaustive").glob("*.json"))]:
        parts += ["## All float32 inputs", EXHAUSTIVE, _exhaustive(records)]
    return "\n\n".join(parts) + "\n"


def _accuracy(record):
    summary = record["summary"]
    yield (
        f"{summary['activations']} activations, {summary['measurements']} measurements, "
        f"{summary['violations']} violations of the contract."
    )
    for one in record["stretch"]:
        yield (
            f"{one['met']} of {one['of']} {one['quantity']}s of activations of one array that are not piecewise linear "
            "have a whole error of at most 4 ULP with default parameters in float32 and float64."
        )
    if names := list(record["missing"]):
        yield (
            f"Not measured here, because their formula names what another equation defines: {', '.join(names)}. The "
            "tests compare them with other libraries, with their conditions, and with differences of their values."
        )
    libraries = [name for name in record["versions"] if name not in ("xact", "python")]
    columns = [*libraries, *(name for name in OWN if name.partition(".")[0] in libraries)]
    for dtype, rows in _by_dtype(record["rows"]):
        yield f"### {dtype}"
        last = "whole" if dtype in ("float32", "float64") else "misrounded"
        body = []
        for row in rows:
            lost = row.get("no_limit", {})
            cells = [figure(row["ulp"].get(name)) + (" n" if lost.get(name) else "") for name in columns]
            worst = max((float(row[last][name]) for name in libraries if name in row.get(last, {})), default=None)
            body.append([linked(row["name"]), row["quantity"], *cells, figure(worst)])
        yield table(["", "", *columns, last], body)


def of(name, folder):
    """The section of the page of one activation, from the stored record; empty where it was not measured."""
    record = _read(folder / "proof" / "accuracy.json")
    rows = [row for row in record["rows"] if row["name"] == name] if record else []
    columns = [*LIBRARIES, *(own for own in OWN if any(own in row["ulp"] for row in rows))]
    body = []
    for row in rows:
        lost = row.get("no_limit", {})
        cells = [figure(row["ulp"].get(column)) + (" n" if lost.get(column) else "") for column in columns]
        body.append([row["dtype"], row["quantity"], *cells])
    return f"## Accuracy\n\n{OF_ONE}\n{table(['', '', *columns], body)}" if body else ""


def _identity(record):
    pairs = list(dict.fromkeys(pair for row in record["rows"] for pair in row["apart"]))
    body = [
        [one["dtype"], one["quantity"], *(figure(one["apart"].get(pair, [None])[0]) for pair in pairs)]
        for one in record["medians"]
    ]
    yield "Medians over the functions that torch and JAX have too:"
    yield table(["", "", *pairs], body)
    for dtype, rows in _by_dtype(record["rows"]):
        yield f"### {dtype}, by function"
        body = [
            [linked(row["name"]), row["quantity"], *(figure(row["apart"].get(pair)) for pair in pairs)] for row in rows
        ]
        yield table(["", "", *pairs], body)


def _speed(record):
    yield f"{record['threads']} threads."
    named = {"eager": "", "hot_path": ", hot path", "compile": ", torch.compile"}
    labels = {64: "64", 1 << 22: "2^22", 1 << 24: "2^24"}
    kinds = {"forward": "", "backward": ", both"}
    for library, mode in dict.fromkeys((row["library"], row["mode"]) for row in record["rows"]):
        rows = [row for row in record["rows"] if (row["library"], row["mode"]) == (library, mode)]
        ratios = {(row["activation"], row["size"], row["pass"]): row["ratio"] for row in rows}
        columns = list(dict.fromkeys((row["size"], row["pass"]) for row in rows))
        yield f"### {library}{named[mode]}"
        body = [
            [linked(name), *(figure(ratios.get((name, *column))) for column in columns)]
            for name in dict.fromkeys(row["activation"] for row in rows)
        ]
        yield table(["", *(f"{labels[size]}{kinds[kind]}" for size, kind in columns)], body, texts=1)


def _exhaustive(records):
    body = []
    for record in records:
        for quantity in ("value", "derivative"):
            if (one := record.get(quantity)) is None:
                continue
            nans = one["nan_made"] + one["nan_lost"]
            above = [f"{count:,}" for count in one["above"].values()]
            counts, worst = one["contract"], one["worst"]
            row = [figure(counts["ulp"]), figure(worst["ulp"]), f"{worst['x']:.9g}", *above, str(nans), _origin(one)]
            body.append([linked(record["name"]), f"{quantity}, {record['library']}", *row])
    bounds = ["> 0.5", "> 1", "> 2", "> 4"]
    return table(["", "", "counts", "largest", "at", *bounds, "wrong NaN", "measured"], body)


def gpu(folder):
    """The figures taken on a GPU, if any are stored; a part of the page on GPUs."""
    if (record := _read(folder / "proof" / "gpu.json")) is None:
        return "No figures are stored.\n"
    rows = record["sections"]["large"]
    columns = ("xact", "torch", "xact compiled", "torch compiled", "composed")
    memory, driver = record["memory"] / 2**30, record["driver"]
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    where = f"{record['date']}, {record['device']}, {memory:.0f} GiB, driver {driver}, CUDA {record['cuda']}"
    parts = [f"{where}; {versions}."]
    bars = [[bar["bar"], "", str(bar["met"]), str(bar["of"])] for bar in record["verdict"]]
    parts.append(table(["", "", "met", "of"], bars))
    for copy in (row for row in rows if "copy" in row):
        timed = [row for row in rows if "pass" in row and row["dtype"] == copy["dtype"]]
        body = []
        for row in timed:
            shares = [f"{row['share'][name]:.0%}" if name in row["share"] else "" for name in columns]
            body.append([row["activation"], row["pass"], *shares])
        parts += [f"## {copy['dtype'].removeprefix('torch.')}", GPU.format(elements=f"{copy['elements']:,}")]
        parts += [f"A copy: {copy['copy'] / 1e9:,.0f} GB/s.", table(["", "", *columns], body)]
    return "\n\n".join(parts) + "\n"


def _by_dtype(rows):
    for dtype in dict.fromkeys(row["dtype"] for row in rows):
        yield dtype, [row for row in rows if row["dtype"] == dtype]


def _origin(record):
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    return f"{record['date']}, {record['processor']}; {versions}."


def linked(name):
    """With a link to the page of the activation, which stands beside."""
    return f"[{name}]({name}.md)"


def figure(number):
    """Four digits; infinity is stored as text."""
    if number is None:
        return ""
    number = float(number)
    return f"{number:.4g}" if number < 1e4 or number == float("inf") else f"{number:.0e}"


def table(head, body, texts=2):
    """A table in Markdown, numbers to the right of so many columns of text."""
    rule = [*["---"] * texts, *["---:"] * (len(head) - texts)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *body])


def _read(path):
    return json.loads(path.read_text()) if path.exists() else None


if __name__ == "__main__":
    print(page(Path(__file__).parent))
