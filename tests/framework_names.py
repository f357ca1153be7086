"""The names every framework has, as its documentation lists them."""

NAMES = {
    "torch": """Threshold ReLU RReLU Hardtanh ReLU6 Sigmoid Hardsigmoid Tanh SiLU Mish Hardswish ELU CELU SELU GLU GELU
        Hardshrink LeakyReLU LogSigmoid Softplus Softshrink PReLU Softsign Tanhshrink Softmin Softmax Softmax2d
        LogSoftmax AdaptiveLogSoftmaxWithLoss threshold_ relu_ hardtanh_ elu_ selu_ celu_ leaky_relu_ rrelu_
        gumbel_softmax""",
    "jax": """celu elu gelu glu hard_sigmoid hard_silu hard_swish hard_tanh identity leaky_relu log1mexp log_sigmoid
        log_softmax logmeanexp logsumexp mish relu relu6 selu sigmoid silu soft_sign softmax softplus sparse_plus
        sparse_sigmoid squareplus standardize swish tanh one_hot""",
    "flax": """celu elu gelu glu hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu log_sigmoid log_softmax
        logsumexp one_hot relu relu6 selu sigmoid silu soft_sign softmax softplus standardize swish tanh PReLU normalize
        identity""",
    "keras": """celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu linear log_sigmoid
        log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid
        sparsemax squareplus tanh tanh_shrink threshold swish hard_swish Activation ELU LeakyReLU PReLU ReLU Softmax""",
    "transformers": """gelu gelu_10 gelu_fast gelu_new gelu_python gelu_pytorch_tanh gelu_python_tanh gelu_accurate
        hardswish laplace leaky_relu linear mish quick_gelu relu relu2 relu6 sigmoid silu sqrtsoftplus swish tanh prelu
        xielu""",
    "timm": """silu swish mish relu relu6 leaky_relu elu prelu celu selu gelu gelu_tanh quick_gelu sigmoid tanh
        hard_sigmoid hard_swish hard_mish identity hardsigmoid hardswish""",
    "vllm": """FatreluAndMul SiluAndMul SiluAndMulWithClamp MulAndSilu GeluAndMulSparse GeluAndMul SwigluOAIAndMul
        SwigluStepAndMul NewGELU FastGELU QuickGELU ReLUSquaredActivation XIELU ScaledActivation gelu gelu_fast gelu_new
        gelu_pytorch_tanh relu relu2 silu quick_gelu tanh sigmoid geglu swigluoai""",
    "liger": """swiglu geglu relu_squared softmax sparsemax dyt poly_norm liger_swiglu liger_geglu liger_relu_squared
        liger_softmax liger_sparsemax liger_dyt liger_poly_norm""",
    "quack": """silu silu-tanh relu relu_sq gelu_tanh_approx gelu_erf quick_gelu tanh swiglu swiglu-tanh swiglu_oai
        swiglu_oai-tanh reglu geglu glu""",
    "onnx": """Celu Clip Elu Gelu HardSigmoid HardSwish Hardmax Identity LeakyRelu LogSoftmax Mish PRelu Relu Selu
        Shrink Sigmoid Sign Softmax Softplus Softsign Swish Tanh ThresholdedRelu""",
    "mlx": """sigmoid relu relu2 relu6 leaky_relu log_softmax elu softmax softplus softsign softshrink celu silu
        log_sigmoid gelu gelu_approx gelu_fast_approx glu step selu prelu mish hardswish hard_tanh hard_shrink softmin
        tanh""",
    "nnlib": """sigmoid hardsigmoid logsigmoid hardtanh relu leakyrelu relu6 rrelu elu gelu gelu_tanh gelu_sigmoid
        gelu_erf swish hardswish lisht selu celu trelu softsign softplus logcosh mish tanhshrink softshrink tanh_fast
        sigmoid_fast""",
    "tensorflow-addons": "gelu hardshrink lisht mish rrelu snake softshrink sparsemax tanhshrink",
    "mmcv": "ReLU LeakyReLU PReLU RReLU ReLU6 ELU Sigmoid Tanh GELU Clamp Clip HSigmoid HSwish Swish SiLU",
    "entmax": "sparsemax entmax15 sparsemax_bisect entmax_bisect normmax_bisect budget_bisect sparsemax_loss",
    "fastai": "Mish Swish MishJit SwishJit SigmoidRange",
    "ultralytics": "AGLU AconC MetaAconC FReLU",
    "torchact": "ABReLU ELU LeakyReLU LogSigmoid LogSoftmax ReLU Sigmoid SinLU Softmax Step",
    "activations-plus": """isrlu pelu swish dual_line tanh_exp aria2 isru resp erf_act pserf hat penalized_tanh
        sparsemax entmax maxout soft_clipping""",
    "echo-ai": """weighted_tanh mish silu aria2 beta_mish eswish swish elish hard_elish mila sineReLU fts sqnl isru
        isrlu bent_id soft_clipping SReLU APL BReLU Maxout SoftExponential""",
}
