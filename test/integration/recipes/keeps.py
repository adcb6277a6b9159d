"""Reads messages, one a line, by the rules of docs/recipes; prints the rows that are kept, those of books with their verdict."""

import json
import sys
import types
from pathlib import Path

# The rules need no client.
for name, member in (
    ("confluent_kafka", "Consumer"),
    ("confluent_kafka.schema_registry", "SchemaRegistryClient"),
    ("confluent_kafka.schema_registry.avro", "AvroDeserializer"),
    ("confluent_kafka.serialization", "MessageField"),
):
    sys.modules[name] = types.ModuleType(name)
    setattr(sys.modules[name], member, None)
sys.modules["confluent_kafka.serialization"].SerializationContext = None

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "docs" / "recipes"))
from books import Book  # noqa: E402
from reader import Rules  # noqa: E402


class Message:
    def __init__(self, at, headers):
        self.at = at
        self.bytes = [(name, value.encode()) for name, value in headers.items()]

    def topic(self):
        return self.at.split(" ")[0]

    def key(self):
        return self.at.split(" ")[1].encode()

    def headers(self):
        return self.bytes or None


rules, books = Rules(), {}
for line in sys.stdin:
    at, headers, value = json.loads(line)
    message = Message(at, headers)
    kept = rules.rows(message, value) if rules.fresh(message) else []
    if value["request_type"] == "orderbook":
        verdicts = [books.setdefault(at, Book()).read(row) for row in kept]
        print(json.dumps([[row["n"], verdict] for row, verdict in zip(kept, verdicts)]))
    else:
        print(json.dumps([[row["n"], row.get("late")] for row in kept]))
