"""What other frameworks mean by a name: their spelling, their defaults, our exact function.

`xact.get("leaky_relu", like="keras")` is leaky_relu with Keras's slope; `explain("leaky_relu")` prints who means what.
A framework's table holds only the names it has; where its function is ours with our defaults, the entry is our name.
"""

from collections.abc import Mapping

from xact._activation import catalogue
from xact._catalogue import bare, get
from xact._errors import UnknownActivationError


def _same(names: str) -> dict[str, str]:
    """Names, separated by spaces, that mean our function of that name or alias."""
    return {name: name for name in names.split()}


_TORCH_NN = {
    **_same("Threshold ReLU RReLU Hardtanh ReLU6 Sigmoid Hardsigmoid Tanh SiLU Mish Hardswish ELU CELU SELU"),
    **_same("GLU GELU Hardshrink LeakyReLU LogSigmoid Softplus Softshrink PReLU Softsign Tanhshrink"),
    **_same("Softmin Softmax Softmax2d LogSoftmax Identity gumbel_softmax"),
    **{f"{name}_": f"{name}(inplace=True)" for name in _same("relu hardtanh elu selu celu leaky_relu rrelu")},
    "threshold_": "threshold",
}

_JAX_NN = {
    **_same("celu elu glu hard_sigmoid hard_silu hard_swish hard_tanh identity leaky_relu log1mexp"),
    **_same("log_sigmoid log_softmax logmeanexp logsumexp mish relu relu6 selu sigmoid silu soft_sign"),
    **_same("softmax softplus sparse_plus sparse_sigmoid squareplus standardize tanh"),
    "gelu": "gelu(approximate='tanh')",
    "swish": "silu",
}

_FLAX = {
    **{name: spec for name, spec in _JAX_NN.items() if name not in ("log1mexp", "logmeanexp", "mish", "squareplus")},
    "normalize": "standardize(epsilon=1e-05)",
    "PReLU": "prelu",
}
for _absent in ("sparse_plus", "sparse_sigmoid"):
    del _FLAX[_absent]

_KERAS = {
    **_same("celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh"),
    **_same("linear log_sigmoid log_softmax mish relu6 selu sigmoid silu soft_shrink softmax softplus"),
    **_same("softsign sparse_plus sparse_sigmoid sparsemax squareplus tanh tanh_shrink threshold"),
    "relu": "general_relu",
    "leaky_relu": "leaky_relu(negative_slope=0.2)",
    "swish": "silu",
}

_TRANSFORMERS = {
    **_same("gelu gelu_new gelu_pytorch_tanh hardswish laplace leaky_relu linear mish quick_gelu relu"),
    **_same("relu2 relu6 sigmoid silu sqrtsoftplus tanh prelu xielu"),
    "gelu_10": "clipped_gelu(min=-10.0, max=10.0)",
    "gelu_fast": "gelu_tanh",
    "gelu_python": "gelu",
    "gelu_python_tanh": "gelu_tanh",
    "gelu_accurate": "gelu_tanh",
    "swish": "silu",
}

_TIMM = {
    **_same("silu mish relu relu6 leaky_relu elu prelu celu selu gelu gelu_tanh quick_gelu sigmoid tanh"),
    **_same("hard_sigmoid hardsigmoid hard_swish hardswish hard_mish identity"),
    "swish": "silu",
}

_VLLM = {
    **_same("gelu gelu_new gelu_pytorch_tanh relu relu2 silu quick_gelu tanh sigmoid geglu"),
    "gelu_fast": "gelu_tanh",
    "FatreluAndMul": "fatrelu_glu",
    "SiluAndMul": "swiglu",
    "SiluAndMulWithClamp": "swiglu_clamp",
    "MulAndSilu": "mul_and_silu",
    "GeluAndMul": "geglu",
    "SwigluOAIAndMul": "swiglu_oai",
    "swigluoai": "swiglu_oai",
    "SwigluStepAndMul": "swiglu_step",
    "NewGELU": "gelu_tanh",
    "FastGELU": "gelu_tanh",
    "QuickGELU": "quick_gelu",
    "ReLUSquaredActivation": "relu_squared",
    "XIELU": "xielu",
}

_LIGER = {
    **_same("swiglu relu_squared softmax sparsemax dyt"),
    "geglu": "geglu(approximate='tanh')",
}

_QUACK = {
    **_same("silu relu relu_sq quick_gelu tanh swiglu reglu"),
    "silu-tanh": "silu",
    "swiglu-tanh": "swiglu",
    "swiglu_oai": "swiglu_oai(limit=1e+308, layout='gate_first')",
    "swiglu_oai-tanh": "swiglu_oai(limit=1e+308, layout='gate_first')",
    "gelu_tanh_approx": "gelu_tanh",
    "gelu_erf": "gelu",
    "geglu": "geglu(approximate='tanh')",
    "glu": "glu(layout='gate_first')",
}

_ONNX = {
    **_same("Celu Elu Gelu HardSwish Hardmax Identity Mish PRelu Relu Selu Shrink Sigmoid Sign Softmax"),
    **_same("Softplus Softsign Swish Tanh LogSoftmax"),
    "Clip": "clamp(min=-3.4028234663852886e+38, max=3.4028234663852886e+38)",
    "HardSigmoid": "hard_sigmoid_general(alpha=0.2, beta=0.5)",
    "LeakyRelu": "leaky_relu(negative_slope=0.01)",
    "ThresholdedRelu": "thresholded_relu(alpha=1.0)",
}

_MLX = {
    **_same("sigmoid relu relu2 relu6 leaky_relu log_softmax elu softmax softplus softsign softshrink"),
    **_same("celu silu log_sigmoid gelu glu selu prelu mish hardswish hard_tanh hard_shrink softmin tanh"),
    "step": "step(value=1.0, threshold=0.0)",
    "gelu_approx": "gelu_tanh",
    "gelu_fast_approx": "quick_gelu",
}

_NNLIB = {
    **_same("sigmoid hardsigmoid logsigmoid hardtanh relu leakyrelu relu6 elu hardswish lisht selu celu"),
    **_same("trelu softsign softplus logcosh mish tanhshrink softshrink"),
    "rrelu": "rrelu(training=True)",
    "gelu": "gelu_tanh",
    "gelu_tanh": "gelu_tanh",
    "gelu_sigmoid": "gelu_tanh",
    "gelu_erf": "gelu",
    "swish": "silu",
    "tanh_fast": "tanh",
    "sigmoid_fast": "sigmoid",
}

_ADDONS = {
    **_same("hardshrink lisht mish rrelu softshrink sparsemax tanhshrink snake"),
    "gelu": "gelu_tanh",
}

_MMCV = {
    **_same("ReLU LeakyReLU PReLU RReLU ReLU6 ELU Sigmoid Tanh GELU Clamp Clip SiLU"),
    "HSigmoid": "hardsigmoid",
    "HSwish": "hardswish",
    "Swish": "silu",
}

FRAMEWORKS: Mapping[str, Mapping[str, str]] = {
    "torch": _TORCH_NN,
    "jax": _JAX_NN,
    "flax": _FLAX,
    "keras": _KERAS,
    "transformers": _TRANSFORMERS,
    "timm": _TIMM,
    "vllm": _VLLM,
    "liger": _LIGER,
    "quack": _QUACK,
    "onnx": _ONNX,
    "mlx": _MLX,
    "nnlib": _NNLIB,
    "tensorflow-addons": _ADDONS,
    "mmcv": _MMCV,
}


def variant(name: str, like: str) -> str:
    """The spec of what a framework means by a name.

    Raises ValueError for a framework that is not listed, `UnknownActivationError` for a name it does not have.
    """
    if like not in FRAMEWORKS:
        raise ValueError(f"`like` must be one of {', '.join(FRAMEWORKS)}, got {like!r}")
    exact = FRAMEWORKS[like].get(name)
    spelled = {bare(key): spec for key, spec in FRAMEWORKS[like].items() if not key.endswith("_")}
    found = exact or spelled.get(bare(name))
    if found is None:
        raise UnknownActivationError(f"{like} has no activation {name!r}; it has {', '.join(FRAMEWORKS[like])}")
    return found


def explain(name: str) -> str:
    """Who means what by a name, a framework a line; the frameworks without it are left out.

    >>> print(explain("leaky_relu"))
    xact               xact.leaky_relu
    torch              LeakyReLU: xact.leaky_relu
    jax                leaky_relu: xact.leaky_relu
    flax               leaky_relu: xact.leaky_relu
    keras              leaky_relu: xact.leaky_relu(negative_slope=0.2)
    transformers       leaky_relu: xact.leaky_relu
    timm               leaky_relu: xact.leaky_relu
    onnx               LeakyRelu: xact.leaky_relu
    mlx                leaky_relu: xact.leaky_relu
    nnlib              leakyrelu: xact.leaky_relu
    mmcv               LeakyReLU: xact.leaky_relu
    """
    lines = []
    if bare(name) in {bare(known) for known in catalogue}:
        lines.append(f"{'xact':<18} {get(name)!r}")
    for framework, table in FRAMEWORKS.items():
        for key, spec in table.items():
            if bare(key) == bare(name) and not key.endswith("_"):
                lines.append(f"{framework:<18} {key}: {get(spec)!r}")
    if not lines:
        raise UnknownActivationError(f"no framework has an activation {name!r}")
    return "\n".join(lines)
