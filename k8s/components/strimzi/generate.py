#!/usr/bin/env python3
"""Prints the Strimzi users, with the rights of docs/permissions.toml under the program's default names.

generate.py > users.yaml; make check-deploy refuses a users.yaml that is not what this prints.
"""

import pathlib
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[3]

STREAM = ["customer-events.v1", "customer-outcomes.v1", "customer-scores.v1", "shadow-scores.v1"]
CONSUMED = [*STREAM, "retrain-requests.v1", "model-updates.v1"]
NAMES = {
    "topics": [*CONSUMED, *(f"{topic}.dlq" for topic in CONSUMED), "stream-positions.v1"],
    "events": ["customer-events.v1"],
    "outcomes": ["customer-outcomes.v1"],
    "scores": ["customer-scores.v1"],
    "shadow": ["shadow-scores.v1"],
    "retrain_requests": ["retrain-requests.v1"],
    "model_updates": ["model-updates.v1"],
    "positions": ["stream-positions.v1"],
    "scorer_group": ["churn-scorer"],
    "sink_group": ["churn-sink"],
    "monitor_group": ["churn-monitor"],
    "trainer_group": ["churn-trainer"],
    "scorer_transactions": ["churn-scorer-"],
    "synthesizer_transactions": ["synthesizer-"],
    "prefix": [""],
}
TYPES = {"topic": "topic", "group": "group", "cluster": "cluster", "transactional_id": "transactionalId"}
OPERATIONS = {"describe_configs": "DescribeConfigs"}


def resolved(name: str) -> list[str]:
    """The names that `{word}rest` stands for."""
    if not name.startswith("{"):
        return [name]
    word, rest = name[1:].split("}", 1)
    return [value + rest for value in NAMES[word]]


def acl(right: dict, name: str) -> str:
    """One line of `acls`."""
    kind = TYPES[right["resource"]]
    pattern = "prefix" if right.get("prefixed") else "literal"
    # A cluster has no name of its own for Strimzi.
    resource = "{ type: cluster }" if kind == "cluster" else f"{{ type: {kind}, name: {name}, patternType: {pattern} }}"
    operations = ", ".join(OPERATIONS.get(operation, operation.capitalize()) for operation in right["operations"])
    return f"      - {{ resource: {resource}, operations: [{operations}] }}"


def user(part: str, rights: list[dict]) -> str:
    """The KafkaUser of one part."""
    acls = [acl(right, name) for right in rights for pattern in right["names"] for name in resolved(pattern)]
    return "\n".join([
        "apiVersion: kafka.strimzi.io/v1beta2",
        "kind: KafkaUser",
        "metadata:",
        f"  name: churn-{part}",
        "  labels: { strimzi.io/cluster: kafka }",
        "spec:",
        "  authentication: { type: scram-sha-512 }",
        "  authorization:",
        "    type: simple",
        "    acls:",
        *acls,
    ])


def main() -> None:
    """Prints all of them."""
    parts = tomllib.loads((ROOT / "docs/permissions.toml").read_text())
    users = [user(part, table["kafka"]) for part, table in parts.items() if table.get("kafka")]
    print("# Written by generate.py from docs/permissions.toml.")
    print("\n---\n".join(users))


main()
