"""Statistics of one layer's outputs, channel by channel, of a stream too long to keep."""

from typing import Any

import torch

# Outputs kept for the quantiles, at most; rows of them, and rows taken from one call.
KEPT, ROWS, TAKEN = 1 << 20, 512, 64


class Layer:
    """Mean, standard deviation, quantiles, saturated and dead share of what one activation returned.

    As attributes they are numbers for the whole layer; `channels` has them per channel. `saturated` and `dead` are None
    for gates and activations along an axis.
    """

    def __init__(self, activation: str, channels: int, device: Any, dtype: Any) -> None:
        self.activation, self.width = activation, channels
        self.calls = self.count = 0
        self._mean = torch.zeros(channels, device=device, dtype=dtype)
        self._squares = torch.zeros_like(self._mean)
        # Saturated and dead inputs of each channel, and of how many rows.
        self._flat: tuple[Any, Any, int] | None = None
        # A uniform sample of the rows seen: those with the largest of keys drawn at random.
        self._rows = self._mean.new_empty(0, channels)
        self._keys = torch.empty(0, device="cpu")
        # Its own: the model draws the same numbers with a monitor as without.
        self._random = torch.Generator("cpu").manual_seed(0)

    def add(self, rows: torch.Tensor, flat: tuple[Any, Any, int] | None) -> None:
        """Take in a call: its outputs as rows of channels, how many inputs per channel are saturated and dead, of how
        many.
        """
        new = len(rows)
        # Replicas of a model live on several devices.
        rows = rows.to(self._mean.device, self._mean.dtype)
        # Chan, Golub & LeVeque 1979.
        variance, mean = torch.var_mean(rows, 0, correction=0)
        difference, total = mean - self._mean, self.count + new
        self._mean = self._mean + difference * (new / total)
        self._squares = self._squares + variance * new + difference**2 * (self.count * new / total)
        if flat is not None:
            saturated, dead, judged = self._flat or (0, 0, 0)
            device = self._mean.device
            self._flat = saturated + flat[0].to(device), dead + flat[1].to(device), judged + flat[2]
        self.count, self.calls = total, self.calls + 1
        self._sample(rows)

    def _sample(self, rows: torch.Tensor) -> None:
        taken = torch.randint(len(rows), (min(len(rows), TAKEN),), generator=self._random, device="cpu")
        self._rows = torch.cat([self._rows, rows[taken.to(rows.device)]])
        self._keys = torch.cat([self._keys, torch.rand(len(taken), generator=self._random, device="cpu")])
        capacity = max(TAKEN, min(ROWS, KEPT // max(self.width, 1)))
        if len(self._keys) > capacity:
            self._keys, kept = self._keys.topk(capacity)
            self._rows = self._rows[kept.to(rows.device)]

    @property
    def mean(self) -> float:
        return self._mean.mean().item()

    @property
    def std(self) -> float:
        within = self._squares.mean() / self.count
        return (within + self._mean.var(correction=0)).sqrt().item()

    @property
    def saturated(self) -> float | None:
        """The share of inputs where the derivative is below 1 % of its maximum."""
        return None if self._flat is None else self._flat[0].sum().item() / (self._flat[2] * self.width)

    @property
    def dead(self) -> float | None:
        """The share of inputs where the derivative is 0."""
        return None if self._flat is None else self._flat[1].sum().item() / (self._flat[2] * self.width)

    @property
    def dead_channels(self) -> int | None:
        """How many channels had the derivative 0 at every input seen."""
        return None if self._flat is None else int((self._flat[1] == self._flat[2]).sum())

    def quantile(self, q: float) -> float:
        """A quantile of a uniform sample of the outputs, up to 512 of every channel."""
        return _quantile(self._rows.flatten(), q).item()

    @property
    def channels(self) -> dict[str, torch.Tensor]:
        """One number per channel: `mean`, `std`, the quantiles `q01`, `q50` and `q99`, `saturated`, `dead`."""
        values = {"mean": self._mean.clone(), "std": (self._squares / self.count).sqrt()}
        values |= {name: _quantile(self._rows, q) for name, q in (("q01", 0.01), ("q50", 0.5), ("q99", 0.99))}
        if self._flat is not None:
            saturated, dead, judged = self._flat
            values |= {"saturated": saturated / judged, "dead": dead / judged}
        return values


def _quantile(values: torch.Tensor, q: float) -> torch.Tensor:
    # torch.quantile takes no more than 2^24 elements.
    return values.sort(0).values[round(q * (len(values) - 1))]
