"""Rebuilds order books from rows by the reader's rule, the same for every exchange, and shows the best levels.

Rows are JSON, one a line, as reader.py prints them: python3 reader.py orderbook-data.asia | python3 books.py
A reader may begin anywhere: a book is whole from its first SNAPSHOT row on, a KEYFRAME is one. After a hole, which a gap
on ws.event explains, it is whole again with the next.
"""

import json
import sys


class Book:
    """One code of one exchange. Prices and sizes are the doubles of the rows; a side is {price: size}."""

    def __init__(self):
        self.bids, self.asks, self.sequence, self.whole = {}, {}, None, False

    def read(self, row):
        """Applies a row where the rule says so. Returns 'applied', 'past', 'hole', 'waits' for a first SNAPSHOT, or 'late'."""
        if "late" in row:
            return "late"
        verdict = self.verdict(row["type"], row["prev_sequence"], row["sequence"])
        self.whole = self.whole and verdict != "hole"
        if verdict != "applied":
            return verdict
        if row["type"] == "SNAPSHOT":
            self.bids, self.asks, self.sequence, self.whole = {}, {}, None, True
        for side, levels in ((self.bids, row["bids"]), (self.asks, row["asks"])):
            for level in levels:
                side[level["price"]] = level["size"]
                if level["size"] == 0:
                    del side[level["price"]]
        if row["depth"] is not None:
            self.bids, self.asks = dict(self.best(True, row["depth"])), dict(self.best(False, row["depth"]))
        self.sequence = self.sequence if row["sequence"] is None else row["sequence"]
        return verdict

    def verdict(self, kind, previous, sequence):
        """What a row is to the book: a whole one or its next change, one that it has had, or one behind a hole."""
        if kind == "SNAPSHOT" or not self.whole:
            return "applied" if kind == "SNAPSHOT" else "waits"
        if sequence is None or self.sequence is None or previous == self.sequence:
            return "applied"
        if sequence <= self.sequence:
            return "past"
        return "hole" if previous is not None and previous > self.sequence else "applied"

    def best(self, buys, count=None):
        """The best levels of a side as (price, size), best first."""
        return sorted((self.bids if buys else self.asks).items(), reverse=buys)[:count]


if __name__ == "__main__":
    books = {}
    for line in sys.stdin:
        row = json.loads(line)
        book = books.setdefault((row["exchange"], row["code"]), Book())
        if book.read(row) == "applied":
            print(row["exchange"], row["code"], book.sequence, book.best(True, 1), book.best(False, 1), flush=True)
