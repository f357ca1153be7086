"""Run by test_jax on two devices of one CPU: sharding in, the same sharding out, nothing gathered."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

sys.path.insert(0, str(Path(__file__).parents[1]))

import cases

import xact

# What sharding does depends on the kind of an activation. The axis -3 is the one that is sharded; None is all of them.
CHOSEN = xact.names() if "--every" in sys.argv else cases.representatives()
SIMPLE = [
    case
    for case in cases.simple((4, 6, 8))
    if case.activation.name in CHOSEN and case.activation.defaults.get("axis", -1) not in (-3, None)
]
mesh = Mesh(jax.devices(), ("data",))
assert mesh.size == 2
sharding = NamedSharding(mesh, PartitionSpec("data"))
single = [[jnp.asarray(array, jnp.float32) for array in case.arrays] for case in SIMPLE]
sharded = jax.device_put(single, sharding)


def pull(inputs):
    """The value and the gradients of every activation."""
    results = {}
    for case, arrays in zip(SIMPLE, inputs, strict=True):
        y, pullback = jax.vjp(case.call, *arrays)
        results[case.activation.name] = (y, *pullback(y))
    return results


compiled = jax.jit(pull).lower(sharded).compile()
for collective in ("all-gather", "all-reduce", "all-to-all", "collective-permute"):
    assert collective not in compiled.as_text(), collective

results = compiled(sharded)
for case, arrays, alone in zip(SIMPLE, sharded, single, strict=True):
    eager = case.call(*arrays)
    # XLA compiles each size apart; softcap then differs by up to 2 ULP, nothing else does.
    ulps = 4 if case.activation.name == "softcap" else 0
    assert jnp.allclose(eager, case.call(*alone), rtol=ulps * jnp.finfo(jnp.float32).eps, atol=0), case
    for array in (eager, *results[case.activation.name]):
        assert array.dtype == jnp.float32, case
        assert array.sharding.is_equivalent_to(sharding, array.ndim), (case, array.sharding)
    print(case.activation.name)
