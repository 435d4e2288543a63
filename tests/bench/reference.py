# SPDX-License-Identifier: GPL-2.0-or-later
"""What the benchmark compares with: the pair that people build today from keepalived and conntrackd.

Set up the way both projects document it: two VRRP instances in one sync group, nopreempt, conntrackd in
FT-FW mode over the sync interface with its external cache committed by the notify script, forwarding
and NAT by nftables. keepalived runs at real-time priority with locked memory, as Twinwall's engine does.
"""
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab"))
from lab import PRIVATE4, SHARED4, LabError, Machine, wait_until  # noqa: E402

KEEPALIVED = """\
global_defs {{
	router_id {name}
	script_user root
	enable_script_security
	vrrp_version {version}
	vrrp_rt_priority 50
	vrrp_no_swap
}}
vrrp_sync_group both {{
	group {{
		lan
		wan
	}}
	notify_master "{notify} primary"
	notify_backup "{notify} backup"
	notify_fault "{notify} fault"
}}
{instances}"""

INSTANCE = """\
vrrp_instance {segment} {{
	state BACKUP
	interface {segment}
	virtual_router_id {vrid}
	priority {priority}
	advert_int {advert}
	nopreempt
	virtual_ipaddress {{
		{shared}/24
	}}
}}
"""

CONNTRACKD = """\
Sync {{
	Mode FTFW {{
		ResendQueueSize 131072
		PurgeTimeout 60
		ACKWindowSize 300
		DisableExternalCache {no_cache}
	}}
	UDP {{
		IPv4_address {me}
		IPv4_Destination_Address {peer}
		Port 3780
		Interface sync
		SndSocketBuffer 24985600
		RcvSocketBuffer 24985600
		Checksum on
	}}
}}
General {{
	HashSize {hash_size}
	HashLimit {hash_limit}
	LogFile {dir}/conntrackd.log
	Syslog off
	LockFile {dir}/conntrackd.lock
	UNIX {{
		Path {dir}/conntrackd.ctl
	}}
	NetlinkBufferSize {buffer}
	NetlinkBufferSizeMaxGrowth {buffer_max}
	NetlinkEventsReliable Off
	Filter From {filter} {{
		Protocol Accept {{
			TCP
			UDP
			ICMP
		}}
		Address Ignore {{
			IPv4_address 127.0.0.1
			IPv4_address {me}
			IPv4_address {peer}
		}}
	}}
}}
"""

# As its example has it; statesync.py gives it more.
CONNTRACKD_SIZES = {"no_cache": "Off", "hash_size": 32768, "hash_limit": 131072, "buffer": 2097152,
                    "buffer_max": 8388608, "filter": "Userspace"}

# What conntrackd's own example script does at each change of role.
NOTIFY = """\
#!/bin/sh
ct() {{ /usr/sbin/conntrackd -C {dir}/conntrackd.conf "$@"; }}
case "$1" in
primary) ct -c; ct -f; ct -R; ct -B ;;
backup) ct -t; ct -n ;;
fault) ct -t ;;
esac
echo "$1" >{dir}/role
"""

RULES = """\
table inet fw {
	chain forward {
		type filter hook forward priority 0; policy drop
		ct state invalid drop
		ct state established,related accept
		iifname "lan" oifname "wan" accept
	}
	chain post {
		type nat hook postrouting priority 100
		ip saddr 10.1.0.0/24 oifname "wan" snat ip to 10.2.0.1
	}
}
"""


class KeepalivedNode(Machine):
    """advert: seconds between two VRRP advertisements, as keepalived takes it."""

    def __init__(self, lab, name, number, segments, disk, advert="1"):
        self.advert = advert
        self.keepalived = self.conntrackd = None
        super().__init__(lab, name, number, segments, disk)

    def path(self, *parts):
        return os.path.join(self.disk, *parts)

    def _write(self, name, text, mode=0o600):
        with open(self.path(name), "w") as f:
            f.write(text)
        os.chmod(self.path(name), mode)

    def _configure(self):
        sync = {"a": "10.255.0.1", "b": "10.255.0.2"}
        instances = "".join(INSTANCE.format(
            segment=s, vrid=i, priority=100 if self.name == "a" else 90, advert=self.advert,
            shared=SHARED4[s]) for i, s in enumerate(("lan", "wan"), start=51))
        self._write("keepalived.conf", KEEPALIVED.format(
            name=self.name, notify=self.path("notify"), instances=instances,
            version=2 if float(self.advert) >= 1 else 3))
        self._write("conntrackd.conf", CONNTRACKD.format(
            me=sync[self.name], peer=sync["b" if self.name == "a" else "a"], dir=self.disk,
            **CONNTRACKD_SIZES))
        self._write("notify", NOTIFY.format(dir=self.disk), 0o700)
        self.ns.sysctl("net.ipv4.ip_forward=1")
        self.ns.ip(f"addr replace {sync[self.name]}/24 dev sync",
                   *[f"addr replace {PRIVATE4[self.name][s]}/24 dev {s}" for s in ("lan", "wan")],
                   "route replace default via 10.2.0.254")
        self.ns.exec("nft", "-f", "-", stdin="flush ruleset\n" + RULES)

    def start(self):
        self._configure()
        for stale in ("role", "conntrackd.lock", "conntrackd.ctl", "keepalived.pid", "vrrp.pid"):
            if os.path.exists(self.path(stale)):
                os.unlink(self.path(stale))
        with open(self.path("log"), "ab") as log:
            self.conntrackd = self.ns.popen("/usr/sbin/conntrackd", "-C", self.path("conntrackd.conf"),
                                            stdout=log, stderr=log)
            wait_until(lambda: os.path.exists(self.path("conntrackd.ctl")), 5, "conntrackd listens")
            self.start_keepalived()
        return self

    def start_keepalived(self):
        with open(self.path("log"), "ab") as log:
            self.keepalived = self.ns.popen(
                "/usr/sbin/keepalived", "--dont-fork", "--log-console", "--vrrp",
                "--use-file", self.path("keepalived.conf"), "--pid", self.path("keepalived.pid"),
                "--vrrp_pid", self.path("vrrp.pid"), stdout=log, stderr=log)

    def stop_keepalived(self):
        """Its planned way out: advertises priority 0, so that the peer need not wait."""
        self.keepalived.send_signal(signal.SIGTERM)
        try:
            self.keepalived.wait(10)
        except subprocess.TimeoutExpired as e:
            raise LabError("keepalived does not end") from e

    def kill_keepalived(self, number):
        for pid in [*self.children(self.keepalived.pid), self.keepalived.pid]:
            os.kill(pid, number)

    @property
    def holds(self):
        """The shared addresses are on its interfaces."""
        out = self.ns.exec("ip", "-4", "-o", "addr") if self.powered else ""
        return all(f" {a}/" in out for a in SHARED4.values())

    @property
    def role(self):
        try:
            with open(self.path("role")) as f:
                return f.read().strip()
        except FileNotFoundError:
            return ""

    @property
    def active(self):
        return self.role == "primary" and self.holds

    @property
    def standby(self):
        return self.role == "backup" and not self.holds
