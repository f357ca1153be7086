"""What a contributor runs: `nox` for the checks a change needs, `nox -l` for everything there is."""

import os
import shutil

import nox

nox.needs_version = ">=2024.10"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "types", "tests", "package", "docs"]

PROJECT = nox.project.load_toml()

# PyTorch's wheels for other Pythons bring several gigabytes of CUDA packages where no CPU build is at hand, so the
# sessions with torch run on one Python. The rest repeats the quick tests only, for each library alone.
TORCH_PYTHON = "3.11"
MATRIX = [("3.11", "all"), ("3.11", "torch")]
MATRIX += [(python, backend) for python in ("3.12", "3.13", "3.14") for backend in ("numpy", "jax")]
BACKENDS = {"numpy": "numpy", "jax": "numpy,jax", "torch": "numpy,torch", "all": "numpy,jax,torch"}


def install(session, *groups, project=True):
    """Install dependency groups, torch first: whatever depends on it then takes the build that is there."""
    if "torch" in groups:
        session.install(*nox.project.dependency_groups(PROJECT, "torch"))
    rest = [group for group in groups if group != "torch"]
    wanted = nox.project.dependency_groups(PROJECT, *rest) if rest else ()
    session.install(*wanted, *(["-e", "."] if project else []))


@nox.session
def lint(session):
    """Check style and formatting with ruff."""
    install(session, "lint", project=False)
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")


@nox.session
def types(session):
    """Check the package's type annotations with mypy, strict."""
    install(session, "torch", "jax", "types")
    session.run("mypy", *session.posargs)


@nox.session
@nox.parametrize(
    ("python", "backend"), [nox.param(python, backend, id=f"{python}-{backend}") for python, backend in MATRIX]
)
def tests(session, backend):
    """Run the tests for one backend or all; the whole suite once, representative activations on the rest."""
    libraries = {"numpy": (), "all": ("torch", "jax")}.get(backend, (backend,))
    install(session, "tests", *libraries)
    quick = [] if backend == "all" else ["--quick"]
    # What a worker has left when the other is done may be minutes of compilation.
    workers = ["-n", "2", "--dist", "worksteal"]
    session.run("pytest", *workers, "--backends", BACKENDS[backend], *quick, *session.posargs)


@nox.session(python=TORCH_PYTHON)
def lowest(session):
    """Run the quick tests on the oldest NumPy, JAX and array-api-compat that the metadata claims."""
    extras = PROJECT["project"]["optional-dependencies"]
    floors = [*PROJECT["project"]["dependencies"], *extras["numpy"], *extras["jax"]]
    install(session, "tests", project=False)
    session.install(*(floor.replace(">=", "==") for floor in floors), "-e", ".")
    session.run("pytest", "-n", "2", "--backends", BACKENDS["jax"], "--quick", *session.posargs)


# What torch 2.11 itself does otherwise: its gradient of log_softmax in bfloat16, the type of an error, and its
# compiler, which does not trace the basis of a Hessian by three arrays.
OF_OLD_TORCH = (
    "tests/with_torch/test_moduleinfo.py::test_samples[training-torch.bfloat16-LogSoftmax]",
    "tests/with_torch/test_moduleinfo.py::test_samples[evaluation-torch.bfloat16-LogSoftmax]",
    "tests/with_torch/test_opinfo.py::test_wrong_arguments[log_softmax]",
    "tests/with_torch/test_transforms.py::test_hessian_inside_compile[geglu_sparse]",
)


@nox.session(python=TORCH_PYTHON)
@nox.parametrize("torch", ["2.11.0", "2.14.1"])
def torches(session, torch):
    """Run the tests on the oldest PyTorch that the metadata claims, and on a newer one; 5 gigabytes of CUDA each."""
    session.install(f"torch=={torch}")
    install(session, "tests")
    known = [f"--deselect={test}" for test in OF_OLD_TORCH] if torch == "2.11.0" else []
    session.run("pytest", "-n", "2", "--backends", BACKENDS["torch"], *known, *session.posargs)


@nox.session(python=TORCH_PYTHON)
def compat(session):
    """Compare the functions of xact.compat with those of the frameworks that install; takes a gigabyte."""
    install(session, "torch", "tests", "compat")
    session.install("--no-deps", *nox.project.dependency_groups(PROJECT, "timm"))
    session.run("pytest", "tests/compat", *session.posargs)


@nox.session(python=TORCH_PYTHON)
def models(session):
    """Build small models of timm, transformers and torchvision with our activations, train them, swap and monitor."""
    install(session, "torch", "tests", "models")
    # What torchvision asks for is a CUDA build of torch; what timm imports of it runs without.
    session.install("--no-deps", *nox.project.dependency_groups(PROJECT, "timm", "torchvision"))
    session.run("pytest", "tests/models", *session.posargs)


@nox.session(python=TORCH_PYTHON)
def onnx(session):
    """Export every activation to ONNX and run it in onnxruntime."""
    install(session, "torch", "onnx")
    session.run("pytest", "--backends", BACKENDS["torch"], "tests/with_torch/test_onnx.py", *session.posargs)


@nox.session
def package(session):
    """Build sdist and wheel into dist/, install the wheel alone, import it; add NumPy, use it; and so from a clone."""
    install(session, "package", project=False)
    shutil.rmtree("dist", ignore_errors=True)
    # Of the sdist it builds the wheel: what the sdist lacks, the wheel lacks.
    session.run("python", "-m", "build", "--outdir", "dist")
    version = PROJECT["project"]["version"]
    name = f"{PROJECT['project']['name'].replace('-', '_')}-{version}"
    session.run("python", "-c", CONTENTS, f"dist/{name}")
    folder = session.create_tmp()
    check_installed(session, f"{folder}/fresh", f"dist/{name}-py3-none-any.whl")
    if not shutil.which("git") or not os.path.exists(".git"):
        session.warn("no git, or no repository here: what a clone installs is not tested")
        return
    shutil.rmtree(f"{folder}/clone", ignore_errors=True)
    session.run("git", "clone", "--quiet", "--depth", "1", f"file://{os.getcwd()}", f"{folder}/clone", external=True)
    check_installed(session, f"{folder}/cloned", f"{folder}/clone")


CONTENTS = """
import sys, tarfile, zipfile

wheel = set(zipfile.ZipFile(sys.argv[1] + "-py3-none-any.whl").namelist())
home, info = "xact/", sys.argv[1].removeprefix("dist/") + ".dist-info/"
wanted = {home + "__init__.py", home + "__init__.pyi", home + "nn/__init__.pyi", home + "py.typed"}
wanted |= {info + "METADATA", info + "licenses/LICENSE"}
assert wanted <= wheel, wanted - wheel
other = {name for name in wheel if not name.startswith((home, info)) or "__pycache__" in name}
assert not other, other
source = tarfile.open(sys.argv[1] + ".tar.gz").getnames()
files = {name.partition("/")[2] for name in source}
wanted = {"CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md", "noxfile.py"}
wanted |= {"pyproject.toml", "src/xact/py.typed", "tests/conftest.py", "docs/conf.py", "docs/proof/accuracy.json"}
assert wanted <= files, wanted - files
print(len(wheel), "files in the wheel,", len(files), "in the sdist")
"""


def check_installed(session, environment, source):
    """Install into a new environment without NumPy, import, fail as promised; then with it, evaluate."""
    session.run("python", "-m", "venv", "--clear", environment)
    python = os.path.abspath(f"{environment}/bin/python")
    session.run(python, "-m", "pip", "install", "--quiet", source, external=True)

    def check(code):
        # Elsewhere, so that nothing of the working tree is imported.
        with session.chdir(environment):
            session.run(python, "-W", "error", "-c", code, external=True)

    check(
        "import importlib.metadata, importlib.resources, sys, xact; files = importlib.resources.files('xact'); "
        "assert files.joinpath('py.typed').is_file() and files.joinpath('__init__.pyi').is_file(); "
        "assert importlib.metadata.version('xact-activations') == xact.__version__; "
        "assert not {'numpy', 'torch', 'jax'} & set(sys.modules); print(len(xact.names()), 'activations'); "
        "assert xact.get('leaky_relu(0.1)').spec == {'name': 'leaky_relu', 'negative_slope': 0.1}"
    )
    check(WITHOUT_NUMPY)
    session.run(f"{environment}/bin/xact", "show", "gelu", external=True, silent=True)
    numpy = PROJECT["project"]["optional-dependencies"]["numpy"]
    session.run(python, "-m", "pip", "install", "--quiet", *numpy, external=True)
    check(
        "import numpy, xact; x = numpy.linspace(-3, 3, 7); y, pullback = xact.vjp('mish', x); "
        "print(xact.mish(x), *pullback(x))"
    )


WITHOUT_NUMPY = """
import xact

try:
    xact.gelu([1.0])
except TypeError as error:
    assert "gelu" in str(error), error
else:
    raise AssertionError("a list was taken for an array")
"""


@nox.session
def demo(session):
    """Train on handwritten digits with every library and compare them: the table, and digits.png."""
    install(session, "torch", "demo")
    session.run("python", "docs/examples/digits.py", *session.posargs)


@nox.session
def docs(session):
    """Build the documentation into docs/_build; a warning is an error."""
    install(session, "torch", "docs", project=False)
    session.install("-e", ".[plot,testing]")  # the reference imports what it documents
    session.run("sphinx-build", "-W", "--keep-going", "-q", "-b", "html", "docs", "docs/_build", *session.posargs)
    session.log("docs/_build/index.html")


@nox.session
def bench(session):
    """Time every activation beside the functions of torch, JAX and NumPy formulas; `-- --json FILE` keeps it."""
    install(session, "torch", "bench")
    session.run("python", "benchmarks/eager.py", *session.posargs)


@nox.session
def gpu(session):
    """Measure accuracy, bandwidth, kernels and memory on a CUDA device; `-- --json docs/proof/gpu.json` keeps it."""
    if shutil.which("nvidia-smi") is None and "--device" not in session.posargs:
        session.skip("no CUDA device here: no nvidia-smi (`-- --device cpu` tries the program out)")
    install(session, "torch", project=False)
    session.install("-e", ".[testing]")
    session.run("python", "benchmarks/gpu.py", *session.posargs)


@nox.session
def exhaustive(session):
    """Sweep all 2^32 float32 inputs of the activations named after `--`; minutes each, resumable."""
    install(session, "torch", "jax", "tests")
    session.run("python", "-m", "xact.testing.exhaustive", *session.posargs)


@nox.session
def measurements(session):
    """Measure the whole catalogue beside torch's and jax's own functions, for the documentation."""
    install(session, "torch", "jax", "tests")
    session.run("xact", "check", "--json", "docs/proof/accuracy.json", *session.posargs)
    session.run("xact", "check", "--identity", "--json", "docs/proof/identity.json", *session.posargs)


@nox.session
def stubs(session):
    """Write the type stubs editors read, from the catalogue."""
    install(session, "torch")
    session.run("python", "-m", "xact._stubs")
