"""The formulas of frameworks that are not installed, as their sources have them, in float64 on NumPy.

An argument is an array: `x`, or the two halves `a`, `b` of a gated function in the order of the packed array; `split`
says how the array is packed.
"""

import math

import numpy as np
from numpy import abs, clip, cosh, exp, expm1, log, log1p, maximum, minimum, sign, sin, sqrt, tanh, where

ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805
erf = np.vectorize(math.erf)


def sigmoid(x):
    return 1 / (1 + exp(-x))


def gelu(x):
    return x * (1 + erf(x / sqrt(2))) / 2


def gelu_tanh(x):
    return 0.5 * x * (1 + tanh(sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def softmax(x):
    return exp(x) / exp(x).sum(axis=-1, keepdims=True)


def sparsemax(x):
    """The threshold is the largest of (sum of the k largest - 1) / k."""
    largest = -np.sort(-x, axis=-1)
    thresholds = (np.cumsum(largest, axis=-1) - 1) / np.arange(1, x.shape[-1] + 1)
    return maximum(x - thresholds.max(axis=-1, keepdims=True), 0)


def split(x, how="halves"):
    return (x[..., ::2], x[..., 1::2]) if how == "interleaved" else np.split(x, 2, axis=-1)


def clamped(a, b, limit, alpha=1.0):
    gate = minimum(a, limit)
    return gate * sigmoid(alpha * gate), clip(b, -limit, limit)


def gated(function, how="halves"):
    return lambda x: function(*split(x, how))


def oai(limit, how):
    def function(a, b):
        gate, value = clamped(a, b, limit, 1.702)
        return gate * (value + 1)

    return gated(function, how)


SILU = lambda x: x * sigmoid(x)
RELU = lambda x: maximum(x, 0)
RELU2 = lambda x: maximum(x, 0) ** 2
RELU6 = lambda x: clip(x, 0, 6)
ELU = lambda x: where(x > 0, x, expm1(minimum(x, 0)))
SELU = lambda x: SCALE * where(x > 0, x, ALPHA * expm1(minimum(x, 0)))
LEAKY = lambda x: where(x > 0, x, 0.01 * x)
HARD_SIGMOID = lambda x: clip((x + 3) / 6, 0, 1)
HARD_SWISH = lambda x: x * clip((x + 3) / 6, 0, 1)
MISH = lambda x: x * tanh(log1p(exp(x)))
QUICK = lambda x: x * sigmoid(1.702 * x)
LISHT = lambda x: x * tanh(x)
TANHSHRINK = lambda x: x - tanh(x)
HARDSHRINK = lambda x: where(abs(x) > 0.5, x, 0)
SOFTSHRINK = lambda x: sign(x) * maximum(abs(x) - 0.5, 0)
SWIGLU = gated(lambda a, b: SILU(a) * b)
XIELU = lambda x: where(x > 0, 0.8 * x * x + 0.5 * x, (expm1(minimum(x, 0)) - x) * 0.8 + 0.5 * x)
ISRU = lambda x: x / sqrt(1 + x * x)
SOFT_CLIPPING = lambda x: 2 * log((1 + exp(0.5 * x)) / (1 + exp(0.5 * (x - 1))))
IDENTICAL = {"sigmoid": sigmoid, "tanh": tanh, "relu": RELU, "relu6": RELU6, "silu": SILU, "elu": ELU, "mish": MISH}


def above_quantile(a):
    """What exceeds the 95 % quantile of the normal distribution with the row's mean and deviation."""
    return RELU(a - np.mean(a, -1, keepdims=True) - 1.6448536269514722 * np.std(a, -1, keepdims=True))


FORMULAS = {
    "vllm": {
        **{name: IDENTICAL[name] for name in ("sigmoid", "tanh", "relu", "silu")},
        **dict.fromkeys(("gelu_fast", "gelu_new", "gelu_pytorch_tanh", "NewGELU", "FastGELU"), gelu_tanh),
        **dict.fromkeys(("relu2", "ReLUSquaredActivation"), RELU2),
        **dict.fromkeys(("quick_gelu", "QuickGELU"), QUICK),
        **dict.fromkeys(("geglu", "GeluAndMul"), gated(lambda a, b: gelu(a) * b)),
        **dict.fromkeys(("swigluoai", "SwigluOAIAndMul"), oai(7.0, "interleaved")),
        "gelu": gelu,
        "FatreluAndMul": gated(lambda a, b: RELU(a) * b),
        "SiluAndMul": SWIGLU,
        "SiluAndMulWithClamp": gated(lambda a, b: math.prod(clamped(a, b, 10.0))),
        "MulAndSilu": gated(lambda a, b: a * SILU(b)),
        "SwigluStepAndMul": gated(lambda a, b: minimum(SILU(a), 7.0) * clip(b, -7.0, 7.0)),
        "XIELU": XIELU,
        "GeluAndMulSparse": gated(lambda a, b: gelu(above_quantile(a)) * b),
    },
    "liger": {
        "swiglu": SWIGLU,
        "geglu": gated(lambda a, b: gelu_tanh(a) * b),
        "relu_squared": RELU2,
        "softmax": softmax,
        "sparsemax": sparsemax,
        "dyt": lambda x: tanh(0.5 * x),
        "poly_norm": lambda x: (
            sum(x**k / sqrt(np.mean(x ** (2 * k), -1, keepdims=True) + 1e-6) for k in (1, 2, 3)) / 3 + 1
        ),
    },
    "quack": {
        **{name: IDENTICAL[name] for name in ("tanh", "relu", "silu")},
        "silu-tanh": lambda x: 0.5 * x * (1 + tanh(0.5 * x)),
        "relu_sq": lambda x: RELU(x) * x,
        "gelu_tanh_approx": gelu_tanh,
        "gelu_erf": gelu,
        "quick_gelu": QUICK,
        "swiglu": SWIGLU,
        "swiglu-tanh": gated(lambda a, b: 0.5 * a * (1 + tanh(0.5 * a)) * b),
        **dict.fromkeys(("swiglu_oai", "swiglu_oai-tanh"), gated(lambda a, b: a * sigmoid(1.702 * a) * (b + 1))),
        "reglu": gated(lambda a, b: RELU(a) * b),
        "geglu": gated(lambda a, b: gelu_tanh(a) * b),
        "glu": gated(lambda a, b: sigmoid(a) * b),
    },
    "nnlib": {
        **IDENTICAL,
        "hardsigmoid": HARD_SIGMOID,
        "logsigmoid": lambda x: -log1p(exp(-x)),
        "hardtanh": lambda x: clip(x, -1, 1),
        "leakyrelu": LEAKY,
        **dict.fromkeys(("gelu", "gelu_tanh"), gelu_tanh),
        "gelu_sigmoid": lambda x: x * sigmoid(sqrt(8 / math.pi) * (x + 0.044715 * x**3)),
        "gelu_erf": gelu,
        "swish": SILU,
        "hardswish": HARD_SWISH,
        "lisht": LISHT,
        "selu": SELU,
        "celu": ELU,
        "trelu": lambda x: where(x > 1, x, 0),
        "softsign": lambda x: x / (1 + abs(x)),
        "softplus": lambda x: log1p(exp(x)),
        "logcosh": lambda x: log(cosh(x)),
        "tanhshrink": TANHSHRINK,
        "softshrink": SOFTSHRINK,
        "tanh_fast": tanh,
        "sigmoid_fast": sigmoid,
    },
    "tensorflow-addons": {
        "gelu": gelu_tanh,
        "hardshrink": HARDSHRINK,
        "lisht": LISHT,
        "mish": MISH,
        "rrelu": lambda x: where(x >= 0, x, (1 / 8 + 1 / 3) / 2 * x),
        "snake": lambda x: x + (1 - np.cos(2 * x)) / 2,
        "softshrink": SOFTSHRINK,
        "sparsemax": sparsemax,
        "tanhshrink": TANHSHRINK,
    },
    "mmcv": {
        "ReLU": RELU,
        "LeakyReLU": LEAKY,
        "RReLU": lambda x: where(x >= 0, x, (1 / 8 + 1 / 3) / 2 * x),
        "ReLU6": RELU6,
        "ELU": ELU,
        "Sigmoid": sigmoid,
        "Tanh": tanh,
        "GELU": gelu,
        "HSigmoid": HARD_SIGMOID,
        "HSwish": HARD_SWISH,
        **dict.fromkeys(("Clamp", "Clip"), lambda x: clip(x, -1, 1)),
        **dict.fromkeys(("Swish", "SiLU"), SILU),
    },
    "fastai": {**dict.fromkeys(("Mish", "MishJit"), MISH), **dict.fromkeys(("Swish", "SwishJit"), SILU)},
    "ultralytics": {"AGLU": sigmoid, "AconC": SILU, "MetaAconC": SILU},
    "torchact": {
        "ELU": ELU,
        "ABReLU": lambda x: maximum(x - x.sum() / x.size, 0),
        "LeakyReLU": LEAKY,
        "SinLU": lambda x: (x + sin(x)) * sigmoid(x),
        "LogSigmoid": lambda x: -log1p(exp(-x)),
        "LogSoftmax": lambda x: log(softmax(x)),
        "ReLU": RELU,
        "Sigmoid": sigmoid,
        "Softmax": softmax,
        "Step": lambda x: where(x > 0, 1.0, 0.0),
    },
    "activations-plus": {
        "isru": ISRU,
        "isrlu": lambda x: where(x < 0, ISRU(x), x),
        "pelu": ELU,
        "penalized_tanh": lambda x: where(x > 0, tanh(x), 0.25 * tanh(x)),
        "dual_line": lambda x: where(x < 0, 0.5 * x, 0.5 * x),
        "tanh_exp": lambda x: x * tanh(exp(x)),
        "aria2": lambda x: (1 + exp(-1.5 * x)) ** (-1 / 0.5),
        "erf_act": lambda x: x * erf(0.5 * exp(x)),
        "pserf": lambda x: x * erf(1.25 * log1p(exp(0.85 * x))),
        "hat": lambda x: where(x < 0, 0, where(x <= 0.5, x, where(x <= 1, 1 - x, 0))),
        "resp": lambda x: where(x >= 0, x + log(2), log1p(exp(x))),
        "soft_clipping": SOFT_CLIPPING,
        "swish": SILU,
        "sparsemax": sparsemax,
        "maxout": lambda x: x.reshape(*x.shape[:-1], -1, 2).max(axis=-1),
    },
    "echo-ai": {
        "weighted_tanh": tanh,
        "aria2": lambda x: (1 + exp(-x)) ** -1.5,
        "beta_mish": lambda x: x * tanh(log((1 + exp(x)) ** 1.5)),
        "elish": lambda x: where(x >= 0, x, exp(x) - 1) * sigmoid(x),
        "hard_elish": lambda x: where(x >= 0, x, exp(x - 1)) * clip((x + 1) / 2, 0, 1),
        "mila": lambda x: x * tanh(log1p(exp(x - 0.25))),
        "sineReLU": lambda x: where(x > 0, x, 0.01 * (sin(x) - np.cos(x))),
        # At the initial values of ours: its own are random.
        "SReLU": lambda x: where(x >= 1, 1 + (x + 1), where(x <= 0, 0.2 * x, x)),
        "APL": lambda x: maximum(x, 0) - 0.25 * maximum(-x, 0),
        "BReLU": lambda x: np.stack([maximum(row, 0) if i % 2 == 0 else -maximum(-row, 0) for i, row in enumerate(x)]),
        "SoftExponential": lambda x: x,
        "eswish": lambda x: 1.75 * x * sigmoid(x),
        "fts": lambda x: maximum(x * sigmoid(x), 0),
        "sqnl": lambda x: where(x > 2, 1, where(x < -2, -1, x - sign(x) * x**2 / 4)),
        "isru": ISRU,
        "isrlu": lambda x: where(x < 0, ISRU(x), x),
        "bent_id": lambda x: x + (sqrt(x**2 + 1) - 1) / 2,
        "soft_clipping": SOFT_CLIPPING,
        "mish": MISH,
        "silu": SILU,
        "swish": lambda x: x * sigmoid(1.25 * x),
        "Maxout": lambda x: x.reshape(*x.shape[:-1], -1, 2).max(axis=-1),
    },
}
# Functions of more than one array, of noise, which are no formula of one array.
ELSEWHERE = {"PReLU", "rrelu", "SigmoidRange", "entmax", "FReLU"}
