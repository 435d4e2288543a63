# SPDX-License-Identifier: GPL-2.0-or-later
"""FTP through the firewall: a server (vsftpd) and a client (ftplib) that does a transfer in two
steps, so that something can happen between the announcement of a data connection and its opening.
"""
import json
import os
import select
import shutil
import subprocess
import tempfile

from netns import LabError, wait_until

PYTHON = "/usr/bin/python3"
CONTENT = bytes(i * 7 + (i >> 8) & 255 for i in range(300000))

# Connects when a transfer is asked for, not when a port is announced; PATH is its folder.
SERVER_CONF = """
listen=NO
listen_ipv6=YES
background=NO
run_as_launching_user=YES
anonymous_enable=YES
no_anon_password=YES
anon_root=PATH
anon_upload_enable=YES
anon_other_write_enable=YES
anon_world_readable_only=NO
write_enable=YES
allow_writeable_chroot=YES
secure_chroot_dir=PATH/empty
connect_from_port_20=NO
seccomp_sandbox=NO
idle_session_timeout=600
"""

# A line of JSON in, one out: ["open", host, port] ["port"] ["pasv"] ["get"] ["put"] ["noop"] …
CLIENT_PROGRAM = """
import ftplib, hashlib, json, socket, sys
TIMEOUT = 8
want = bytes(i * 7 + (i >> 8) & 255 for i in range(300000))
ftp, announced = None, None
def data(command):
    "Opens the announced data connection by this command."
    if isinstance(announced, tuple):
        s = socket.create_connection(announced, TIMEOUT)
        reply = ftp.sendcmd(command)
    else:
        reply = ftp.sendcmd(command)
        announced.settimeout(TIMEOUT)
        s, _ = announced.accept()
        announced.close()
    s.settimeout(TIMEOUT)
    assert reply[0] == "1", reply
    return s
def do(word, *args):
    global ftp, announced
    if word == "open":
        ftp = ftplib.FTP(timeout=TIMEOUT)
        ftp.connect(*args)
        ftp.login()
        ftp.voidcmd("TYPE I")
    elif word == "port":
        announced = ftp.makeport()
    elif word == "pasv":
        announced = ftp.makepasv()
    elif word == "get":
        s, got = data("RETR data"), b""
        while d := s.recv(65536):
            got += d
        s.close()
        ftp.voidresp()
        assert got == want, f"{len(got)} bytes, not the right ones"
    elif word == "put":
        s = data("STOR copy")
        s.sendall(want)
        s.close()
        ftp.voidresp()
        assert ftp.size("copy") == len(want)
    elif word == "noop":
        ftp.voidcmd("NOOP")
    return None
print("ready", flush=True)
for line in sys.stdin:
    try:
        error = do(*json.loads(line))
    except (OSError, EOFError, AssertionError, AttributeError, ftplib.Error) as e:
        error = f"{type(e).__name__}: {e}"
    print(json.dumps(error), flush=True)
"""


class FtpServer:
    def __init__(self, ns, address="::", port=21):
        self.folder = tempfile.mkdtemp(prefix="tw-ftp-")
        os.mkdir(os.path.join(self.folder, "empty"))
        with open(os.path.join(self.folder, "data"), "wb") as f:
            f.write(CONTENT)
        conf = os.path.join(self.folder, "conf")
        with open(conf, "w") as f:
            f.write(SERVER_CONF.replace("PATH", self.folder) + f"listen_port={port}\nlisten_address6={address}\n")
        self.p = ns.popen("vsftpd", conf)
        wait_until(lambda: f":{port} " in ns.exec("ss", "-Hltn") or self.p.poll() is not None, 10, "vsftpd listens")
        if self.p.poll() is not None:
            raise LabError(f"vsftpd ended with {self.p.returncode}")

    def stop(self):
        """Its sessions are processes of their own and go by themselves when their client does."""
        self.p.kill()
        self.p.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class FtpClient:
    def __init__(self, ns, host, port=21):
        self.p = ns.popen(PYTHON, "-c", CLIENT_PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.line() != "ready":
            raise LabError(f"the FTP client did not start: {self.p.poll()}")
        self.do("open", host, port)

    def line(self, timeout=30):
        if not select.select([self.p.stdout], [], [], timeout)[0]:
            raise LabError("the FTP client does not answer")
        return self.p.stdout.readline().strip()

    def stop(self):
        self.p.kill()
        self.p.wait()
        self.p.stdin.close()
        self.p.stdout.close()

    def error(self, *words):
        """What went wrong, None when nothing did."""
        self.p.stdin.write(json.dumps(words) + "\n")
        self.p.stdin.flush()
        return json.loads(self.line())

    def do(self, *words):
        error = self.error(*words)
        assert error is None, f"{words}: {error}"

    def transfer(self, how):
        """A whole one each way; how: port (active) or pasv."""
        for what in ("get", "put"):
            self.do(how)
            self.do(what)
