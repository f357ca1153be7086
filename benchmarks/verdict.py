"""The bars, and which rows miss them."""

SHARE = 0.90
SLOWER = 1.03
COMPOSED = 3.0


def verdict(rows):
    """For each bar: what it says, how many rows meet it, how many there are, and those that miss it."""
    return [bar for bar in (make(rows) for make in BARS) if bar["of"]]


def _bar(text, entries):
    """entries: for each row its label, the figure, and whether it is met; the furthest from the bar first."""
    missed = [f"{label} {figure:.3g}" for label, figure, met in entries if not met]
    return {"bar": text, "of": len(entries), "met": sum(met for _, _, met in entries), "missed": missed}


def accurate(rows):
    measured = [row for row in rows["accuracy"] if "ulp" in row]
    failed = [(f"{row['activation']} {row['dtype']}: {row['failed']}", 0, False) for row in _failed(rows["accuracy"])]
    entries = [
        (
            f"{row['activation']}({row['case']}) {row['quantity']} {row['dtype']} {row['way']}, at most "
            f"{row['bound']:g}, at {row['where']}: ULP",
            row["ulp"],
            row["ulp"] <= row["bound"],
        )
        for row in measured
    ]
    return _bar("values and gradients are within the contract's bounds of float64", failed + entries)


def right(rows):
    """Of what was timed: a kernel that did not run leaves NaN."""
    timed = [row for row in rows["large"] if "seconds" in row]
    own = [
        (f"{_label(row)} {name}", 0, name not in row["wrong"] and name not in row["failed"])
        for row in timed
        for name in ("xact", "xact compiled")
    ]
    failed = [(f"{row['activation']} {row['dtype']}: {row['failed']}", 0, False) for row in _failed(rows["large"])]
    return _bar("every timed call of ours ran and computed the activation", failed + own)


def bandwidth(rows):
    text = f"eager calls, forward and forward + backward: at least {SHARE:.0%} of the copy's bandwidth"
    return _bar(text, _sorted(_timed(rows, "share", "xact"), lambda share: share >= SHARE))


def bandwidth_compiled(rows):
    text = f"the same under torch.compile: at least {SHARE:.0%}"
    return _bar(text, _sorted(_timed(rows, "share", "xact compiled"), lambda share: share >= SHARE))


def beside_torch(rows):
    entries = _ratios(rows, "xact", "torch") + _ratios(rows, "xact compiled", "torch compiled")
    text = f"time beside torch's own functions, eager and compiled: at most {SLOWER}"
    return _bar(text, _sorted(entries, lambda ratio: ratio <= SLOWER, largest=True))


def beside_composed(rows):
    alone = {"large": [row for row in rows["large"] if "torch" not in row.get("seconds", {"torch": 0})]}
    entries = [(label, 1 / ratio) for label, ratio in _ratios(alone, "xact", "composed")]
    text = f"where torch has no function, the composed formula takes at least {COMPOSED:g} times as long"
    return _bar(text, _sorted(entries, lambda ratio: ratio >= COMPOSED))


def one_kernel(rows):
    entries = [
        (f"{row['what']} {kind}", count, count == 1)
        for row in rows["kernels"]
        for kind, count in row.get("kernels", {}).items()
    ]
    return _bar("a gate is one kernel forward and one backward", entries)


def kept(rows):
    """Clause C5."""
    entries = [
        (row["activation"], row["inputs"]["xact"]["kept"], row["inputs"]["xact"]["kept"] <= 1.001 * row["arrays"])
        for row in rows["memory"]
        if "inputs" in row
    ]
    return _bar("kept for the backward pass: at most the arrays themselves, in inputs", entries)


def in_a_block(rows):
    entries = [
        (f"{row['activation']} {way or 'eager'}", row["seconds"][f"xact{way}"] / row["seconds"][f"torch{way}"])
        for row in rows["block"]
        if "seconds" in row
        for way in ("", " compiled")
    ]
    text = f"linear, gate, linear beside torch's functions: at most {SLOWER}"
    return _bar(text, _sorted(entries, lambda ratio: ratio <= SLOWER, largest=True))


BARS = (accurate, right, bandwidth, bandwidth_compiled, beside_torch, beside_composed, one_kernel, kept, in_a_block)


def _failed(rows):
    return [row for row in rows if isinstance(row.get("failed"), str)]


def _label(row):
    return f"{row['activation']} {row['pass']} {row['dtype'].removeprefix('torch.')}"


def _timed(rows, figure, name):
    timed = [row for row in rows["large"] if name in row.get(figure, {})]
    return [(f"{_label(row)}", row[figure][name]) for row in timed]


def _ratios(rows, ours, theirs):
    timed = [row for row in rows["large"] if {ours, theirs} <= {*row.get("seconds", {})}]
    compiled = " compiled" if ours.endswith("compiled") else ""
    return [(_label(row) + compiled, row["seconds"][ours] / row["seconds"][theirs]) for row in timed]


def _sorted(entries, holds, largest=False):
    return [(label, figure, holds(figure)) for label, figure in sorted(entries, key=lambda e: e[1], reverse=largest)]
