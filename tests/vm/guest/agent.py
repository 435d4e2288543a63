# SPDX-License-Identifier: GPL-2.0-or-later
"""The agent inside a test machine: carries out what the host asks for over a virtual serial port.

One line of JSON in, one line of JSON out, in any order; "id" tells which answer belongs to which
question.

    {"id", "do": "run", "argv", "input", "timeout"}   -> {"id", "status", "out", "err"}
    {"id", "do": "spawn", "argv", "log"}              -> {"id", "pid"}; without a log: with pipes
    {"id", "do": "ask", "pid", "line", "timeout"}     -> {"id", "line"}; line null: only listen
    {"id", "do": "kill", "pid", "signal"}             -> {"id", "status"}
"""
import glob
import json
import os
import select
import signal
import subprocess
import threading
import time

lock = threading.Lock()
children = {}


def port():
    for _ in range(300):
        found = glob.glob("/dev/vport*p1")
        if found:
            return os.open(found[0], os.O_RDWR)
        time.sleep(0.1)
    raise SystemExit("agent: no serial port")


def run(q):
    source = {"stdin": subprocess.DEVNULL} if q.get("input") is None else {"input": q["input"]}
    p = subprocess.run(q["argv"], capture_output=True, text=True, errors="replace", start_new_session=True,
                       timeout=q.get("timeout", 60), **source)
    return {"status": p.returncode, "out": p.stdout, "err": p.stderr}


def spawn(q):
    if q.get("log"):
        with open(q["log"], "ab") as log:
            p = subprocess.Popen(q["argv"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 start_new_session=True)
    else:
        p = subprocess.Popen(q["argv"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
                             start_new_session=True)
    children[p.pid] = [p, b""]
    return {"pid": p.pid}


def ask(q):
    child = children[q["pid"]]
    p = child[0]
    if q.get("line") is not None:
        p.stdin.write(q["line"].encode() + b"\n")
    end = time.monotonic() + q.get("timeout", 30)
    while b"\n" not in child[1]:
        left = end - time.monotonic()
        if left <= 0 or not select.select([p.stdout], [], [], left)[0]:
            return {"error": "no answer"}
        more = os.read(p.stdout.fileno(), 65536)
        if not more:
            return {"error": f"ended with {p.wait()}"}
        child[1] += more
    line, child[1] = child[1].split(b"\n", 1)
    return {"line": line.decode()}


def kill(q):
    p = children[q["pid"]][0]
    if p.poll() is None:
        p.send_signal(q.get("signal", signal.SIGTERM))
    try:
        return {"status": p.wait(q.get("timeout", 20))}
    except subprocess.TimeoutExpired:
        return {"status": None}


def serve(fd, q):
    try:
        a = {"run": run, "spawn": spawn, "ask": ask, "kill": kill}[q["do"]](q)
    except subprocess.TimeoutExpired as e:
        a = {"error": f"not done in {e.timeout} s"}
    except Exception as e:  # whatever it is, the host must hear of it
        a = {"error": f"{type(e).__name__}: {e}"}
    data = json.dumps(a | {"id": q["id"]}).encode() + b"\n"
    with lock:
        while data:
            data = data[os.write(fd, data):]


def main():
    fd = port()
    os.write(fd, b'{"id": 0, "hello": true}\n')
    buf = b""
    while True:
        more = os.read(fd, 65536)
        if not more:
            time.sleep(0.05)  # nobody is at the other end
            continue
        buf += more
        *lines, buf = buf.split(b"\n")
        for line in lines:
            threading.Thread(target=serve, args=(fd, json.loads(line)), daemon=True).start()


main()
