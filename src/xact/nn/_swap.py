"""Exchange the activations of a model in place, with a report of every place, and back."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import torch

import xact.nn
from xact import _display
from xact.nn._functional_calls import function_name, functional_calls
from xact.nn._recognise import activation_of, classes_of
from xact.nn._replacement import replacement
from xact.nn._table import table

HEADER = ("place", "was", "is", "why")
Keys = Mapping[str | type[torch.nn.Module], Any]


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


class Seat(NamedTuple):
    """Where a Module is registered, under all the qualified names that lead there."""

    names: list[str]
    parent: torch.nn.Module
    attribute: str
    module: torch.nn.Module


def swap(
    model: torch.nn.Module,
    replacements: Keys,
    *,
    include: str | Iterable[str] = "*",
    exclude: str | Iterable[str] = (),
    dry_run: bool = False,
    change_state: bool = False,
) -> SwapReport:
    """Exchange activation Modules of a model in place, and report every place changed or left alone.

    replacements: from what is there (the name of a class, a class, or the qualified name of one Module) to what comes:
    whatever `xact.nn.Activation` takes, a Module class, or a `functools.partial` of one.
    include, exclude: glob patterns of qualified names, such as `"encoder.*"`.
    dry_run: report, and change nothing.
    change_state: allow replacements with other state_dict keys than what they replace.

    Every Module gets a replacement of its own, and one that is used in several places stays one. Mode, hooks and
    `inplace` (where the replacement has it) are kept; parameters come on the device and in the dtype of the model's,
    unknown to an optimizer that exists. Where the activation is the same, as in `{"GELU": "gelu"}`, its arguments and
    parameters are kept. Functional calls (`F.relu(x)`) are found with `torch.fx` and reported: swap leaves them alone.

    Raises, before anything is changed, `ValueError` for a key that is neither a class of torch.nn or xact.nn nor in the
    model and for replacements that change the keys of the state_dict, `TypeError` for what makes no Module.
    """
    seats = list(_seats(model))
    _check_keys(replacements, seats)
    include, exclude = _patterns(include), _patterns(exclude)
    report, made, plan = SwapReport(), {}, []
    for seat in seats:
        old, key = seat.module, _key(replacements, seat)
        if key is None and activation_of(old) is None:
            continue
        reason = "no replacement is given" if key is None else _out_of_scope(seat.names, include, exclude)
        new = None
        if key is not None and not reason:
            if id(old) not in made:
                made[id(old)] = replacement(replacements[key], old, model)
            new = made[id(old)]
            reason = "is that already" if new is None else _remark(seat, seats, new)
        report.places.append(Place(seat.names[0], _shown(old), _shown(new) if new is not None else None, reason))
        if new is not None:
            plan.append((seat, new))
    report.places += _functions_held(model)
    _look_for_calls(model, report)
    if not dry_run:
        if not change_state:
            _check_state(plan)
        report._undo += [_put(seat, new) for seat, new in plan]
        report._undo += _leave_fast_paths(model, {id(new) for _, new in plan})
    return report


def _seats(model: torch.nn.Module) -> Iterator[Seat]:
    """Every registration of a Module, once, however many names lead to the Module that holds it."""
    paths: dict[torch.nn.Module, list[str]] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        paths.setdefault(module, []).append(f"{path}." if path else "")
    for parent, prefixes in paths.items():
        for attribute, child in parent._modules.items():
            if child is not None:
                yield Seat([prefix + attribute for prefix in prefixes], parent, attribute, child)


def _key(replacements: Keys, seat: Seat) -> Any:
    """The key that names this Module, its qualified name before its class."""
    classes = classes_of(seat.module)
    candidates = (*seat.names, *classes, *(cls.__name__ for cls in classes))
    return next((key for key in candidates if key in replacements), None)


def _check_keys(replacements: Keys, seats: list[Seat]) -> None:
    used = {_key(replacements, seat) for seat in seats}
    for key in replacements:
        if isinstance(key, str) and key not in used and not hasattr(torch.nn, key) and not hasattr(xact.nn, key):
            raise ValueError(
                f"swap: the model has no Module of the class or name {key!r}, and neither torch.nn nor xact.nn has the "
                f"class; model.named_modules() lists the names"
            )


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
    """Its repr, which is the same for torch.nn's and ours, with ours marked."""
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


def _functions_held(model: torch.nn.Module) -> Iterator[Place]:
    """Attributes that hold a function, such as the `activation` of torch.nn.TransformerEncoderLayer."""
    for path, module in model.named_modules():
        for attribute, value in vars(module).items():
            if name := function_name(value):
                place = f"{path}.{attribute}" if path else attribute
                yield Place(place, f"{name}(x)", None, "a function; assign a Module, and swap finds it")


def _look_for_calls(model: torch.nn.Module, report: SwapReport) -> None:
    if activation_of(model):
        report.notes.append("the model is itself an activation: exchange it where it is made")
    try:
        calls = list(functional_calls(model))
    except Exception as error:
        # A trace runs the model's own code, which may raise anything.
        reason = str(error).partition("\n")[0]
        report.notes.append(f"functional calls not looked for: torch.fx does not trace the model ({reason})")
        return
    for call in calls:
        report.places.append(
            Place(
                call.module or "(model)",
                f"{call.function}(x)",
                None,
                f"a functional call, {call.where or 'unknown line'}",
            )
        )
