"""Write the pages of the catalogue: one per activation, a gallery, the measurements. `nox -s docs` runs it.

Everything on a page is read from the definition, computed from it, or was measured: the formula is the TeX that the
tests evaluate as the truth, the plot is drawn with the function and its rule.
"""

import inspect
from pathlib import Path

import formulas
import frameworks
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import measured
import namespace
import numpy as np

import xact
from xact import compat
from xact._arguments import explained
from xact.analysis import properties
from xact.nn.init import gain

VALUE, SLOPE, MUTED = "#3b82c4", "#d9722e", "#87909a"
SPAN = 5.0

PAGE = """\
# {name}

{doc}

```{{raw}} html
{formula}
```

![{name} and its derivative]({name}.svg)

{caption}

```python
{usage}
```

{arguments}

{facts}

{properties}

{accuracy}
"""

# Lengths of the rows that an activation along an axis is plotted for: the first that shows more than a constant.
ROWS = (2, 16)


def write(folder):
    """Write pages, plots and the gallery into `folder`, and remove those of activations that are gone."""
    folder.mkdir(exist_ok=True)
    catalogue = [xact.get(name) for name in xact.names()]
    elsewhere = names_elsewhere()
    written = {folder / name for name in ("index.md", "measurements.md", "frameworks.txt", "gpu.txt", "namespace.txt")}
    for activation in catalogue:
        caption = draw(activation, folder / f"{activation.name}.svg")
        (folder / f"{activation.name}.md").write_text(page(activation, caption, elsewhere.get(activation.name, {})))
        written |= {folder / f"{activation.name}{ending}" for ending in (".md", ".svg", "-small.svg")}
    (folder / "index.md").write_text(gallery(catalogue))
    (folder / "frameworks.txt").write_text(frameworks.page())
    (folder / "namespace.txt").write_text(namespace.page())
    (folder / "measurements.md").write_text(measured.page(Path(__file__).parent))
    (folder / "gpu.txt").write_text(measured.gpu(Path(__file__).parent))
    for stale in set(folder.iterdir()) - written:
        stale.unlink()


def page(activation, caption, elsewhere):
    name = activation.name
    return PAGE.format(
        name=name,
        doc=inspect.getdoc(activation.body.function),
        formula=formulas.html(activation.tex),
        caption=caption,
        usage=f"xact.{name}{activation.__signature__}",
        arguments=table({f"`{name}`": line for name, line in arguments(activation).items()}),
        facts=table(facts(activation, elsewhere)),
        properties=section("Properties", computed(activation)),
        accuracy=measured.of(name, Path(__file__).parent),
    )


def arguments(activation):
    return explained(activation.arguments, activation.__signature__.parameters)


def facts(activation, elsewhere):
    """What the definition declares, and what other frameworks call the function, as rows of a table."""
    code = "`{}`".format
    rules = [*activation.rules, *activation.pullbacks]
    kinks = (f"{point} (derivative there: {chosen})" for point, chosen in activation.kinks.items())
    choices = (
        f"`{name}`: " + ", ".join(code(repr(choice)) for choice in given) for name, given in activation.choices.items()
    )
    learnt = (f"`{name}`, from {initial}" for name, initial in activation.learnable.items())
    others = (f"{framework} {', '.join(map(code, names))}" for framework, names in elsewhere.items())
    return {
        "Module": code(f"xact.nn.{activation.module}"),
        "Aliases": ", ".join(map(code, activation.aliases)),
        "Elsewhere": "; ".join(others),
        "Differentiable by": ", ".join(map(code, rules)),
        "Second derivative": "a rule of its own" if activation.slopes else "",
        "Choices": "; ".join(choices),
        "Learnt by the Module": "; ".join(learnt),
        "Without a derivative at": "; ".join(kinks),
        "Integer arrays": {"keep": "stay integers", "float": "become floating"}.get(activation.integers, ""),
        "Budget": "; ".join(f"{what}: {most}, {reason}" for what, (most, reason) in activation.budget.items()),
        "Paper": activation.paper,
    }


def names_elsewhere():
    """What the frameworks call each activation, where they mean it with the same defaults."""
    found = {}
    for framework, table in compat.FRAMEWORKS.items():
        for name, spec in table.items():
            activation = xact.get(spec)
            if not activation.replaced:
                found.setdefault(activation.name, {}).setdefault(framework, []).append(name)
    return found


def computed(activation):
    """Properties of a function of one number with its defaults, as rows of a table."""
    given = {name: activation.learnable.get(name, float(i)) for i, name in enumerate(activation.required)}
    try:
        found = properties(activation, **given)
    except TypeError:
        return {}
    gains = {}
    for mode in ("forward", "backward"):
        try:
            gains[mode] = f"{gain(activation, mode=mode, **given):.6g}"
        except ValueError:  # the expectation is 0 or infinite
            gains[mode] = "none"
    kinds = filter(None, (found.monotonic, found.parity, found.convexity))
    return {
        "Range": found.range,
        "Shape": ", ".join(kinds),
        "Least at": "" if found.least is None else f"{found.least:.6g}",
        "Greatest at": "" if found.greatest is None else f"{found.greatest:.6g}",
        "Slope at -inf, inf": "{:.6g}, {:.6g}".format(*found.slopes),
        "Lipschitz constant": f"{found.lipschitz:.6g}",
        "Gain, forward, backward": f"{gains['forward']}, {gains['backward']}",
    }


def section(title, rows):
    return f"## {title}\n\n{table(rows)}" if rows else ""


def table(rows):
    lines = [f"| {head} | {text} |" for head, text in rows.items() if text]
    return "\n".join(["| | |", "|---|---|", *lines])


def draw(activation, path):
    """Plot the activation and its derivative, once with axes and once small; return what else there is to say."""
    x = np.linspace(-SPAN, SPAN, 1001)
    value, slope, caption = curves(activation, x)
    # A jump of the derivative at a kink is no line.
    slope = np.where(np.abs(np.gradient(slope)) > 0.1, np.nan, slope)
    low, high = np.nanmin([value, slope]), np.nanmax([value, slope])
    for small, file in ((False, path), (True, path.with_stem(f"{path.stem}-small"))):
        with plt.rc_context({"font.size": 9, "svg.hashsalt": activation.name, "svg.fonttype": "none"}):
            figure, axes = plt.subplots(figsize=(2.4, 1.6) if small else (5.6, 3.6), layout="constrained")
            axes.axhline(0, color=MUTED, linewidth=0.5, alpha=0.6)
            axes.axvline(0, color=MUTED, linewidth=0.5, alpha=0.6)
            axes.plot(x, slope, color=SLOPE, linewidth=1.4, label="derivative")
            axes.plot(x, value, color=VALUE, linewidth=2.0, label="value")
            axes.set(xlim=(-SPAN, SPAN), ylim=(max(low, -3) - 0.25, min(high, 4) + 0.25))
            axes.spines[:].set_visible(False)
            if small:
                axes.set(xticks=(), yticks=())
            else:
                axes.tick_params(colors=MUTED, length=0)
                axes.legend(loc="best", frameon=False, labelcolor=MUTED)
            figure.savefig(file, transparent=True, metadata={"Date": None})
            plt.close(figure)
    return caption


def curves(activation, x):
    """Values and derivatives along a line through the arguments, and a sentence on which line."""
    if not activation.elementwise:
        return along(activation, x)
    varied = "gate" if "gate" in activation.arrays else activation.arrays[0]
    arrays = [x if label == varied else np.ones_like(x) for label in activation.arrays]
    required = {label: activation.learnable.get(label, float(i)) for i, label in enumerate(activation.required)}
    value, slope = xact.value_and_derivative(activation, varied)(*arrays, **required)
    notes = [f"{label} = 1" for label in activation.arrays if label != varied]
    notes += [f"{label} = {initial}" for label, initial in required.items()]
    if varied != "x":
        notes.insert(0, f"as a function of the {varied}")
    return value, slope, f"Plotted {', '.join(notes)}." if notes else ""


def along(activation, x):
    """The same for an activation that mixes the entries of a row: what a row of x and zeros gives first."""
    for count in ROWS:
        value, slope = first(activation, x, count)
        if np.ptp(value):
            break
    row = "(x, 0)" if count == 2 else f"x and {count - 1} zeros"
    return value, slope, f"Plotted: the first entry of `{activation.name}` of {row}."


def first(activation, x, count):
    rows = np.zeros((len(x), count))
    rows[:, 0] = x
    axis = activation.defaults["axis"]
    if axis is not None and axis < -1:
        rows = rows.reshape(*rows.shape, *[1] * (-1 - axis))
    arrays = [rows, *(np.ones_like(rows) for _ in activation.arrays[1:])]
    given = dict.fromkeys(activation.body.masks, np.ones(rows.shape, bool))
    given |= {"training": False} if activation.sampled else {}
    value, pullback = xact.vjp(activation, *arrays, **given)
    cotangent = np.zeros((len(x), value.size // len(x)))
    cotangent[:, 0] = 1
    slope = pullback(cotangent.reshape(value.shape))[0]
    return (array.reshape(len(x), -1)[:, 0] for array in (value, slope))


def gallery(catalogue):
    """All plots, by family: the file of the catalogue a definition stands in."""
    families = {}
    for activation in catalogue:
        families.setdefault(activation.__module__.rpartition(".")[2], []).append(activation.name)
    parts = ["# Gallery", "Values in blue, derivatives in orange. Each plot leads to the page of its activation."]
    for family, names in sorted(families.items()):
        cards = "\n\n".join(f"[![{name}]({name}-small.svg)]({name}.md)\n[{name}]({name}.md)" for name in names)
        parts += [f"## {family.replace('_', '-').capitalize()}", f"::::{{container}} gallery\n\n{cards}\n\n::::"]
    listed = "\n".join(sorted(activation.name for activation in catalogue))
    parts += [f"```{{toctree}}\n:hidden:\n\n{listed}\n```"]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    write(Path(__file__).parent / "_generated")
