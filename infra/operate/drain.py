"""What the tables' own streams say that the archive does not have yet.

Streams remember a day. A change that is in a stream and not in the archive is one that the janitor has
not come to, or cannot archive; restoring without it would take it back.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from operate import Refused
from operate.agreement import say
from operate.archive import Bucket, Spool
from operate.tables import Generation, archived

# What a stream remembers, and an hour for what is called "about" in its times.
STREAM_REMEMBERS = timedelta(hours=25)
# An open shard has no end; so many empty answers are one.
EMPTY_ANSWERS = 5
EMPTY_PAUSE_SECONDS = 0.2
# The janitor tries a batch again after at most a minute, and another one waits behind it.
WAIT_SECONDS = 900
POLL_SECONDS = 10


def drain(
    of: Generation,
    bucket: Bucket,
    spool: Spool,
    since: datetime,
    although_missing: bool,
) -> None:
    """Loads the archive from `since` on, and waits until it has all that the streams have."""
    since = min(since, datetime.now(UTC) - STREAM_REMEMBERS)
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        for table in archived():
            spool.load(bucket, of.prefix, table, since)
        missing = {table: count for table in archived() if (count := _missing(of, table, spool))}
        if not missing:
            return
        named = ", ".join(f"{count} of {of.table(table)}" for table, count in missing.items())
        if time.monotonic() > deadline:
            text = f"changes that are not in the archive: {named}"
            if not although_missing:
                raise Refused(
                    f"{text}. See what keeps the function {of.settings.name}-janitor from storing them; "
                    "to restore without them, give --although-changes-are-missing"
                )
            say(f"  {text}: going on without them")
            return
        say(f"  waiting for the janitor: {named}")
        time.sleep(POLL_SECONDS)


def _missing(of: Generation, table: str, spool: Spool) -> int:
    return sum(not spool.has(table, label, number) for label, number in in_streams(of, table))


def in_streams(of: Generation, table: str) -> Iterator[tuple[str, str]]:
    """Label and sequence number of every change that a table's streams still have.

    The streams of a table outlive it, so this answers for a deleted table too.
    """
    streams = of.accounts.service("dynamodbstreams")
    for stream in streams.list_streams(TableName=of.table(table)).get("Streams", []):
        arn, label = stream["StreamArn"], stream["StreamLabel"]
        for shard in _shards(streams, arn):
            for number in _numbers(streams, arn, shard):
                yield label, number


def _shards(streams, arn: str) -> Iterator[str]:
    start = {}
    while True:
        described = streams.describe_stream(StreamArn=arn, **start)["StreamDescription"]
        for shard in described["Shards"]:
            yield shard["ShardId"]
        if not (last := described.get("LastEvaluatedShardId")):
            return
        start = {"ExclusiveStartShardId": last}


def _numbers(streams, arn: str, shard: str) -> Iterator[str]:
    iterator = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    empty = 0
    while iterator and empty < EMPTY_ANSWERS:
        answer = streams.get_records(ShardIterator=iterator)
        iterator = answer.get("NextShardIterator")
        if not answer["Records"]:
            empty += 1
            time.sleep(EMPTY_PAUSE_SECONDS)
            continue
        empty = 0
        for record in answer["Records"]:
            yield record["dynamodb"]["SequenceNumber"]
