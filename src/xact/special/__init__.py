"""The special functions of the catalogue, written in the array API standard alone.

One file per family; the names in its `__all__` become attributes of every `Namespace`. Arguments are float32
or float64 arrays; elsewhere numbers are Python's, which take the array's precision. "Error: 1.5 / 1.2 ULP" is
the bound, for float32 and float64, that tests/test_special.py asserts on every library, in units in the last
place of the exact result; some libraries' exp contributes 2.4 of them. Results below the smallest normal
number count for nothing: they may be flushed, and so may products with an exponential below it.
"""
