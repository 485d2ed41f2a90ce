"""Samples that Python and Rust make alike, so that a case is a line and not a file of numbers.

Every operation on floating point numbers here is exact or rounded once, in the same order as in
tests/it/samples.rs; random bits are splitmix64's.
"""

MASK = (1 << 64) - 1


def bits(seed):
    """An endless stream of numbers in [0, 1) with 53 random bits."""
    state = seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield ((z ^ (z >> 31)) >> 11) / (1 << 53)


def sample(spec):
    """The values of a sample: floats, ints or strings, None for a missing one.

    spec: seed, rows, shape (even, skewed, bell), distinct (0: as many as rows), offset, scale, kind (float, int,
    word), missing (every so many; 0 for none), infinite (the same; absent for none).
    """
    draws = bits(spec["seed"])
    values = []
    for row in range(spec["rows"]):
        a, b, c = next(draws), next(draws), next(draws)
        u = {"even": a, "skewed": a * a * a, "bell": (a + b + c) / 3.0}[spec["shape"]]
        if spec["distinct"]:
            u = float(int(u * spec["distinct"]))
        value = spec["offset"] + spec["scale"] * u
        if spec["missing"] and row % spec["missing"] == spec["missing"] - 1:
            values.append(None)
        elif spec.get("infinite") and row % spec["infinite"] == spec["infinite"] - 1:
            values.append(float("-inf" if row % 2 else "inf"))
        elif spec["kind"] == "int":
            values.append(int(value))
        elif spec["kind"] == "word":
            values.append("w%d" % int(value))
        else:
            values.append(value)
    return values
