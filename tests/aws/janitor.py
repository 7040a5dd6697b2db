"""The real janitor, run as Lambda runs it: its runtime interface, and the streams that call it.

Stands in for Lambda's event source mappings: reads the streams of tables and hands over batches, in the
form in which Lambda does. What a batch is answered with is up to the test.
"""

import base64
import json
import os
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue

from operate.tables import Generation, archived

ANSWER_SECONDS = 60


class Janitor:
    """One process of the function; used in a `with`."""

    def __init__(self, bucket: str):
        self.bucket = bucket
        self.events, self.answers = Queue(), Queue()
        # Sequence numbers that were handed over, by table and shard.
        self.seen: set[tuple[str, str]] = set()

    def __enter__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._interface())
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        environment = {
            **os.environ,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "janitor",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_LOG_GROUP_NAME": "janitor",
            "AWS_LAMBDA_LOG_STREAM_NAME": "one",
            "SHAREKEEP_RECORDS_BUCKET": self.bucket,
        }
        program = Path(os.environ["SHAREKEEP_TEST_FUNCTIONS"]) / "janitor"
        self.process = subprocess.Popen([program], env=environment, stdout=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        # Lets a request for the next event end.
        self.events.put(None)
        self.server.shutdown()
        self.server.server_close()

    def call(self, records: list[dict]) -> bool:
        """Hands a batch over; whether the function took it."""
        self.events.put({"Records": records})
        return self.answers.get(timeout=ANSWER_SECONDS)

    def follow(self, of: Generation, batch: int = 7) -> int:
        """Hands over what the streams of all archived tables have and had not; how many changes."""
        count = 0
        for table in archived():
            for records in self.pending(of, table, batch):
                if not self.call(records):
                    raise AssertionError(f"the janitor refused a batch of {table}")
                count += len(records)
        return count

    def pending(self, of: Generation, table: str, batch: int) -> list[list[dict]]:
        """Batches of one table that were not handed over yet; each is of one shard."""
        streams = of.accounts.service("dynamodbstreams")
        dynamodb = of.accounts.service("dynamodb")
        arn = dynamodb.describe_table(TableName=of.table(table))["Table"]["LatestStreamArn"]
        batches = []
        for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            given = []
            for record in _records(streams, arn, shard["ShardId"]):
                place = (arn, record["dynamodb"]["SequenceNumber"])
                if place not in self.seen:
                    self.seen.add(place)
                    given.append(_as_lambda_says(record, arn))
            batches += [given[at : at + batch] for at in range(0, len(given), batch)]
        return batches

    def _interface(janitor):
        class Interface(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                event = janitor.events.get()
                self.reply(200 if event else 500, event or {})

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                janitor.answers.put(self.path.endswith("/response"))
                self.reply(202, {})

            def reply(self, status, body):
                body = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.send_header(
                    "Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
                )
                self.send_header("Lambda-Runtime-Deadline-Ms", "9999999999999")
                self.send_header(
                    "Lambda-Runtime-Invoked-Function-Arn",
                    "arn:aws:lambda:eu-central-1:111111111111:function:janitor",
                )
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Interface


def _records(streams, arn: str, shard: str):
    iterator = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    while iterator:
        answer = streams.get_records(ShardIterator=iterator)
        if not answer["Records"]:
            return
        yield from answer["Records"]
        iterator = answer.get("NextShardIterator")


def _as_lambda_says(record: dict, arn: str) -> dict:
    """boto3's form of a record in Lambda's."""
    change = dict(record["dynamodb"])
    # DynamoDB Local has it to the minute only, DynamoDB to the second.
    change["ApproximateCreationDateTime"] = int(time.time())
    for name in ("Keys", "NewImage", "OldImage"):
        if name in change:
            change[name] = json.loads(json.dumps(change[name], default=_base64))
    return {
        "eventID": record["eventID"],
        "eventName": record["eventName"],
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-central-1",
        "dynamodb": change,
        "eventSourceARN": arn,
        **({"userIdentity": record["userIdentity"]} if "userIdentity" in record else {}),
    }


def _base64(value) -> str:
    return base64.b64encode(value).decode()
