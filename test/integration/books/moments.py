"""Says what books the reader of docs/recipes/books.py has at given moments.

    moments.py MOMENTS.json < rows        rows in the order of their topic, one a line, with exchange and symbol

MOMENTS: [{"exchange", "symbol", "at"}, …], `at` in epoch ms of the exchange's time: a moment is behind every row of its
book whose time is not after it. Prints {"moments": [book or null, …], "last": {"exchange symbol": book},
"verdicts": {"exchange symbol": {"applied": n, …}}, "first": {"exchange symbol": index of the row that made it whole}}.
"""

import json
import sys
from os.path import dirname, join

sys.path.insert(0, join(dirname(__file__), "../../../docs/recipes"))

from books import Book  # noqa: E402


def shown(book):
    if not book.whole:
        return None
    return {"bids": book.best(True), "asks": book.best(False), "sequence": book.sequence}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        moments = json.load(file)
    waiting = {}
    for place, moment in enumerate(moments):
        waiting.setdefault(f"{moment['exchange']} {moment['symbol']}", []).append((moment["at"], place))
    for some in waiting.values():
        some.sort(reverse=True)
    found = [None] * len(moments)
    books, verdicts, first, read = {}, {}, {}, {}
    for line in sys.stdin:
        row = json.loads(line)
        key = f"{row['exchange']} {row['symbol']}"
        book = books.setdefault(key, Book())
        some = waiting.get(key, [])
        while some and row["timestamp"] // 1000 > some[-1][0]:
            found[some.pop()[1]] = shown(book)
        verdict = book.read(row)
        counts = verdicts.setdefault(key, {})
        counts[verdict] = counts.get(verdict, 0) + 1
        if book.whole:
            first.setdefault(key, read.get(key, 0))
        read[key] = read.get(key, 0) + 1
    for key, some in waiting.items():
        for _, place in some:
            if key in books:
                found[place] = shown(books[key])
    last = {key: shown(book) for key, book in books.items()}
    json.dump({"moments": found, "last": last, "verdicts": verdicts, "first": first}, sys.stdout)


if __name__ == "__main__":
    main()
