"""Exchange the activations of a model in place, with a report of every place, and back."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import torch

from xact import _display
from xact.nn._functional_calls import function_name, functional_calls
from xact.nn._keys import Key, Keys, Seat, seats_of
from xact.nn._recognise import Unknown, activation_of, is_activation
from xact.nn._replacement import replacement
from xact.nn._table import table

HEADER = ("place", "was", "is", "why")


@dataclass(frozen=True)
class Place:
    """One place where a model uses an activation: what was there, what is there now (None: left alone), and why."""

    name: str
    old: str
    new: str | None
    reason: str


@dataclass(repr=False)
class SwapReport:
    """What `swap` did: printed, a table; `undo()` puts the old Modules back."""

    places: list[Place] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _undo: list[Callable[[], None]] = field(default_factory=list)

    @property
    def changed(self) -> list[Place]:
        """The places with another activation now; after a dry run, those that would have."""
        return [place for place in self.places if place.new is not None]

    @property
    def left(self) -> list[Place]:
        """The places left alone, functional calls among them."""
        return [place for place in self.places if place.new is None]

    def undo(self) -> None:
        """Put the very Modules back that were there, in the mode (train or eval) of those that go."""
        while self._undo:
            self._undo.pop()()

    def __repr__(self) -> str:
        return "\n".join([table(HEADER, self._rows()), *self._closing()])

    def _repr_html_(self) -> str:
        return _display.table(HEADER, self._rows(), below=self._closing())

    def _rows(self) -> list[tuple[str, ...]]:
        return [(place.name, place.old, place.new or "-", place.reason) for place in self.places]

    def _closing(self) -> list[str]:
        return [f"{len(self.changed)} changed, {len(self.left)} left alone", *self.notes]


def swap(
    model: torch.nn.Module,
    replacements: Mapping[Key, Any],
    *,
    include: str | Iterable[str] = "*",
    exclude: str | Iterable[str] = (),
    dry_run: bool = False,
    change_state: bool = False,
) -> SwapReport:
    """Exchange activation Modules of a model in place, and report every place changed or left alone.

    replacements: from what is there (the qualified name of one Module, a class, the name of a class or of an
    activation) to what comes: whatever `xact.nn.Activation` takes, a Module class, or a `functools.partial` of one.
    include, exclude: glob patterns of qualified names, such as `"encoder.*"`.
    dry_run: report, and change nothing.
    change_state: allow replacements with other state_dict keys than what they replace.

    Every Module gets a replacement of its own, and one that is used in several places stays one. Mode, hooks and
    `inplace` (where the replacement has it) are kept; parameters come on the device and in the dtype of the model's,
    unknown to an optimizer that exists. Where the activation is the same, as in `{"GELU": "gelu"}`, its arguments and
    parameters are kept. Functional calls (`F.relu(x)`) are found with `torch.fx` and reported: swap leaves them alone.

    A Module whose class says nothing is known by what a copy of it returns on a grid of numbers, if it has no Modules
    inside. What looks like an activation and computes none of the catalogue is reported as left alone, with the reason.

    Raises, before anything is changed, `ValueError` for a key that names nothing in the model and for replacements that
    change the keys of the state_dict, `TypeError` for what makes no Module.
    """
    if not isinstance(replacements, Mapping):
        raise TypeError(
            f"swap takes a mapping from what is there to what comes, such as {{'ReLU': 'silu'}}, got {replacements!r}"
        )
    seats, keys = list(seats_of(model)), Keys(replacements)
    include, exclude = _patterns(include), _patterns(exclude)
    report, made, plan = SwapReport(), {}, []
    for seat in seats:
        old, key = seat.module, keys.of(seat)
        if key is None and (seat.found is None or type(old) is torch.nn.Identity):
            continue
        reason = _out_of_scope(seat.names, include, exclude) if key is not None else _left(seat)
        new = None
        if key is not None and not reason:
            if id(old) not in made:
                made[id(old)] = replacement(replacements[key], old, model)
            new = made[id(old)]
            reason = "is that already" if new is None else _remark(seat, seats, new)
        report.places.append(Place(seat.names[0], _shown(old), _shown(new) if new is not None else None, reason))
        if new is not None:
            plan.append((seat, new))
    replaced = {name for seat, _ in plan for name in seat.names}
    functions = [*_functions_held(model, replaced), *_functions_called(model, replaced, report.notes)]
    report.places += functions
    if activation_of(model):
        report.notes.append("the model is itself an activation: exchange it where it is made")
    keys.check(model, seats, [place.old.removesuffix("(x)") for place in functions])
    if not dry_run:
        if not change_state:
            _check_state(plan)
        report._undo += [_put(seat, new) for seat, new in plan]
        report._undo += _leave_fast_paths(model, {id(new) for _, new in plan})
    return report


def _patterns(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _out_of_scope(names: list[str], include: Iterable[str], exclude: Iterable[str]) -> str:
    """Why the patterns leave a place alone; empty if they do not."""
    for pattern in exclude:
        if any(fnmatchcase(name, pattern) for name in names):
            return f"excluded by {pattern!r}"
    included = any(fnmatchcase(name, pattern) for name in names for pattern in include)
    return "" if included else "not included"


def _shown(module: torch.nn.Module) -> str:
    """Its repr, which is the same for torch.nn's and ours, with ours marked; of one that holds Modules, its class."""
    if module._modules:
        return f"{type(module).__name__}(...)"
    return f"xact.nn.{module!r}" if type(module).__module__.startswith("xact.nn") else repr(module)


def _remark(seat: Seat, seats: list[Seat], new: torch.nn.Module) -> str:
    same = [name for other in seats if other.module is seat.module for name in other.names if name != seat.names[0]]
    remarks = [f"one Module with {', '.join(same)}"] if same else []
    added, removed = _state_changes(seat.module, new)
    remarks += [f"adds {', '.join(added)} to the state_dict"] if added else []
    remarks += [f"removes {', '.join(removed)} from the state_dict"] if removed else []
    if getattr(seat.module, "inplace", False) and not getattr(new, "inplace", False):
        remarks.append("not in place")
    return "; ".join(remarks)


def _state_changes(old: torch.nn.Module, new: torch.nn.Module) -> tuple[list[str], list[str]]:
    before, after = old.state_dict().keys(), new.state_dict().keys()
    return sorted(after - before), sorted(before - after)


def _check_state(plan: list[tuple[Seat, torch.nn.Module]]) -> None:
    changing = [(seat.names[0], type(new).__name__) for seat, new in plan if any(_state_changes(seat.module, new))]
    if changing:
        name, kind = changing[0]
        more = f" and {len(changing) - 1} more" if len(changing) > 1 else ""
        raise ValueError(
            f"swap: {kind} at {name!r}{more} changes the keys of the state_dict, so that checkpoints no longer load; "
            "pass change_state=True to allow it"
        )


def _put(seat: Seat, new: torch.nn.Module) -> Callable[[], None]:
    """Register the new Module; returns what puts the old one back."""
    modules, old = seat.parent._modules, seat.module
    modules[seat.attribute] = new

    def restore() -> None:
        old.train(new.training)
        modules[seat.attribute] = old

    return restore


def _leave_fast_paths(model: torch.nn.Module, new: set[int]) -> list[Callable[[], None]]:
    """Let torch's encoders call the new activation.

    They note at construction whether it is ReLU or GELU, and in eval mode compute that one, the Module uncalled.
    """
    restores: list[Callable[[], None]] = []
    for module in model.modules():
        if new.isdisjoint(id(inner) for inner in module.modules()):
            continue
        for cls, attribute, value in (
            (torch.nn.TransformerEncoderLayer, "activation_relu_or_gelu", 0),
            (torch.nn.TransformerEncoder, "use_nested_tensor", False),
        ):
            if isinstance(module, cls):
                restores.append(functools.partial(setattr, module, attribute, getattr(module, attribute)))
                setattr(module, attribute, value)
    return restores


def _left(seat: Seat) -> str:
    """Why a Module that no key names is left alone."""
    return seat.found.reason if isinstance(seat.found, Unknown) else "no replacement is given"


def _functions_held(model: torch.nn.Module, replaced: set[str]) -> Iterator[Place]:
    """Attributes that hold a function, such as the `activation` of torch.nn.TransformerEncoderLayer."""
    for path, module in model.named_modules():
        # What an activation holds is a part of it.
        if path in replaced or (path and is_activation(module)):
            continue
        for attribute, value in vars(module).items():
            if name := function_name(value):
                place = f"{path}.{attribute}" if path else attribute
                yield Place(place, f"{name}(x)", None, "a function; assign a Module, and swap finds it")


def _functions_called(model: torch.nn.Module, replaced: set[str], notes: list[str]) -> Iterator[Place]:
    try:
        calls = list(functional_calls(model))
    except Exception as error:
        # A trace runs the model's own code, which may raise anything.
        reason = str(error).partition("\n")[0]
        notes.append(f"functional calls not looked for: torch.fx does not trace the model ({reason})")
        return
    for call in calls:
        if not any(f"{call.module}.".startswith(f"{name}.") for name in replaced):
            where = f"a functional call, {call.where or 'unknown line'}"
            yield Place(call.module or "(model)", f"{call.function}(x)", None, where)
