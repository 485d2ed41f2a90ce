#!/usr/bin/env python3
"""A real Alertmanager with the configuration that is shipped: who is told what, and what is not told.

notifications.py FOLDER    starts Alertmanager on monitoring/alertmanager/alertmanager.yaml, whose addresses are replaced by
                           scripts/monitoring/receive.py; fails where a message is missing, wrong, or one too many
"""

import datetime
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request

from stack import ROOT, ports, wait_for

SHIPPED = ROOT / "monitoring/alertmanager"


def configuration(folder, hook, smtp):
    """The shipped one, with addresses of this machine, no wait, and no TLS and log-in for the mail."""
    text = (SHIPPED / "alertmanager.yaml").read_text(encoding="utf-8")
    replacements = [
        (r'smtp_smarthost: .*', f'smtp_smarthost: "127.0.0.1:{smtp}"\n  smtp_require_tls: false'),
        (r"  smtp_auth_\w+: .*\n", ""),
        (r"/run/secrets/chat_url", f"{folder}/chat_url"),
        (r"/run/secrets/http_token", f"{folder}/http_token"),
        (r"http://trainer:8080/", f"http://127.0.0.1:{hook}/"),
        (r"group_wait: .*", "group_wait: 1s"),
    ]
    for pattern, replacement in replacements:
        text, found = re.subn(pattern, replacement, text)
        if not found:
            sys.exit(f"alertmanager.yaml has no {pattern}")
    (folder / "alertmanager.yaml").write_text(text, encoding="utf-8")
    (folder / "chat_url").write_text(f"http://127.0.0.1:{hook}/chat", encoding="utf-8")
    (folder / "http_token").write_text("the-token", encoding="utf-8")
    shutil.copy(SHIPPED / "churn.tmpl", folder)


def alert(name, severity, subject, **labels):
    annotations = {
        "summary": f"{name} of {labels or 'all'}",
        "description": "A description.",
        "dashboard": "churn-pipeline",
        "runbook_url": f"docs/runbooks/{name}.md",
    }
    now = datetime.datetime.now(datetime.timezone.utc)
    return {
        "labels": {"alertname": name, "severity": severity, "subject": subject, **labels},
        "annotations": annotations,
        "startsAt": now.isoformat(),
        "endsAt": (now + datetime.timedelta(minutes=5)).isoformat(),
    }


def a_dead_broker():
    """What Prometheus says when Kafka is gone: it itself, and forty alarms that follow from it."""
    parts = ["synthesizer", "scorer-0", "scorer-1", "scorer-2", "sink-0", "sink-1", "sink-2", "monitor"]
    follow = [alert("ChurnComponentNotReady", "critical", "part", component="kafka", instance=part) for part in parts]
    follow += [alert("ChurnComponentNotReady", "critical", "part", component=part, instance=part) for part in parts]
    for stage in ["scorer", "sink", "monitor"]:
        follow += [
            alert(name, severity, "flow", stage=stage)
            for name, severity in [("ChurnNoData", "critical"), ("ChurnLagGrows", "warning"), ("ChurnStalled", "critical"),
                                   ("ChurnSilence", "warning"), ("ChurnDeadLetters", "warning")]
        ]
    follow += [
        alert(name, severity, "slo", window=window)
        for name in ["ChurnLatencyBurn", "ChurnLossBurn"]
        for window, severity in [("1h", "critical"), ("6h", "critical"), ("1d", "warning"), ("3d", "warning")]
    ]
    follow += [alert("ChurnUnwatched", "critical", "model")]
    assert len(follow) >= 40, len(follow)
    return [alert("ChurnKafkaDown", "critical", "server"), *follow]


def post(port, alerts):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v2/alerts", json.dumps(alerts).encode(), {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=5).close()


def ready(port):
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=1).status == 200
    except (urllib.error.URLError, OSError):
        return False


def messages(file):
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def judge(got):
    """Both messages about the model and the one about the broker, each as the templates want it, and nothing else."""
    chats = {message["body"]["attachments"][0]["title"]: message["body"]["attachments"][0] for message in got if message["path"] == "/chat"}
    mails = {message["subject"]: message for message in got if message["path"] == "mail"}
    asked = [message for message in got if message["path"] == "/v1/retrain"]
    expected = {"[CRITICAL] ChurnKafkaDown", "[WARNING] ChurnDrift v7"}
    assert set(chats) == expected, f"the chat was told {sorted(chats)}"
    assert set(mails) == {"[CRITICAL] ChurnKafkaDown"}, f"the mail was about {sorted(mails)}"
    assert len(got) == 4, f"{len(got)} messages instead of four: {[message['path'] for message in got]}"
    drift = chats["[WARNING] ChurnDrift v7"]
    assert drift["color"] == "warning" and "docs/runbooks/ChurnDrift.md" in drift["text"], drift
    assert chats["[CRITICAL] ChurnKafkaDown"]["color"] == "danger"
    mail = mails["[CRITICAL] ChurnKafkaDown"]["body"]
    assert "A description." in mail["text/plain"] and "docs/runbooks/ChurnKafkaDown.md" in mail["text/html"], mail
    (request,) = asked
    assert request["authorization"] == "Bearer the-token", request
    labels = request["body"]["alerts"][0]["labels"]
    assert (labels["alertname"], labels["model_version"]) == ("ChurnDrift", "v7"), labels


def main():
    folder = pathlib.Path(sys.argv[1])
    hook, smtp, port = ports(3)
    configuration(folder, hook, smtp)
    file = folder / "messages"
    programs = [
        subprocess.Popen([sys.executable, ROOT / "scripts/monitoring/receive.py", str(hook), str(smtp), file]),
        subprocess.Popen(
            ["prometheus-alertmanager", f"--config.file={folder}/alertmanager.yaml", f"--storage.path={folder}/am",
             "--cluster.listen-address=", f"--web.listen-address=127.0.0.1:{port}"],
            stderr=(folder / "alertmanager.log").open("w"),
        ),
    ]
    try:
        wait_for("Alertmanager answers", lambda: ready(port), 30)
        # The broker's alarm comes first, as it does with its shorter `for`.
        broker, *follow = a_dead_broker()
        post(port, [broker, alert("ChurnDrift", "warning", "model", model_version="v7")])
        post(port, follow)
        wait_for("chat, mail and trainer are told", lambda: len(messages(file)) >= 4, 30)
        # Every group's wait is over long before this: what was to come has come.
        time.sleep(3)
        judge(messages(file))
    finally:
        for program in programs:
            program.terminate()
        for program in programs:
            program.wait()
    print(f"of {1 + len(follow)} alarms about a dead broker one was told; chat, mail and trainer got what the templates say")


main()
