"""Random pairs of CSV files in the shapes in which people's files come: all kinds of columns, sizes, quotes, ends of lines
and words for what is missing."""

import csv

import numpy as np

MISSING = ["", "NA", "nan", "NaN", "NULL", "None", "#N/A", "n/a", "<NA>", "null"]
INFINITE = ["inf", "-inf", "Infinity", "+inf", "-INF"]
WORDS = ["a", "b", "Yes", "No", "Fiber optic", "Zürich", "日本", "a,b", 'say "hi"', "two\nlines", " padded ", "-", "1_000", "0x1F",
         "é", "Z", "z", "12h", "2026-11-29", "€"]
SIZES = [1, 1, 2, 3, 7, 30, 60, 200, 400, 999, 1000, 1001, 2500]


# Each kind of column: `choices` draws what both files have in common, `rng` the values.


def floats(choices, rng, rows, shift):
    scale = choices.choice([1e-300, 1e-12, 1e-4, 1.0, 1.0, 1.0, 1e6, 1e15, 1e300])
    decimals = choices.choice([0, 1, 3, 12])
    is_rounded = 1e-6 < scale < 1e9 and choices.random() < 0.6
    values = scale * rng.normal(shift, 1.0 + shift / 3, rows)
    return [repr(float(value)) for value in (np.round(values, decimals) if is_rounded else values)]


def ints(choices, rng, rows, shift):
    width = int(choices.choice([1, 2, 3, 15, 20, 21, 40, 100_000]))
    start = int(choices.choice([0, 0, 0, -5, 1, 10**9, -(10**15)]))
    moved = int(shift * choices.choice([0, 1, 5]))
    return [str(start + moved + int(value)) for value in rng.integers(0, width, rows)]


def flags(choices, rng, rows, shift):
    # Each file has a spelling of its own.
    spelling = [("False", "True"), ("false", "true"), ("FALSE", "TRUE")][rng.integers(0, 3)]
    return [spelling[int(value)] for value in rng.random(rows) < 0.3 + shift / 5]


def words(choices, rng, rows, shift):
    count = int(choices.choice([1, 2, 3, 9, len(WORDS) - 1])) + (1 if shift else 0)
    first = int(choices.integers(0, len(WORDS)))
    return [WORDS[(first + int(at)) % len(WORDS)] for at in rng.choice(count, rows, p=rng.dirichlet(np.full(count, 2.0)))]


def ids(choices, rng, rows, shift):
    return [f"id{number}" for number in rng.integers(0, 500 + int(1000 * shift), rows)]


def few(choices, rng, rows, shift):
    count, divisor = int(choices.integers(1, 9)), choices.choice([1, 1, 3])
    return [repr(float(value / divisor + int(shift))) for value in rng.integers(0, count, rows)]


def constant(choices, rng, rows, shift):
    return [str(7.25 + (shift if choices.random() < 0.5 else 0))] * rows


def codes(choices, rng, rows, shift):
    """Numbers only where chance leaves the letter out."""
    known = ["1", "2", "10", "x"][: int(choices.choice([3, 4]))]
    return [known[at] for at in rng.integers(0, len(known), rows)]


KINDS = [floats, floats, ints, ints, flags, words, ids, few, few, constant, codes]


def column(kind, choices, rng, rows, shift):
    text = kind(choices, rng, rows, shift)
    missing = rng.choice([0, 0.02, 0.3, 1.0], p=[0.7, 0.13, 0.13, 0.04])
    marker = MISSING[rng.integers(0, len(MISSING))]
    infinite = 0.1 if kind in (floats, few) and rng.random() < 0.25 else 0.0
    for row in range(rows):
        if rng.random() < missing:
            text[row] = marker
        elif rng.random() < infinite:
            text[row] = INFINITE[rng.integers(0, len(INFINITE))]
    return text


def write_pair(rng, paths, columns=9):
    """Writes a random pair of files that share these columns; each has one more that the other has not."""
    sizes = [int(rng.choice(SIZES)) for _ in range(2)]
    if rng.random() < 0.05:
        sizes[rng.integers(0, 2)] = 0
    elif rng.random() < 0.05:
        sizes = [[12_000, 300], [200, 10_001], [10_500, 15_000]][rng.integers(0, 3)]
    sides = {"only before": ["x"] * sizes[0]}, {"only after": ["1"] * sizes[1]}
    for number in range(columns):
        kind, seed = KINDS[rng.integers(0, len(KINDS))], int(rng.integers(0, 1 << 40))
        for side, shift in enumerate([0.0, rng.choice([0.0, 0.0, 0.1, 0.5, 2.0])]):
            sides[side][f"c{number}"] = column(kind, np.random.default_rng(seed), rng, sizes[side], shift)
    for data, rows, path in zip(sides, sizes, paths):
        write(rng, data, rows, path)


def write(rng, data, rows, path):
    names = list(data)
    rng.shuffle(names)
    end = ["\n", "\r\n"][rng.integers(0, 2)]
    with open(path, "w", newline="", encoding=["utf-8", "utf-8-sig"][rng.integers(0, 2)]) as file:
        quoting = [csv.QUOTE_MINIMAL, csv.QUOTE_ALL][rng.integers(0, 2)]
        writer = csv.writer(file, lineterminator=end, quoting=quoting)
        writer.writerow(names)
        writer.writerows(zip(*(data[name] for name in names)))
        if rng.random() < 0.2:
            file.write(end)
