"""What each framework has, under its own spelling: the spec of our function for every key, and what is left out.

Where a framework's function is ours with our defaults the entry is our name. `MetaAconC` and `meta_acon_c` are one key:
`xact.compat` does not tell case, underscores and dashes apart where the exact spelling is not listed. Where two keys
differ in nothing else, as Keras's function and layer do, the first is meant.
"""

from collections.abc import Mapping


def _same(names: str) -> dict[str, str]:
    """Names, separated by spaces, that mean our function of that name or alias."""
    return {name: name for name in names.split()}


_TORCH = {
    **_same("Threshold ReLU RReLU Hardtanh ReLU6 Sigmoid Hardsigmoid Tanh SiLU Mish Hardswish ELU CELU SELU"),
    **_same("GLU GELU Hardshrink LeakyReLU LogSigmoid Softplus Softshrink PReLU Softsign Tanhshrink"),
    **_same("Softmin Softmax Softmax2d LogSoftmax Identity gumbel_softmax"),
    **{f"{name}_": f"{name}(inplace=True)" for name in _same("relu hardtanh elu selu celu leaky_relu rrelu")},
    "threshold_": "threshold(inplace=True)",
}

_FLAX = {
    **_same("celu elu glu hard_sigmoid hard_silu hard_swish hard_tanh identity leaky_relu log_sigmoid log_softmax"),
    **_same("logsumexp relu relu6 selu sigmoid silu soft_sign softmax softplus standardize tanh"),
    "gelu": "gelu(approximate='tanh')",
    "swish": "silu",
    "normalize": "standardize",
    "PReLU": "prelu",
}

_JAX = {
    **{key: spec for key, spec in _FLAX.items() if key not in ("normalize", "PReLU")},
    **_same("log1mexp logmeanexp mish sparse_plus sparse_sigmoid squareplus"),
}

_KERAS = {
    **_same("celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh"),
    **_same("linear log_sigmoid log_softmax mish relu6 selu sigmoid silu soft_shrink softmax softplus"),
    **_same("softsign sparse_plus sparse_sigmoid sparsemax squareplus tanh tanh_shrink threshold"),
    "relu": "general_relu",
    "leaky_relu": "leaky_relu(negative_slope=0.2)",
    "swish": "silu",
    # The layers.
    **_same("ELU PReLU Softmax"),
    "LeakyReLU": "leaky_relu(negative_slope=0.3)",
    "ReLU": "general_relu",
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
    "StarReLU": "star_relu(scale=1.0, bias=0.0)",
}

_VLLM = {
    **_same("gelu gelu_new gelu_pytorch_tanh relu relu2 silu quick_gelu tanh sigmoid geglu"),
    "gelu_fast": "gelu_tanh",
    "FatreluAndMul": "fatrelu_glu",
    "SiluAndMul": "swiglu",
    "SiluAndMulWithClamp": "swiglu_clamp",
    "MulAndSilu": "mul_and_silu",
    "GeluAndMul": "geglu",
    "GeluAndMulSparse": "geglu_sparse",
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
    "poly_norm": "poly_norm(bias=1.0)",
}
_LIGER |= {f"liger_{key}": spec for key, spec in _LIGER.items()}

_QUACK = {
    **_same("silu relu relu_sq quick_gelu tanh swiglu reglu"),
    "silu-tanh": "silu",
    "swiglu-tanh": "swiglu",
    "swiglu_oai": "swiglu_oai(limit=inf, layout='gate_first')",
    "swiglu_oai-tanh": "swiglu_oai(limit=inf, layout='gate_first')",
    "gelu_tanh_approx": "gelu_tanh",
    "gelu_erf": "gelu",
    "geglu": "geglu(approximate='tanh')",
    "glu": "glu(layout='gate_first')",
}

_ONNX = {
    **_same("Celu Elu Gelu HardSwish Hardmax Identity Mish PRelu Relu Selu Shrink Sigmoid Sign Softmax"),
    **_same("Softplus Softsign Swish Tanh LogSoftmax"),
    "Clip": "clamp(min=-inf, max=inf)",
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
    **_same("trelu softsign softplus logcosh mish tanhshrink softshrink gelu_tanh"),
    "rrelu": "rrelu(training=True)",
    "gelu": "gelu_tanh",
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

_ENTMAX = {
    **_same("sparsemax entmax15 entmax_bisect"),
    "sparsemax_bisect": "sparsemax",
    "normmax_bisect": "normmax",
    "budget_bisect": "budget",
}

_FASTAI = {**_same("Mish SigmoidRange"), "Swish": "silu", "MishJit": "mish", "SwishJit": "silu"}

_ULTRALYTICS = {
    "AGLU": "apa",
    "AconC": "acon_c",
    # The functions inside: the layers around them are xact.nn.MetaACON and xact.nn.FReLU.
    "MetaAconC": "acon_c",
    "FReLU": "funnel",
}

_TORCHACT = {
    **_same("ABReLU ELU LeakyReLU LogSigmoid LogSoftmax ReLU Sigmoid SinLU Softmax"),
    "Step": "step(value=0.0)",
}

_ACTIVATIONS_PLUS = {
    **_same("isrlu isru pelu penalized_tanh soft_clipping sparsemax entmax maxout tanh_exp pserf"),
    # The curve itself, to the power 1 / beta, without the factor x of the paper.
    "aria2": "richards(alpha=2.0, beta=1.5)",
    "dual_line": "dual_line(alpha=0.5, beta=0.5, m=0.0)",
    "erf_act": "erf_act(alpha=0.5, beta=1.0)",
    "hat": "hat(a=1.0)",
    "resp": "resp(alpha=1.0)",
    "swish": "swish(beta=1.0)",
}

_ECHO = {
    **_same("weighted_tanh mish silu eswish sqnl isru isrlu bent_id soft_clipping Maxout"),
    **_same("beta_mish elish mila APL"),
    # The curve itself, without the factor x of the paper.
    "aria2": "richards",
    "hard_elish": "hard_elish(version='echo')",
    "SoftExponential": "soft_exponential(alpha=0.0)",
    "sineReLU": "sine_relu(epsilon=0.01)",
    # It draws the initial values at random.
    "SReLU": "srelu(version='echo')",
    # Along the batch.
    "BReLU": "bipolar_relu(axis=0)",
    "fts": "flatten_t_swish(threshold=0.0)",
    "swish": "swish(beta=1.25)",
}

FRAMEWORKS: Mapping[str, Mapping[str, str]] = {
    "torch": _TORCH,
    "jax": _JAX,
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
    "entmax": _ENTMAX,
    "fastai": _FASTAI,
    "ultralytics": _ULTRALYTICS,
    "torchact": _TORCHACT,
    "activations-plus": _ACTIVATIONS_PLUS,
    "echo-ai": _ECHO,
}

_ONE_HOT = "makes an array of classes, activates none"
_LOSS = "is a loss"
_ATTENTION = "is a layer of attention"
LEFT_OUT: Mapping[str, Mapping[str, str]] = {
    "torch": {
        "AdaptiveLogSoftmaxWithLoss": "is a layer with weights and a loss",
        "MultiheadAttention": _ATTENTION,
    },
    "jax": {"one_hot": _ONE_HOT, "dot_product_attention": _ATTENTION},
    "flax": {"one_hot": _ONE_HOT, "dot_product_attention": _ATTENTION},
    "keras": {"Activation": "is a layer around any function; use xact.nn.Activation"},
    "timm": {
        f"{name}_me": f"is {name} with a backward that saves the input alone, as every function here does"
        for name in ("swish", "mish", "hard_sigmoid", "hard_swish", "hard_mish")
    },
    "vllm": {"ScaledActivation": "divides the result of any activation by learnt scales"},
    "entmax": {
        f"{name}_loss": _LOSS
        for name in ("sparsemax", "entmax15", "sparsemax_bisect", "entmax_bisect", "normmax_bisect")
    },
}
