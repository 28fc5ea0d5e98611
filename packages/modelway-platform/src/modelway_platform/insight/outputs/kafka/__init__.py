"""Kafka: records as JSON, by key in order, through librdkafka's idempotent producer."""
