"""Activations of images that hold small layers of their own: FReLU and Meta-ACON."""

from typing import Any

import torch

from xact.activations.combining import funnel
from xact.activations.learnable import acon_c
from xact.nn._spec import spec_of_spatial


class FReLU(torch.nn.Module):
    """The funnel rectifier, max(x, t): t is a depthwise convolution of x, normalized over the batch.

    x: (N, channels, H, W). Ma, Zhang & Sun 2020, Funnel Activation for Visual Recognition, arXiv:2007.11824; the
    layers are named as in the code of the paper.

    channels: of the images.
    kernel_size: of the convolution, an odd number.
    """

    def __init__(self, channels: int, kernel_size: int = 3, *, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"FReLU: `kernel_size` must be odd, so that the image keeps its size; got {kernel_size}")
        self.channels, self.kernel_size = channels, kernel_size
        self.conv_frelu = torch.nn.Conv2d(
            channels, channels, kernel_size, padding=kernel_size // 2, groups=channels, device=device, dtype=dtype
        )
        self.bn_frelu = torch.nn.BatchNorm2d(channels, device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Fill the parameters, and those of the layers, with what they start from."""
        self.conv_frelu.reset_parameters()
        self.bn_frelu.reset_parameters()

    @property
    def spec(self) -> dict[str, Any]:
        """The Module as JSON: `xact.nn.from_spec(module.spec)` makes another."""
        return spec_of_spatial(self)

    def forward(self, input: torch.Tensor) -> Any:
        return funnel(input, self.bn_frelu(self.conv_frelu(input)))


class MetaACON(torch.nn.Module):
    """acon_c whose beta each image chooses for each channel: two layers on the means of the channels, then a sigmoid.

    x: (N, channels, H, W). Ma et al. 2021, Activate or Not: Learning Customized Activation, arXiv:2009.04759; the
    layers are named and shaped as in the code of the paper, p1 and p2 start as there, from a standard normal.

    channels: of the images.
    reduction: the layer between has max(reduction, channels // reduction) channels.
    normalize: whether the two layers are followed by batch normalization, as in the code of the paper; it needs more
    than one image in training.
    """

    def __init__(
        self, channels: int, reduction: int = 16, normalize: bool = True, *, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        place = {"device": device, "dtype": dtype}
        hidden = max(reduction, channels // reduction)
        self.channels, self.reduction, self.normalize = channels, reduction, normalize
        self.p1 = torch.nn.Parameter(torch.randn(1, channels, 1, 1, **place))
        self.p2 = torch.nn.Parameter(torch.randn(1, channels, 1, 1, **place))
        self.fc1 = torch.nn.Conv2d(channels, hidden, 1, **place)
        self.bn1 = torch.nn.BatchNorm2d(hidden, **place) if normalize else torch.nn.Identity()
        self.fc2 = torch.nn.Conv2d(hidden, channels, 1, **place)
        self.bn2 = torch.nn.BatchNorm2d(channels, **place) if normalize else torch.nn.Identity()

    def reset_parameters(self) -> None:
        """Fill the parameters, and those of the layers, with what they start from."""
        with torch.no_grad():
            self.p1.normal_()
            self.p2.normal_()
        for layer in (self.fc1, self.bn1, self.fc2, self.bn2):
            if not isinstance(layer, torch.nn.Identity):
                layer.reset_parameters()

    @property
    def spec(self) -> dict[str, Any]:
        """The Module as JSON: `xact.nn.from_spec(module.spec)` makes another."""
        return spec_of_spatial(self)

    def forward(self, input: torch.Tensor) -> Any:
        means = input.mean(dim=(2, 3), keepdim=True)
        beta = torch.sigmoid(self.bn2(self.fc2(self.bn1(self.fc1(means)))))
        return acon_c(input, self.p1, self.p2, beta)
