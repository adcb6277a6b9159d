"""Rebuilds order books from rows by the reader's rule, the same for every exchange, and shows the best levels.

Rows come as JSON, one a line, as reader.py prints them: python3 reader.py orderbook-data.asia | python3 books.py

A reader may begin anywhere: a book is whole from its first SNAPSHOT row on, a KEYFRAME is one. After a hole, which a gap
on ws.event explains, it is whole again with the next.
"""

import json
import sys


class Book:
    """One code of one exchange. Prices and sizes are the doubles of the rows; a side is {price: size}."""

    def __init__(self):
        self.bids, self.asks = {}, {}
        self.sequence = None
        self.whole = False

    def read(self, row):
        """Applies a row where the rule says so. Returns 'applied', 'past', 'hole', or 'waits' for a first SNAPSHOT."""
        verdict = "applied" if row["type"] == "SNAPSHOT" else self.verdict(row["prev_sequence"], row["sequence"])
        if verdict == "hole":
            self.whole = False
        if verdict != "applied":
            return verdict
        if row["type"] == "SNAPSHOT":
            self.bids, self.asks, self.whole = {}, {}, True
        for side, levels in ((self.bids, row["bids"]), (self.asks, row["asks"])):
            for level in levels:
                if level["size"] == 0:
                    side.pop(level["price"], None)
                else:
                    side[level["price"]] = level["size"]
        if row["depth"] is not None:
            self.bids, self.asks = dict(self.best(True, row["depth"])), dict(self.best(False, row["depth"]))
        if row["type"] == "SNAPSHOT" or row["sequence"] is not None:
            self.sequence = row["sequence"]
        return verdict

    def verdict(self, previous, sequence):
        """What a DELTA is to the book: its next change, one that it has had, or one behind a hole."""
        if not self.whole:
            return "waits"
        if sequence is None or self.sequence is None or previous == self.sequence:
            return "applied"
        if sequence <= self.sequence:
            return "past"
        return "hole" if previous is not None and previous > self.sequence else "applied"

    def best(self, buys, count=None):
        """The best levels of a side as (price, size), best first."""
        return sorted((self.bids if buys else self.asks).items(), reverse=buys)[:count]


def main():
    books = {}
    for line in sys.stdin:
        row = json.loads(line)
        book = books.setdefault((row["exchange"], row["code"]), Book())
        if book.read(row) == "applied" and book.bids and book.asks:
            (bid, bid_size), (ask, ask_size) = book.best(True, 1)[0], book.best(False, 1)[0]
            print(row["exchange"], row["code"], book.sequence, bid_size, bid, ask, ask_size, flush=True)


if __name__ == "__main__":
    main()
