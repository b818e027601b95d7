# SPDX-License-Identifier: MIT
"""JAX on the CPU: compiled gradients, a small training, a device count, an error of its own."""
import jax
import jax.numpy as jnp

print([d.platform for d in jax.devices()])
keys = jax.random.split(jax.random.key(7), 3)
x, w = jax.random.normal(keys[0], (256, 16)), jax.random.normal(keys[1], (16, 1))
y = x @ w


@jax.jit
def step(v):
    loss, slope = jax.value_and_grad(lambda u: jnp.mean((x @ u - y) ** 2))(v)
    return v - 0.05 * slope, loss


v = jnp.zeros((16, 1))
for i in range(100):
    v, loss = step(v)
    if i % 20 == 0:
        print(i, f"{float(loss):.5f}")
print(jax.vmap(jnp.linalg.det)(jnp.stack([jnp.eye(5) * i for i in range(1, 4)])).tolist())
try:
    jnp.ones((2, 3)) @ jnp.ones((2, 3))
except TypeError as e:
    print(str(e).splitlines()[0][:60])
