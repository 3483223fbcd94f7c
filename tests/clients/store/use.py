"""Puts photos into a bucket and scores them there by `clearshot score`: the same rows as from files."""

import json
import os
import pathlib
import subprocess
import tempfile
import urllib.error
import urllib.request

import boto3
from moto.server import ThreadedMotoServer

CLEARSHOT = "target/release/clearshot"
PHOTOS = ["tests/fixtures/pavilion.jpg", "tests/fixtures/tilted.jpg"]
# Names that a URL cannot hold as they are.
KEYS = ["2026/a b#1 100%.jpg", "2026/ü/tilted.jpg"]


def score(*arguments, environment={}, code=0):
    command = [CLEARSHOT, "score", *arguments]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stderr


def rows(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]


server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
server.start()
host, port = server.get_host_and_port()
endpoint = f"http://{host}:{port}"
store = {
    "AWS_ENDPOINT": endpoint, "AWS_ALLOW_HTTP": "true", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1",
}
bucket = boto3.client("s3", endpoint_url=endpoint, aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
bucket.create_bucket(Bucket="photos")
for photo, key in zip(PHOTOS, KEYS):
    bucket.upload_file(photo, "photos", key)
bucket.put_object(Bucket="photos", Key="2026/notes.txt", Body=b"no photo")
bucket.put_object(Bucket="photos", Key="2025/old.jpg", Body=b"not asked for")
# Without an ending the content tells.
bucket.upload_file(PHOTOS[0], "photos", "2024/plain")
bucket.put_object(Bucket="photos", Key="2024/SUCCESS", Body=b"no photo")
bucket.put_object(Bucket="photos", Key="2024/._plain.jpg", Body=b"hidden")
with tempfile.TemporaryDirectory() as folder:
    local, remote = f"{folder}/local.jsonl", f"{folder}/remote.jsonl"
    score(*PHOTOS, "--output", local)
    score("s3://photos/2026/", "--output", remote, "--html", f"{folder}/sheet.html", environment=store)
    found = rows(remote)
    assert [row.pop("path") for row in found] == ["s3://photos/2026/a%20b%231%20100%25.jpg", "s3://photos/2026/%C3%BC/tilted.jpg"], found
    wanted = rows(local)
    assert all(row.pop("path") for row in wanted)
    assert found == wanted, (found, wanted)
    assert pathlib.Path(folder, "sheet.html").read_text().count("data:image/jpeg") == 2
    said = score("s3://photos/2026/", "--output", remote, environment=store)
    assert "0 photos" in said and "2 skipped" in said, said
    said = score("s3://photos/2026/gone.jpg", "--output", remote, environment=store, code=3)
    assert "1 could not be read" in said, said
    plain = f"{folder}/plain.jsonl"
    said = score("s3://photos/2024/", "--output", plain, environment=store)
    assert [row["path"] for row in rows(plain)] == ["s3://photos/2024/plain"], rows(plain)
    assert "1 hidden" in said and "1 without an ending" in said, said
    said = score("s3://photos/2024/plain", environment=store)
    assert "1 photo in" in said, said
    # What cannot be listed is named, and costs no other.
    said = score("s3://nowhere/", "ftp://photos/", "s3://photos/2024/plain", environment=store, code=3)
    assert "3 photos" in said and "2 could not be read" in said and "ftp://photos/" in said, said
# The service fetches what a request names, if it lies below what is allowed.
serving = subprocess.Popen(
    [CLEARSHOT, "serve", "--listen", "127.0.0.1:0", "--allow-source", "s3://photos/2026/"],
    env={**os.environ, **store}, stdout=subprocess.PIPE, text=True,
)


def ask(source):
    body = json.dumps({"source": source}).encode()
    request = urllib.request.Request(f"{url}/score", body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


try:
    url = serving.stdout.readline().split()[-1]
    status, answer = ask("s3://photos/2026/a%20b%231%20100%25.jpg")
    with urllib.request.urlopen(urllib.request.Request(f"{url}/score", pathlib.Path(PHOTOS[0]).read_bytes())) as sent:
        expected = json.load(sent)
    assert status == 200 and answer["scores"] == expected["scores"], answer
    for source, wanted in [
        ("s3://photos/2026/none.jpg", (422, "source_not_found")),
        ("s3://photos/2026/notes.txt", (415, "unsupported_format")),
        ("s3://photos/2025/old.jpg", (403, "source_not_allowed")),
        ("s3://photos/2026/../2025/old.jpg", (403, "source_not_allowed")),
        ("s3://others/2026/a.jpg", (403, "source_not_allowed")),
    ]:
        status, answer = ask(source)
        assert (status, answer["code"]) == wanted, (source, answer)
finally:
    serving.terminate()
    serving.wait()
server.stop()
print("store: ok")
