"""Run by test_transforms on two devices of one CPU: sharding in, the same sharding out, nothing gathered."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

sys.path.insert(0, str(Path(__file__).parents[1]))

import cases

mesh = Mesh(jax.devices(), ("data",))
assert mesh.size == 2

for case in cases.simple((4, 6, 8)):
    sharding = NamedSharding(mesh, PartitionSpec("data"))
    arrays = [jax.device_put(jnp.asarray(array, jnp.float32), sharding) for array in case.arrays]
    plain = case.call(*(jnp.asarray(array, jnp.float32) for array in case.arrays))
    eager = case.call(*arrays)

    def pull(*arrays, case=case):
        y, pullback = jax.vjp(case.call, *arrays)
        return y, pullback(y)

    compiled = jax.jit(pull).lower(*arrays).compile()
    y, gradients = compiled(*arrays)
    for array in (eager, y, *gradients):
        assert array.dtype == jnp.float32
        assert array.sharding.is_equivalent_to(sharding, array.ndim), (case, array.sharding)
    assert jnp.array_equal(eager, plain)
    for collective in ("all-gather", "all-reduce", "all-to-all", "collective-permute"):
        assert collective not in compiled.as_text(), (case, collective)
    print(case.activation.name)
