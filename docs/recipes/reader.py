"""Reads data topics by the reader's rules and prints a row a line, Avro and JSON alike.

    python3 -m venv venv && venv/bin/pip install 'confluent-kafka[avro,schemaregistry]'
    KAFKA_BOOTSTRAP_SERVERS=… SCHEMA_REGISTRY_URL=… venv/bin/python reader.py trade-data.korea

Tickers have no trade_id, and so no repeats to pass over. A secured broker: more options in `consumer` below.
"""

import json
import os
import sys
from collections import OrderedDict
from datetime import datetime, timedelta, timezone

from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

# Repeats come close to a restart: this many trades of a market are remembered.
REMEMBERED = 10_000
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Rules:
    """What has been seen. Kept in memory: a reader that must be exact over its own restart stores it with its offsets."""

    def __init__(self):
        self.fences = {}
        self.trades = {}

    def fresh(self, message):
        """Whether to keep the message: it comes from the holder of its code, from a collector that runs alone (no fence),
        or brings afterwards what was missing (late), whoever held the code then."""
        headers = dict(message.headers() or [])
        fence = headers.get("fence")
        if fence is None or "late" in headers:
            return True
        at = (message.topic(), message.key())
        if int(fence) < self.fences.get(at, 0):
            return False
        self.fences[at] = int(fence)
        return True

    def new(self, batch, row):
        """Whether the trade comes for the first time."""
        if "trade_id" not in row:
            return True
        seen = self.trades.setdefault((batch["exchange"], batch["symbol"]), OrderedDict())
        if row["trade_id"] in seen:
            return False
        seen[row["trade_id"]] = None
        if len(seen) > REMEMBERED:
            seen.popitem(last=False)
        return True

    def rows(self, message, batch):
        """The rows to keep of a message that is kept, with the identity; `late` (outbox, backfill) says that a row belongs
        where its timestamp is: a ticker or a book that is late is not that of now."""
        identity = {name: batch[name] for name in ("exchange", "symbol", "code")}
        if "late" in (headers := dict(message.headers() or [])):
            identity["late"] = headers["late"].decode()
        return [{**identity, **row} for row in batch["data"] if self.new(batch, row)]


def decoder():
    """Avro by the schema whose id a message carries, in the Confluent wire format (first byte 0); else JSON."""
    url = os.environ.get("SCHEMA_REGISTRY_URL")
    avro = AvroDeserializer(SchemaRegistryClient({"url": url})) if url else None

    def decode(message):
        value = message.value()
        if value[0] != 0:
            return json.loads(value)
        if avro is None:
            raise SystemExit("the topic holds Avro: set SCHEMA_REGISTRY_URL")
        return avro(value, SerializationContext(message.topic(), MessageField.VALUE))

    return decode


def micros(time):
    """Avro's timestamps come as datetime, JSON's as epoch microseconds: printed as these."""
    return (time - EPOCH) // timedelta(microseconds=1)


def main(topics):
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
            "group.id": os.environ.get("GROUP_ID", "reader"),
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe(topics)
    rules, decode = Rules(), decoder()
    try:
        while True:
            message = consumer.poll(1)
            if message is None:
                continue
            if message.error():
                print(message.error(), file=sys.stderr)
                continue
            if message.value() is None or not rules.fresh(message):
                continue
            for row in rules.rows(message, decode(message)):
                print(json.dumps(row, default=micros), flush=True)
    except (KeyboardInterrupt, BrokenPipeError):
        pass
    finally:
        consumer.close()


if __name__ == "__main__":
    main(sys.argv[1:] or ["trade-data.korea"])
