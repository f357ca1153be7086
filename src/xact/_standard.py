"""The names of the array API standard (2025.12), by what a function makes of its arrays."""

import math


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ONE = _words("""abs acos acosh asin asinh atan atanh bitwise_invert ceil conj cos cosh exp expm1 floor imag log log10
log1p log2 negative positive real reciprocal round sign sin sinh sqrt square tan tanh trunc""")
TWO = _words("""add atan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor copysign divide
floor_divide hypot logaddexp maximum minimum multiply nextafter pow remainder subtract""")
MASKS_OF_ONE = _words("isfinite isinf isnan logical_not signbit")
MASKS_OF_TWO = _words("equal greater greater_equal less less_equal logical_and logical_or logical_xor not_equal")
LIKE = _words("empty_like full_like ones_like zeros_like")
OTHERS = _words("asarray astype can_cast clip finfo iinfo isdtype result_type where")
MIXING = _words("""all any argmax argmin argsort broadcast_arrays broadcast_to concat count_nonzero cumulative_prod
cumulative_sum diff expand_dims fft flip isin linalg matmul matrix_transpose max mean meshgrid min moveaxis nonzero
permute_dims prod repeat reshape roll searchsorted sort squeeze stack std sum take take_along_axis tensordot tile tril
triu unique_all unique_counts unique_inverse unique_values unstack var vecdot""")
# Of these, what takes all elements where no axis is given.
OVER_ALL = _words("all any argmax argmin count_nonzero flip max mean min nonzero prod repeat roll std sum var")
# Arrays of a shape of their own.
MADE = _words("arange broadcast_shapes empty eye from_dlpack full linspace ones zeros")
NUMBERS = {"e": math.e, "inf": math.inf, "nan": math.nan, "newaxis": None, "pi": math.pi}
# In the order of promotion.
DTYPES = _words("bool int8 uint8 int16 uint16 int32 uint32 int64 uint64 float32 float64 complex64 complex128")

ELEMENTWISE = (*ONE, *TWO, *MASKS_OF_ONE, *MASKS_OF_TWO, *LIKE, *OTHERS)
