#!/bin/sh
# Build the sandbox's root file system as OUT.tar from Debian packages alone: no registry, no engine.
# The same packages give the same bytes: fixed time stamps, sorted entries, no caches, no logs.
set -eu
here=$(dirname "$0")
export SOURCE_DATE_EPOCH=1700000000
packages=$(paste -sd, "$here/packages.txt")
exec mmdebstrap --quiet --variant=essential --include="$packages" \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='rm -rf "$1"/var/log/* "$1"/etc/hostname "$1"/etc/resolv.conf' \
    --customize-hook='find "$1" -xdev -perm /6000 -type f -exec chmod a-s {} +' \
    --customize-hook='cd "$1"/usr/lib/python3/dist-packages && rm -rf pandas/tests numpy/*/tests sympy/*/tests sympy/*/*/tests' \
    --customize-hook='mkdir -p "$1"/work' \
    bookworm "$1"
