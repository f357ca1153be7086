"""The heart: what an activation is, how one is declared, and the way of a call.

A definition is a body, and one rule for each argument it is differentiated by::

    @activation(tex=r"x\\,\\tanh(\\log(1 + e^x))", paper="Misra 2019, arXiv:1908.08681")
    def mish(x, /, *, xp):
        \"\"\"Self-gated and non-monotonic: dips to about -0.31 near x = -1.19.\"\"\"
        return xp.x_tanh_softplus(x)

    @mish.derivative
    def _(x, xp):
        return xp.x_tanh_softplus_derivative(x)

The signature is the declaration (see ``_signature``). A call goes: public function, bound arguments, backend of
the first array, body or rule with that backend's ``xp``, result.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from xact import backends
from xact._arguments import documentation
from xact._bound import as_json, differs, equal, hashable, normal, rebound
from xact._conditions import Condition, numbers_of, parse
from xact._declared import check_declaration, check_signature
from xact._display import Displayed
from xact._errors import DefinitionError, MissingRuleError
from xact._operands import check_kind, check_options, check_values, prepare
from xact._register import add_rule
from xact._register import catalogue as catalogue
from xact._saved import Saved
from xact._second import declare_second
from xact._signature import Declaration, Expression, bind, by_position, signature_of, signature_text


@dataclass(frozen=True, eq=False, repr=False)
class Activation(Displayed, Saved, Declaration):
    """A function of the catalogue: callable, hashable, picklable by its qualified name.

    Every activation keeps the shape, the dtype, the device and the memory layout of its first array, never
    writes to its inputs, and works on any array the array API standard describes. float16 and bfloat16 are computed
    in float32 and rounded once. Raises `DtypeError` for dtypes it does not take, `ShapeError` where a parameter
    does not fit the array, `TypeError` and `ValueError` for arguments it does not have.
    """

    name: str
    key: str
    body: Expression
    tex: str
    paper: str
    module: str
    layout: str | None = None
    learnable: Mapping[str, float | tuple[float, ...]] = field(default_factory=dict)
    shared: tuple[str, ...] = ()
    logscale: bool = False
    inplace: bool = False
    integers: str | None = None
    requires: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    kinks: Mapping[Any, Any] = field(default_factory=dict)
    arguments: Mapping[str, str] = field(default_factory=dict)
    budget: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    original: "Activation | None" = None
    replaced: Mapping[str, Any] = field(default_factory=dict)
    rules: dict[str, Expression] = field(default_factory=dict)
    pullbacks: dict[str, Expression] = field(default_factory=dict)
    pushforwards: dict[str, Expression] = field(default_factory=dict)
    samplers: dict[str, Expression] = field(default_factory=dict)
    slopes: dict[str, "Activation"] = field(default_factory=dict)  # derivatives with a rule of their own
    conditions: tuple[Condition, ...] = field(init=False)

    def __post_init__(self) -> None:
        for name in ("__module__", "__qualname__", "__name__"):
            object.__setattr__(self, name, getattr(self.body.function, name))
        self.settle()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not args:
            args = by_position(self, args, kwargs)
        if self.key not in backends.definitions:
            raise MissingRuleError(f"{self.name} has no rule for `{self.missing[0]}` yet; write {self.how_to}")
        # As `backends.of`, whose call would show in the time of a small array.
        backend = backends.known.get(type(args[0])) or backends.find(args[0], self.name)
        if backend is backends.deferred:
            return backends.record(self, args, kwargs)
        if kwargs or len(args) != 1 or not self.plain:
            backend, operands, options, inplace = prepare(self, backend, args, kwargs)
            return backend.apply(self, operands, options, inplace)
        return backend.apply(self, args + self.default_parameters, self.default_options, False)

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Split a call into its arrays and the value of every other public name."""
        count = len(self.arrays)
        if kwargs and len(args) < count:
            kwargs = dict(kwargs)
            args = by_position(self, args, kwargs)
        if self.layout and len(args) > 1 and args[1] is None:
            args = (args[0], *args[2:])
        if self.layout and (
            len(args) < 2 or (isinstance(args[1], (int, float, str)) and not hasattr(args[1], "dtype"))
        ):
            count = 1
        if len(args) < count:
            needed = "an array" if count == 1 else f"{count} arrays, {' and '.join(self.arrays)}"
            raise TypeError(f"{self.name} needs {needed}; its signature is {self.usage}")
        return args[:count], bind(self.name, self.defaults, args[count:], kwargs, arrays=self.shown)

    def settle(self) -> None:
        """Work out what follows from the signatures and the kinds of rules."""
        more = {"axis": -1, "layout": self.layout} if self.layout else {}
        more |= {"inplace": False} if self.inplace else {}
        sampler = next(iter(self.samplers.values()), None)
        self._declare(self.body, sampler, self.pullbacks, more, self.replaced)
        # A sampler's numbers are known only when it is declared.
        known = [text for text in self.requires if {*text.split()} & {*self.defaults}]
        object.__setattr__(self, "conditions", tuple(parse(text, tuple(self.defaults)) for text in known))
        public = {**({"other": None} if self.layout else {}), **(self.original or self).defaults}
        usage = signature_text(self.name, public, self.shown)
        object.__setattr__(self, "__doc__", documentation(self, usage, (*self.shown, *public)))

    def rules_for(self, name: str) -> list[Expression]:
        kinds = (self.rules, self.pullbacks, self.pushforwards)
        return [rules[name] for rules in kinds if name in rules]

    @property
    def missing(self) -> tuple[str, ...]:
        """The arrays, and what the Module learns, that still lack a rule."""
        needed = (*self.arrays, *self.learnable)
        return tuple(name for name in needed if name not in self.rules and name not in self.pullbacks)

    @property
    def shown(self) -> tuple[str, ...]:
        """The arrays as the signature names them: a gate takes one or two."""
        return ("x",) if self.layout else self.arrays

    @property
    def usage(self) -> str:
        return signature_text(self.name, self.defaults, self.shown)

    def kinks_at(self, values: Mapping[str, Any]) -> dict[float, Any]:
        """The kinks and the derivatives there, for these values of the arguments."""
        return numbers_of(self.kinks, values)

    @property
    def how_to(self) -> str:
        kind = "pullback" if isinstance(self.learnable.get(self.missing[0]), tuple) else "derivative"
        return f'`@{self.name}.{kind}("{self.missing[0]}")` above a function of the names it uses and `xp`'

    @property
    def __signature__(self) -> inspect.Signature:
        return signature_of(self.shown, "other" if self.layout else None, self.defaults)

    # The rules

    def derivative(self, argument: Any = None, *, order: int = 1) -> Any:
        """Declare the elementwise derivative by an argument (the first array if none is named), or the second one."""
        if order != 1:
            return lambda function: declare_second(self, argument or self.body.arrays[0], function, order)
        return self._rule(self.rules, argument, f"xact.derivative(xact.{self.name})(x)")

    def pullback(self, argument: Any) -> Any:
        """Declare how a cotangent is pulled back, for an array whose elements along an axis are mixed, or for a
        parameter that is a vector of coefficients.

        The function names ``dy``, the cotangent. An array's pullback serves as pushforward too where the Jacobian
        is symmetric.
        """
        return self._rule(self.pullbacks, argument, f"xact.vjp(xact.{self.name}, x)")

    def pushforward(self, argument: Any) -> Any:
        """Declare how a tangent is pushed forward, where the Jacobian is not symmetric.

        The function names the tangent by the argument with a ``d`` before it: ``dx``.
        """
        return self._rule(self.pushforwards, argument, f"xact.vjp(xact.{self.name}, x)")

    def sample(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Declare how the random argument of the body (its last array) is drawn."""
        return add_rule(self, self.samplers, self.body.arrays[-1], function)

    def _rule(self, rules: dict[str, Expression], argument: Any, instead: str) -> Any:
        if isinstance(argument, str):
            return lambda function: add_rule(self, rules, argument, function)
        if argument is None:
            raise DefinitionError(f"write @{self.name}.derivative without brackets, or with the name of an argument")
        if not inspect.isfunction(argument):
            raise TypeError(f"this declares a rule; to evaluate it use {instead}")
        return add_rule(self, rules, self.body.arrays[0], argument)

    # Identity

    def replace(self, **values: Any) -> "Activation":
        """The bound activation: the same function with other defaults."""
        values = {name: normal(value, name in self.vectors) for name, value in values.items()}
        bound = bind(self.name, self.defaults, (), values, complete=False)
        for label in self.body.parameters:
            if label in values:
                check_kind(self, label, values[label])
        check_values(self, bound)
        check_options(self, bound)
        unbound = self.original or self
        new = {name: value for name, value in bound.items() if differs(value, unbound.defaults[name])}
        return replace(unbound, original=unbound, replaced=new) if new else unbound

    @property
    def spec(self) -> dict[str, Any]:
        """The activation as JSON: `xact.get(activation.spec) == activation`. Raises `TypeError` for a bound array."""
        return {"name": self.name, **as_json(self.name, self.replaced)}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Activation):
            return NotImplemented
        return self.body is other.body and equal(self.replaced, other.replaced)

    def __hash__(self) -> int:
        # Asked for in every call on JAX.
        return hash((self.key, hashable(self.replaced))) if self.replaced else hash(self.key)

    def __repr__(self) -> str:
        home = "xact" if f"{self.__module__}".startswith("xact.") else self.__module__
        values = ", ".join(f"{name}={value!r}" for name, value in self.replaced.items())
        return f"{home}.{self.name}({values})" if values else f"{home}.{self.name}"

    def __reduce__(self) -> Any:
        if self.replaced:
            return rebound, (self.original, dict(self.replaced))
        return self.body.function.__qualname__


def activation(
    bare: None = None,
    /,
    *,
    tex: str = "",
    paper: str = "",
    module: str | None = None,
    layout: str | None = None,
    learnable: Mapping[str, float | tuple[float, ...]] | None = None,
    shared: tuple[str, ...] = (),
    logscale: bool = False,
    inplace: bool = False,
    integers: str | None = None,
    requires: tuple[str, ...] = (),
    aliases: tuple[str, ...] = (),
    kinks: Mapping[Any, Any] | None = None,
    arguments: Mapping[str, str] | None = None,
    budget: Mapping[str, tuple[float, str]] | None = None,
) -> Callable[[Callable[..., Any]], Activation]:
    r"""Declare an activation; it enters the catalogue with its last required rule.

    tex: the paper's formula, shown in the documentation and evaluated by the tests as the truth.
    paper: author, year, arXiv number or title.
    module: name of the torch Module, where it is not the function's name in CamelCase.
    layout: for a gate, which half of a packed array is the gate: ``gate_first``, ``value_first``, ``interleaved``.
    learnable: parameters the Module learns, with their initial values.
    shared: those of them that a Module has once, however many `num_parameters` it has of the others.
    logscale: whether the Module has a `logscale`, to learn the logarithms of these parameters in their place.
    inplace: whether torch.nn's function of this name has ``inplace``.
    integers: ``"keep"`` or ``"float"`` where torch's function accepts integers and returns one or the other;
    ``"keep, bool"`` or ``"float, bool"`` where it accepts booleans too.
    requires: comparisons that the numbers of a call satisfy, such as ``"lambd >= 0"`` or ``"lower <= upper"``.
    aliases: other names of the function.
    kinks: points without a derivative, and the derivative chosen there: numbers, or expressions of arguments.
    arguments: a line on each parameter and option of its own, shown by ``help``.
    budget: looser bounds of the contract, each with its reason.

    Raises `DefinitionError` where the signature, a rule, or one of these says what cannot be right.
    """
    if bare is not None:
        raise DefinitionError(f"write @activation() with brackets above `{getattr(bare, '__name__', bare)}`")
    fields: dict[str, Any] = {"layout": layout, "learnable": learnable or {}, "inplace": inplace, "integers": integers}
    fields |= {
        "shared": shared,
        "logscale": logscale,
        "requires": requires,
        "aliases": aliases,
        "kinks": kinks or {},
        "arguments": arguments or {},
    }

    def declare(function: Callable[..., Any]) -> Activation:
        check_signature(function)
        name, body = function.__name__, Expression.of(function)
        check_declaration(name, body, module, fields)
        given = {**fields, "module": module or "".join(part.capitalize() for part in name.split("_"))}
        return Activation(
            name=name, key=backends.new_key(name), body=body, tex=tex, paper=paper, budget=budget or {}, **given
        )

    return declare
