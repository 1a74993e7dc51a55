"""The vendored librdkafka: its configuration, and a broker that is not there"""

from confluent_kafka import KafkaError, KafkaException, Producer, libversion
from confluent_kafka.admin import AdminClient


def main():
    errors = []
    producer = Producer(
        {"bootstrap.servers": "127.0.0.1:1", "error_cb": errors.append, "message.timeout.ms": 500}
    )
    producer.produce("topic", b"value", callback=lambda error, message: errors.append(error))
    producer.flush(10)
    assert KafkaError._MSG_TIMED_OUT in [error.code() for error in errors], errors
    try:
        Producer({"no.such.option": 1})
    except KafkaException as error:
        assert "No such configuration property" in str(error)
    assert libversion()[1] > 0x02000000 and AdminClient
    print("as expected")
