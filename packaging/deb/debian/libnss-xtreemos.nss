# Local files always win; grid names come before nss-systemd, which asks every userdb service it finds.
passwd after=files xos
group after=files xos
