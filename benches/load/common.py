"""What the load scripts share: photos, services, the load tool, what a process has used."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "target" / "load"
VENV = WORK / "venv"
CORES = len(os.sched_getaffinity(0))
# Keep service and load tool on cores of their own, so that the tool's share is none of the service's loss.
APART = False
# As the Makefile's tests do, so that one build serves both.
TURBOJPEG = ["clearshot/turbojpeg"] if shutil.which("cmake") and shutil.which("nasm") else []
FEATURES = ["--workspace", "--features", ",".join([*TURBOJPEG, "clearshot/object-store", "clearshot/otlp"])]

MAKE_PHOTOS = """
import sys, numpy
from PIL import Image
source, folder = sys.argv[1:]
photo = Image.open(source).convert("RGB")
for name, size in (("1024px", (1024, 683)), ("12MP", (4000, 3000))):
    pixels = numpy.asarray(photo.resize(size, Image.LANCZOS), numpy.float32)
    # Grain, as a sensor has: without it an enlarged photo is far smaller than a real one of its size.
    pixels = pixels + numpy.random.default_rng(1).normal(0, 4, pixels.shape)
    Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8)).save(f"{folder}/{name}.jpg", quality=88)
"""


def prepare():
    if shutil.which("oha") is None:
        sys.exit("oha is missing: cargo install --locked oha")
    prepare_offline()


def prepare_offline():
    WORK.mkdir(parents=True, exist_ok=True)
    if not VENV.exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        requirements = ROOT / "benches/load/peer/requirements.txt"
        subprocess.run([VENV / "bin/pip", "install", "-q", "-r", requirements], check=True)
    subprocess.run([VENV / "bin/python", "-c", MAKE_PHOTOS, ROOT / "tests/fixtures/pavilion.jpg", WORK], check=True)
    subprocess.run(["cargo", "build", "--release", "--locked", "--bins", *FEATURES], cwd=ROOT, check=True)
    subprocess.run(["cargo", "bench", "--no-run", "--bench", "limit", *FEATURES], cwd=ROOT, check=True, capture_output=True)


def limit(photo, seconds):
    """Photos per second without HTTP, queues and files."""
    command = ["cargo", "bench", "-q", "--bench", "limit", *FEATURES, "--", photo, str(seconds)]
    return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)


def tree(pid):
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(descendant for child in children for descendant in tree(int(child)))]


def cpu_seconds(pid):
    ticks = 0
    for process in tree(pid):
        fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(") ", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(pid):
    kilobytes = 0
    for process in tree(pid):
        status = pathlib.Path(f"/proc/{process}/status").read_text()
        kilobytes += int(status.split("VmHWM:")[1].split()[0])
    return kilobytes / 1024


def pinned(half):
    """What to put before a command to pin it to one half of the cores; nothing unless APART."""
    cores = sorted(os.sched_getaffinity(0))
    middle = (len(cores) + 1) // 2
    part = cores[:middle] if half == "service" else cores[middle:]
    return ["taskset", "-c", ",".join(map(str, part))] if APART else []


def load(url, photo, *arguments):
    command = [*pinned("load"), "oha", "--no-tui", "--output-format", "json", "-m", "POST", "-D", photo, "-T", "image/jpeg", *arguments]
    return json.loads(subprocess.run([*map(str, command), url + "/score"], check=True, capture_output=True).stdout)


def wait(url):
    for _ in range(600):
        try:
            return urllib.request.urlopen(url, timeout=1).close()
        except urllib.error.HTTPError:
            return None
        except OSError:
            time.sleep(0.1)
    sys.exit(f"nothing answers at {url}")




def peer(app, port):
    """A Python service of benches/load/peer."""
    command = [VENV / "bin/uvicorn", f"{app}:app", "--workers", str(CORES), "--port", str(port), "--log-level", "warning"]
    return command, ROOT / "benches/load/peer", port, "/docs"


SERVICES = {
    "clearshot": (["target/release/clearshot", "serve", "--listen", "127.0.0.1:8089"], ROOT, 8089, "/readyz"),
    "peer": peer("app", 8090),
    "classical": peer("classical", 8091),
}


@contextlib.contextmanager
def start(name):
    """Runs a service; gives its address and process id."""
    command, folder, port, probe = SERVICES[name]
    environment = {**os.environ, "RUST_LOG": "error", "ORT_DISABLE_TELEMETRY": "1"}
    process = subprocess.Popen([*pinned("service"), *command], cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        wait(url + probe)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait()
