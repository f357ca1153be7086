"""torchvision, which timm and transformers import: a wheel that was built for another torch has no operators, and asks
for two of them when it is imported.
"""

import importlib
import importlib.util

if importlib.util.find_spec("torchvision"):
    import torch

    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
